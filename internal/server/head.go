package server

import (
	"bytes"
	"net/http"

	"sallyport/internal/message"
)

const (
	// maxTarget bounds the request target, in bytes; beyond it is 414.
	maxTarget = 16 << 10
	// maxFields bounds the fields of a head or a trailer section; beyond it is
	// 431.
	maxFields = 256
)

// headError refuses a request head. The connection ends with it, since nobody
// knows where the next request would begin.
type headError struct {
	status int
	// reason is for the log; it quotes nothing of the request.
	reason string
}

// Error implements error.
func (e *headError) Error() string { return "request head: " + e.reason }

func badHead(reason string) *headError { return &headError{http.StatusBadRequest, reason} }

// These are the refusals that do not depend on what a field means.
var (
	errBareLF      = badHead("line feed without carriage return")
	errRequestLine = badHead("malformed request line")
	errTarget      = badHead("invalid request target")
	errFold        = badHead("folded field line")
	errFieldName   = badHead("invalid field name")
	errFieldValue  = badHead("invalid field value")
	errVersion     = &headError{http.StatusHTTPVersionNotSupported, "HTTP version"}
	errTargetLong  = &headError{http.StatusRequestURITooLong, "request target too long"}
	errHeadLong    = &headError{http.StatusRequestHeaderFieldsTooLarge, "head too long"}
	errManyFields  = &headError{http.StatusRequestHeaderFieldsTooLarge, "too many fields"}
)

// headEnd looks for the empty line that ends a head or a trailer section, and
// returns the length up to and with it. While it has not come, end is 0 and
// line is where the last line begins, which the next call gets once more has
// been read; it is 0 at first. A line ends with CRLF and nothing else: whoever
// takes a bare LF for the end of a line sees other requests than whoever does
// not (RFC 9112 §2.2 allows it, §11.2 tells why not).
func headEnd(b []byte, line int) (end, next int, err *headError) {
	for {
		n := bytes.IndexByte(b[line:], '\n')
		switch {
		case n < 0:
			return 0, line, nil
		case n == 0 || b[line+n-1] != '\r':
			return 0, line, errBareLF
		case n == 1:
			return line + 2, line, nil
		}
		line += n + 1
	}
}

// cut is a piece of a head, by its offsets.
type cut struct{ from, to int }

func (c cut) of(s string) string { return s[c.from:c.to] }

// fieldCut is a field line.
type fieldCut struct{ name, value cut }

// lines are the parts of a head.
type lines struct {
	method, target cut
	// minor is the digit of HTTP/1.0 or HTTP/1.1.
	minor  int
	fields []fieldCut
}

// split finds the parts of a head that headEnd delimited (RFC 9112 §3, §5), and
// gives field names their canonical case in place.
func (l *lines) split(head []byte) *headError {
	end := bytes.IndexByte(head, '\n') - 1
	if err := l.requestLine(head[:end]); err != nil {
		return err
	}
	return l.splitFields(head, end+2)
}

// requestLine is method SP request-target SP HTTP-version.
func (l *lines) requestLine(line []byte) *headError {
	i := 0
	for i < len(line) && canonicalByte[0][line[i]] != 0 {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ' ' {
		return errRequestLine
	}
	l.method = cut{0, i}
	i++
	l.target.from = i
	for i < len(line) && line[i] > ' ' && line[i] != 0x7f && line[i] != '#' {
		i++
	}
	l.target.to = i
	switch {
	case i == len(line):
		return errRequestLine
	case line[i] != ' ':
		return errTarget
	case i == l.target.from:
		return errRequestLine
	case i-l.target.from > maxTarget:
		return errTargetLong
	}
	return l.version(line[i+1:])
}

func (l *lines) version(v []byte) *headError {
	const form = "HTTP/1."
	if len(v) != len(form)+1 || string(v[:5]) != form[:5] || !digit(v[5]) || v[6] != '.' || !digit(v[7]) {
		return errRequestLine
	}
	if v[5] != '1' || v[7] > '1' {
		return errVersion
	}
	l.minor = int(v[7] - '0')
	return nil
}

// splitFields finds the field lines from an offset on, up to the empty line.
func (l *lines) splitFields(head []byte, from int) *headError {
	l.fields = l.fields[:0]
	for {
		line := head[from:]
		n := bytes.IndexByte(line, '\n') - 1
		if n == 0 {
			return nil
		}
		if len(l.fields) == maxFields {
			return errManyFields
		}
		if line[0] == ' ' || line[0] == '\t' {
			return errFold
		}
		colon := canonicalName(line[:n])
		if colon == 0 || line[colon] != ':' {
			return errFieldName
		}
		v, end := colon+1, n
		for v < end && blank(line[v]) {
			v++
		}
		for v < end && blank(line[end-1]) {
			end--
		}
		if !message.ValidValue(line[v:end]) {
			return errFieldValue
		}
		l.fields = append(l.fields, fieldCut{name: cut{from, from + colon}, value: cut{from + v, from + end}})
		from += n + 2
	}
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func blank(c byte) bool { return c == ' ' || c == '\t' }
