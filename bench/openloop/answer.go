package openloop

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// answer is a response on its way in.
type answer struct {
	head []byte
	rest int // bytes of the body that are still to come, once the head is complete
	body bool
}

// maxHead bounds a response head, in bytes.
const maxHead = 64 << 10

var (
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("content-length:")
)

// feed takes bytes and reports whether the answer is complete; then it is ready
// for the next one. Only 200 with a Content-Length is understood.
func (a *answer) feed(p []byte) (bool, error) {
	if !a.body {
		a.head = append(a.head, p...)
		end := bytes.Index(a.head, endOfHead)
		switch {
		case end < 0 && len(a.head) > maxHead:
			return false, errors.New("a response head is too long")
		case end < 0:
			return false, nil
		}
		length, err := bodyLength(a.head[:end])
		if err != nil {
			return false, err
		}
		p, a.rest, a.body = a.head[end+len(endOfHead):], length, true
	}
	if len(p) > a.rest {
		return false, errors.New("an answer is longer than its Content-Length")
	}
	a.rest -= len(p)
	if a.rest > 0 {
		return false, nil
	}
	a.head, a.body = a.head[:0], false
	return true, nil
}

func bodyLength(head []byte) (int, error) {
	status, _, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("the answer is %q", status)
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(line[len(contentLength):])), 10, 31)
			if err != nil {
				return 0, fmt.Errorf("an answer with %q", line)
			}
			return int(n), nil
		}
	}
	return 0, errors.New("an answer without Content-Length")
}
