package upstream

import (
	"bytes"
	"net/textproto"
	"strconv"
	"strings"

	"sallyport/internal/message"
)

// responseHead is the head of an answer as RFC 9112 frames it. What two
// recipients could read differently is refused.
type responseHead struct {
	status int
	// minor is the digit of HTTP/1.x.
	minor  int
	fields []message.Field
	// length is Content-Length, -1 without one.
	length int64
	// chunked tells that the body is sent in chunks (RFC 9112 §7.1).
	chunked bool
	// keep tells that the upstream keeps the connection open.
	keep bool
	// named is how many headers Connection names.
	named int
}

// maxResponseFields bounds the fields of a head, and what Connection names:
// each of the one is compared with each of the other.
const maxResponseFields = 1000

// headEnd finds the end of a head in b, of which the lines before from were
// looked at. end is 0 while there is none; next is from for the next call.
func headEnd(b []byte, from int) (end, next int, err error) {
	const version = "HTTP/"
	if n := min(len(b), len(version)); string(b[:n]) != version[:n] {
		return 0, 0, nonsense("no status line")
	}
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0, from, nil
		}
		if i == 0 || b[from+i-1] != '\r' {
			return 0, 0, nonsense("line ends with a bare LF")
		}
		from += i + 1
		if i == 1 {
			return from, from, nil
		}
	}
}

// parse reads a head with its empty line. The strings of the fields share one
// copy of it.
func (h *responseHead) parse(head []byte) error {
	*h = responseHead{fields: h.fields[:0], length: -1}
	line, rest := headLine(string(head))
	if err := h.statusLine(line); err != nil {
		return err
	}
	h.keep = h.minor == 1
	for {
		if line, rest = headLine(rest); line == "" {
			break
		}
		f, err := parseField(line)
		if err != nil {
			return err
		}
		repeated, err := h.frame(f)
		if err != nil {
			return err
		}
		if !repeated {
			if len(h.fields) == maxResponseFields || h.named > maxResponseFields {
				return nonsense("too many fields in the head")
			}
			h.fields = append(h.fields, f)
		}
	}
	if h.chunked && (h.length >= 0 || h.announcesFraming()) {
		return nonsense("two lengths of the body")
	}
	return nil
}

// frame takes note of a header that frames the body. repeated tells that the
// field says nothing new.
func (h *responseHead) frame(f message.Field) (repeated bool, err error) {
	switch f.Name {
	case "Content-Length":
		if h.length >= 0 {
			return true, h.sameLength(f.Value)
		}
		h.length, err = parseLength(f.Value)
		return false, err
	case "Transfer-Encoding":
		// The length keeps out what folds to ASCII without being it.
		if h.chunked || h.minor == 0 || len(f.Value) != len("chunked") || !strings.EqualFold(f.Value, "chunked") {
			return false, nonsense("transfer coding that cannot be read")
		}
		h.chunked = true
	case "Connection":
		h.named += 1 + strings.Count(f.Value, ",")
		h.keep = h.keep && !hasToken(f.Value, "close")
	}
	return false, nil
}

// statusLine reads RFC 9112 §4. The reason may be missing with its blank.
func (h *responseHead) statusLine(line string) error {
	const example = "HTTP/1.1 200"
	if len(line) < len(example) || line[:7] != example[:7] || line[7] != '0' && line[7] != '1' || line[8] != ' ' ||
		len(line) > len(example) && line[len(example)] != ' ' || !oneLine(line) {
		return nonsense("no status line")
	}
	h.minor = int(line[7] - '0')
	for _, digit := range []byte(line[9:12]) {
		if digit < '0' || digit > '9' {
			return nonsense("no status line")
		}
		h.status = 10*h.status + int(digit-'0')
	}
	if h.status < 100 {
		return nonsense("status %d", h.status)
	}
	return nil
}

// headLine takes the first line off, without its CRLF; headEnd has seen that
// every line ends so.
func headLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	return s[:i-1], s[i+1:]
}

// parseField reads a line of a head or a trailer, without its end. One that
// begins with a blank would continue the line before it (RFC 9112 §5.2).
func parseField(line string) (message.Field, error) {
	colon, canonical := fieldName(line)
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return message.Field{}, nonsense("header line without a name")
	}
	name, value := line[:colon], line[colon+1:]
	if !message.ValidValue(value) {
		return message.Field{}, nonsense("header value with a control character")
	}
	if !canonical {
		name = textproto.CanonicalMIMEHeaderKey(name)
	}
	for value != "" && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n = len(value) {
		value = value[:n-1]
	}
	return message.Field{Name: name, Value: value}, nil
}

// fieldName gives the length of the token (RFC 9110 §5.6.2) that a line begins
// with, and whether it is in net/http's canonical case.
func fieldName(line string) (n int, canonical bool) {
	canonical = true
	first := true
	for ; n < len(line); n++ {
		c := line[n]
		if c >= 0x80 || tokenBytes[c>>6]&(1<<(c&63)) == 0 {
			break
		}
		if first {
			canonical = canonical && (c < 'a' || c > 'z')
		} else {
			canonical = canonical && (c < 'A' || c > 'Z')
		}
		first = c == '-'
	}
	return n, canonical
}

// oneLine reports whether s holds nothing that may be taken for the end of a
// line or of a string.
func oneLine(s string) bool { return strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, 0) < 0 }

// token reports whether s is a token (RFC 9110 §5.6.2).
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || tokenBytes[c>>6]&(1<<(c&63)) == 0 {
			return false
		}
	}
	return s != ""
}

// tokenBytes has a bit for each ASCII character of a token.
var tokenBytes = func() (set [2]uint64) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c>>6] |= 1 << (c & 63)
	}
	return set
}()

// parseLength reads Content-Length: digits only (RFC 9110 §8.6).
func parseLength(s string) (int64, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, nonsense("Content-Length that is no number")
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, nonsense("Content-Length that is no number")
	}
	return n, nil
}

// sameLength lets a repeated Content-Length pass only when it is the same, digit
// for digit.
func (h *responseHead) sameLength(value string) error {
	for _, f := range h.fields {
		if f.Name == "Content-Length" && f.Value != value {
			return nonsense("two lengths of the body")
		}
	}
	return nil
}

// announcesFraming reports whether a trailer is announced that would frame the
// body it follows.
func (h *responseHead) announcesFraming() bool {
	for _, f := range h.fields {
		if f.Name == "Trailer" &&
			(hasToken(f.Value, "Content-Length") || hasToken(f.Value, "Transfer-Encoding") || hasToken(f.Value, "Trailer")) {
			return true
		}
	}
	return false
}

// hasToken reports whether a comma-separated list holds a token.
func hasToken(list, token string) bool {
	for more := true; more; {
		var element string
		element, list, more = strings.Cut(list, ",")
		if strings.EqualFold(textproto.TrimString(element), token) {
			return true
		}
	}
	return false
}

// get is the first value of a header, empty without one.
func (h *responseHead) get(name string) string {
	for _, f := range h.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
