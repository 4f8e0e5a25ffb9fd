package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// looksLikeJSON reports whether data is a JSON object. YAML readers trip over
// some of JSON, such as tabs and surrogate pairs.
func looksLikeJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && json.Valid(data)
}

// parseJSON builds the tree of valid JSON.
func parseJSON(data []byte) (*node, error) {
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	return r.read(0)
}

type jsonReader struct {
	budget
	data []byte
	dec  *json.Decoder
	// line is the line of the byte at offset at.
	line int
	at   int64
}

// next returns a token and its line.
func (r *jsonReader) next() (json.Token, int, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, 0, &syntaxError{r.line, "broken JSON"}
	}
	end := r.dec.InputOffset()
	r.line += bytes.Count(r.data[r.at:end], []byte("\n"))
	r.at = end
	return token, r.line, nil
}

func (r *jsonReader) read(depth int) (*node, error) {
	token, line, err := r.next()
	if err != nil {
		return nil, err
	}
	if err := r.take(line, depth); err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return r.list(line, depth)
		}
		return r.object(line, depth)
	case json.Number:
		return jsonNumber(token, line)
	default:
		return &node{line: line, scalar: token}, nil
	}
}

func jsonNumber(n json.Number, line int) (*node, error) {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return &node{line: line, scalar: i}, nil
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return nil, &syntaxError{line, "a number is out of range"}
	}
	return &node{line: line, scalar: f}, nil
}

func (r *jsonReader) list(line, depth int) (*node, error) {
	out := &node{line: line, shape: listShape}
	for r.dec.More() {
		item, err := r.read(depth + 1)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, item)
	}
	_, _, err := r.next()
	return out, err
}

func (r *jsonReader) object(line, depth int) (*node, error) {
	out := &node{line: line, shape: objectShape}
	seen := make(map[string]bool)
	for r.dec.More() {
		token, at, err := r.next()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, &syntaxError{at, fmt.Sprintf("duplicate key %q", clip(name))}
		}
		seen[name] = true
		value, err := r.read(depth + 1)
		if err != nil {
			return nil, err
		}
		out.members = append(out.members, member{name: name, line: at, value: value})
	}
	_, _, err := r.next()
	return out, err
}
