package admin

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

func tooManyArguments() *refusal { return failure(http.StatusBadRequest, "Too many arguments") }

func brokenForm(why string) *refusal {
	return failure(http.StatusBadRequest, "Cannot parse form body: "+why)
}

// parseForm splits an urlencoded body into its pairs, in order and with
// repeated keys. Unlike net/url it knows no other separator than "&" and drops
// nothing silently.
func parseForm(text string) ([][2]string, error) {
	if text == "" {
		return nil, nil
	}
	if strings.Count(text, "&") >= maxArguments {
		return nil, tooManyArguments()
	}
	var pairs [][2]string
	for argument := range strings.SplitSeq(text, "&") {
		if argument == "" {
			continue
		}
		rawKey, rawValue, hasValue := strings.Cut(argument, "=")
		key, err := url.QueryUnescape(rawKey)
		if err != nil {
			return nil, brokenForm("a key is badly encoded")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, brokenForm("a value is badly encoded")
		}
		if !hasValue {
			return nil, brokenForm("a key has no value; write key= to clear it")
		}
		if err := checkPair(key, value); err != nil {
			return nil, err
		}
		pairs = append(pairs, [2]string{key, value})
	}
	return pairs, nil
}

func checkPair(key, value string) error {
	switch {
	case key == "":
		return brokenForm("a key is empty")
	case len(key) > maxKey:
		return brokenForm("a key is too long")
	case !utf8.ValidString(key) || !utf8.ValidString(value):
		return brokenForm("it is not UTF-8")
	}
	return nil
}

// parseMultipart reads the parts of a multipart form: fields and files give
// their content, parts of type application/json are decoded.
func parseMultipart(contentType string, data []byte) (body, error) {
	b := body{form: true}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return body{}, brokenForm("the boundary is missing")
	}
	parts := multipart.NewReader(bytes.NewReader(data), params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return body{}, brokenForm("a part is malformed")
		}
		if n == maxArguments {
			return body{}, tooManyArguments()
		}
		if err := b.add(part); err != nil {
			return body{}, err
		}
	}
}

func (b *body) add(part *multipart.Part) error {
	content, err := io.ReadAll(part)
	if err != nil {
		return brokenForm("a part is malformed")
	}
	name := part.FormName()
	if err := checkPair(name, string(content)); err != nil {
		return err
	}
	media, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(media), "application/json") {
		value, err := parseJSON(content)
		if err != nil {
			return err
		}
		b.parts = append(b.parts, jsonPart{name: name, text: string(content), value: value})
		return nil
	}
	b.pairs = append(b.pairs, [2]string{name, string(content)})
	return nil
}

// query gives the arguments of the address, first value of each name.
func query(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, failure(http.StatusBadRequest, "the query is badly encoded")
	}
	return values, nil
}
