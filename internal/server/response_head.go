package server

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/message"
)

// statusLines are the status lines of HTTP/1.1 for the statuses that have a
// name.
var statusLines = makeStatusLines()

func makeStatusLines() (lines [600]string) {
	for status := range lines {
		if text := http.StatusText(status); text != "" {
			lines[status] = "HTTP/1.1 " + strconv.Itoa(status) + " " + text + "\r\n"
		}
	}
	return lines
}

func (w *response) appendStatus(status int) {
	line := ""
	if status < len(statusLines) {
		line = statusLines[status]
	}
	if line == "" {
		line = "HTTP/1.1 " + strconv.Itoa(status) + " status code " + strconv.Itoa(status) + "\r\n"
	}
	from := len(w.out)
	w.out = append(w.out, line...)
	if w.old {
		w.out[from+len("HTTP/1.")] = '0'
	}
}

// inform sends an informational response; HTTP/1.0 has none.
func (w *response) inform(status int) {
	if w.old {
		return
	}
	w.c.writeMu.Lock()
	defer w.c.writeMu.Unlock()
	if status == http.StatusContinue && w.c.expecting.Load() != continueDue {
		return
	}
	w.appendStatus(status)
	for name, values := range w.header {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Connection":
		default:
			w.out = appendField(w.out, name, values)
		}
	}
	w.out = append(w.out, "\r\n"...)
	w.send(nil)
	if status == http.StatusContinue {
		w.c.expecting.Store(continueDone)
	}
}

// beginHead writes what the handler wants in the final head, and completes the
// head if that says where the response ends.
func (w *response) beginHead() {
	w.refuseContinue()
	w.appendStatus(w.status)
	h := w.header
	w.announceTrailers(h["Trailer"])
	dated := false
	for name, values := range h {
		switch name {
		case "Content-Length":
			w.declare(values)
			continue
		case "Transfer-Encoding":
			continue // it is for the front to say
		case "Connection":
			w.connection(values)
		case "Date":
			dated = len(values) > 0
		}
		if !slices.Contains(w.announced, name) {
			w.out = appendField(w.out, name, values)
		}
	}
	w.frameHead(dated)
}

// frameHead dates the head, and completes it if where the response ends is
// known.
func (w *response) frameHead(dated bool) {
	if !dated {
		w.out = append(append(append(w.out, "Date: "...), w.c.front.clock.date()...), "\r\n"...)
	}
	switch {
	case w.status == http.StatusNoContent || w.status == http.StatusSwitchingProtocols:
		w.declared, w.framing = -1, withoutAny
	case w.declared >= 0:
		w.framing = byLength
	case w.status == http.StatusNotModified:
		w.framing = withoutAny
	default:
		return
	}
	w.endHead()
}

// WriteHead implements message.HeadWriter. The fields are sent as they are: they
// were checked where they were read.
func (w *response) WriteHead(status int, fields []message.Field) bool {
	if w.hijacked || w.status != 0 || status < 200 || status > 999 || len(w.header) > 0 {
		return false
	}
	w.status = status
	w.refuseContinue()
	w.appendStatus(status)
	dated := false
	for i := range fields {
		f := &fields[i]
		switch f.Name {
		case "Content-Length":
			if n, ok := parseLength(f.Value); ok {
				w.declared = n
			}
			continue
		case "Transfer-Encoding", "Connection", "Trailer":
			continue // they are for the front to say
		case "Date":
			dated = true
		}
		w.out = append(append(append(append(w.out, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	w.frameHead(dated)
	return true
}

// refuseContinue lets a body that the client holds back stay where it is.
func (w *response) refuseContinue() {
	if w.c.expecting.Load() == continueDone {
		return
	}
	w.c.writeMu.Lock()
	defer w.c.writeMu.Unlock()
	if w.c.expecting.CompareAndSwap(continueDue, continueRefused) {
		w.closing = true // nobody knows whether the body comes all the same
	}
}

// declare takes a Content-Length that makes sense.
func (w *response) declare(values []string) {
	if len(values) == 1 {
		if n, ok := parseLength(textproto.TrimString(values[0])); ok {
			w.declared = n
		}
	}
}

func (w *response) connection(values []string) {
	for _, value := range values {
		for more := true; more; {
			var token string
			token, value, more = strings.Cut(value, ",")
			w.closing = w.closing || strings.EqualFold(textproto.TrimString(token), "close")
		}
	}
}

// announceTrailers notes which fields come after the body.
func (w *response) announceTrailers(values []string) {
	w.announced = w.announced[:0]
	for _, value := range values {
		for more := true; more; {
			var name string
			name, value, more = strings.Cut(value, ",")
			if name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name != "" {
				w.announced = append(w.announced, name)
			}
		}
	}
}

// endHead writes the fields that are the front's to decide, and the end.
func (w *response) endHead() {
	switch w.framing {
	case byLength:
		w.out = append(strconv.AppendInt(append(w.out, "Content-Length: "...), w.declared, 10), "\r\n"...)
	case byChunks:
		w.out = append(w.out, "Transfer-Encoding: chunked\r\n"...)
	case byClose:
		w.closing = true
	case withoutAny, undecided:
	}
	if w.status != http.StatusSwitchingProtocols {
		w.appendConnection()
	}
	w.out = append(w.out, "\r\n"...)
}

// appendConnection tells whether the connection goes on.
func (w *response) appendConnection() {
	said := w.closing && closes(w.header["Connection"])
	w.closing = w.closing || w.req.Close || w.c.front.stopping.Load() || w.body != nil && !w.body.drainable()
	switch {
	case w.closing && !said:
		w.out = append(w.out, "Connection: close\r\n"...)
	case w.keep && !w.closing:
		w.out = append(w.out, "Connection: keep-alive\r\n"...)
	}
}

// closes reports whether a Connection field asks for the end.
func closes(values []string) bool {
	for _, value := range values {
		if strings.EqualFold(value, "close") {
			return true
		}
	}
	return false
}

// appendField writes a field line for each value. A name that is none is left
// out, and a control character, which could end a line, becomes a space.
func appendField(b []byte, name string, values []string) []byte {
	if !validName(name) {
		return b
	}
	for _, value := range values {
		b = append(append(b, name...), ": "...)
		from := len(b)
		b = append(append(b, value...), "\r\n"...)
		if sent := b[from : len(b)-2]; !message.ValidValue(sent) {
			for i, c := range sent {
				if c < ' ' && c != '\t' || c == 0x7f {
					sent[i] = ' '
				}
			}
		}
	}
	return b
}

func validName(name string) bool {
	for i := range len(name) {
		if canonicalByte[0][name[i]] == 0 {
			return false
		}
	}
	return name != ""
}
