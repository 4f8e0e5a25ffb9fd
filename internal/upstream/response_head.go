package upstream

import (
	"bytes"
	"net/textproto"
	"strconv"
	"strings"

	"sallyport/internal/message"
)

// field is one line of a head; name is canonical.
type field struct{ name, value string }

// responseHead is the head of an answer as RFC 9112 frames it. What two
// recipients could read differently is refused.
type responseHead struct {
	status int
	// minor is the digit of HTTP/1.x.
	minor  int
	fields []field
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
	line, rest, _ := strings.Cut(string(head), "\r\n")
	if err := h.statusLine(line); err != nil {
		return err
	}
	h.keep = h.minor == 1
	for {
		if line, rest, _ = strings.Cut(rest, "\r\n"); line == "" {
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
func (h *responseHead) frame(f field) (repeated bool, err error) {
	switch f.name {
	case "Content-Length":
		if h.length >= 0 {
			return true, h.sameLength(f.value)
		}
		h.length, err = parseLength(f.value)
		return false, err
	case "Transfer-Encoding":
		// The length keeps out what folds to ASCII without being it.
		if h.chunked || h.minor == 0 || len(f.value) != len("chunked") || !strings.EqualFold(f.value, "chunked") {
			return false, nonsense("transfer coding that cannot be read")
		}
		h.chunked = true
	case "Connection":
		h.named += 1 + strings.Count(f.value, ",")
		h.keep = h.keep && !hasToken(f.value, "close")
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

// parseField reads a line of a head or a trailer, without its end. One that
// begins with a blank would continue the line before it (RFC 9112 §5.2).
func parseField(line string) (field, error) {
	name, value, found := strings.Cut(line, ":")
	if !found || !token(name) {
		return field{}, nonsense("header line without a name")
	}
	if !message.ValidValue(value) {
		return field{}, nonsense("header value with a control character")
	}
	return field{textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t")}, nil
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
		if f.name == "Content-Length" && f.value != value {
			return nonsense("two lengths of the body")
		}
	}
	return nil
}

// announcesFraming reports whether a trailer is announced that would frame the
// body it follows.
func (h *responseHead) announcesFraming() bool {
	for _, f := range h.fields {
		if f.name == "Trailer" &&
			(hasToken(f.value, "Content-Length") || hasToken(f.value, "Transfer-Encoding") || hasToken(f.value, "Trailer")) {
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
		if f.name == name {
			return f.value
		}
	}
	return ""
}
