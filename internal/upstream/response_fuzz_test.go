package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oddResponses is a corpus of answers at the edge of RFC 9112. accepted tells
// what the lean client makes of the answer to a GET.
var oddResponses = []struct {
	name, answer string
	accepted     bool
}{
	{"known length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", true},
	{"no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", true},
	{"no reason and no blank", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", true},
	{"until close", "HTTP/1.1 200 OK\r\nX: 1\r\n\r\nall the rest", true},
	{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
	{"informational first", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
	{"no content", "HTTP/1.1 204 No Content\r\n\r\n", true},
	{"not modified with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", true},
	{"no content with a coding", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", true},
	{"unknown status", "HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", true},
	{"a name in capitals, a value with blanks", "HTTP/1.1 200 OK\r\nCONTENT-LENGTH: \t 2 \t\r\nx_y:\r\n\r\nok", true},
	{"one length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", true},
	{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0A\r\n0123456789\r\n0\r\n\r\n", true},
	{"chunk extensions", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4;a=\"b\" \r\nbody\r\n0;x\r\n\r\n", true},
	{"a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", true},
	{"bytes after the answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", true},
	{"a byte beyond ASCII in a value", "HTTP/1.1 200 OK\r\nX: \xe9\r\nContent-Length: 0\r\n\r\n", true},

	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", false},
	{"two lengths in one line", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", false},
	{"one length in two ways", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 02\r\n\r\nok", false},
	{"signed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", false},
	{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", false},
	{"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", false},
	{"endless length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok", false},
	{"hexadecimal length", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", false},
	{"length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"coding and length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", false},
	{"coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false},
	{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"chunked in another alphabet", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\u212aed\r\n\r\n0\r\n\r\n", false},
	{"an announced trailer that frames", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: content-length\r\n\r\n0\r\n\r\n", false},
	{"bare LF after the status line", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", false},
	{"bare LF after a header", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok", false},
	{"bare LF ends the head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok", false},
	{"bare CR in a value", "HTTP/1.1 200 OK\r\nX: a\rContent-Length: 9\r\nContent-Length: 2\r\n\r\nok", false},
	{"bare CR in the status line", "HTTP/1.1 200 OK\rX: 1\r\nContent-Length: 2\r\n\r\nok", false},
	{"NUL in a value", "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok", false},
	{"obs-fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", false},
	{"a blank before the first header", "HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nok", false},
	{"a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", false},
	{"no name", "HTTP/1.1 200 OK\r\n: 2\r\n\r\nok", false},
	{"no colon", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nok", false},
	{"an odd byte in a name", "HTTP/1.1 200 OK\r\nX\x01: 2\r\n\r\nok", false},
	{"an empty line first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"another version", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"another minor version", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"a signed status", "HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"two blanks", "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok", false},
	{"switching protocols", "HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n", false},
	{"chunk size with a sign", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n", false},
	{"chunk size with 0x", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", false},
	{"no chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nok\r\n0\r\n\r\n", false},
	{"a blank before the chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 2\r\nok\r\n0\r\n\r\n", false},
	{"a blank before an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 ;a\r\nok\r\n0\r\n\r\n", false},
	{"chunk too short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\r\n0\r\n\r\n", false},
	{"bare LF after a chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", false},
	{"bare LF after a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\n0\r\n\r\n", false},
	{"bare LF in an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nb\r\nok\r\n0\r\n\r\n", false},
	{"bare CR in an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\rb\r\nok\r\n0\r\n\r\n", false},
	{"chunk size beyond 64 bits", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n", false},
	{"obs-fold in a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n 2\r\n\r\n", false},
	{"a broken trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n", false},
	{"a trailer without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("x", maxChunkLine) + "\r\n\r\n", false},
	{"trailers without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: 1\r\n", maxChunkLine) + "\r\n", false},
	{"extensions without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\na\r\n", 30) + "0\r\n\r\n", false},
	{"an extension too long for a line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", maxChunkLine) + "\r\nok\r\n0\r\n\r\n", false},
	{"last chunk missing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false},
	{"short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", false},
	{"no end of the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", false},
	{"nothing", "", false},
}

// parsed is an answer as one of the parsers reads it.
type parsed struct {
	Status []int // of all heads
	Header http.Header
	Body   string
}

// readLean reads an answer with the lean client's parts, step bytes at a time.
func readLean(answer []byte, method string, step int) (p parsed, err error) {
	var h responseHead
	var have []byte
	more := func() error {
		if len(answer) == 0 {
			return io.EOF
		}
		n := min(step, len(answer))
		have, answer = append(have, answer[:n]...), answer[n:]
		return nil
	}
	for h.status < 200 {
		for from := 0; ; {
			end, next, err := headEnd(have, from)
			if err != nil {
				return p, err
			}
			if end > 0 {
				if err := h.parse(have[:end]); err != nil {
					return p, err
				}
				have = have[end:]
				break
			}
			from = next
			if err := more(); err != nil {
				return p, io.ErrUnexpectedEOF
			}
		}
		if h.status == http.StatusSwitchingProtocols {
			return p, nonsense("protocol switched")
		}
		p.Status = append(p.Status, h.status)
	}
	p.Header = h.header()
	f, _ := h.framing(method)
	for !f.done() {
		data, used, err := f.next(have)
		p.Body += string(data)
		have = have[used:]
		if err != nil {
			return p, err
		}
		if len(data) > 0 || f.done() {
			continue
		}
		if err := more(); err != nil {
			return p, f.atEOF()
		}
	}
	return p, nil
}

// readStandard reads it with http.ReadResponse.
func readStandard(answer []byte, method string) (p parsed, err error) {
	r := bufio.NewReaderSize(bytes.NewReader(answer), 1<<20)
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return p, err
		}
		p.Status = append(p.Status, res.StatusCode)
		if res.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		p.Header, p.Body = res.Header, string(body)
		return p, err
	}
}

// comparable takes out what http.ReadResponse takes out or adds.
func (p parsed) comparable() parsed {
	h := p.Header.Clone()
	chunked := h["Transfer-Encoding"] != nil
	delete(h, "Transfer-Encoding")
	if chunked {
		delete(h, "Trailer")
	}
	if h.Get("Pragma") == "no-cache" && h["Cache-Control"] == nil {
		h["Cache-Control"] = []string{"no-cache"}
	}
	p.Header = h
	return p
}

func TestOddResponses(t *testing.T) {
	t.Parallel()
	for _, tc := range oddResponses {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, step := range []int{1 << 20, 1, 3} {
				if _, err := readLean([]byte(tc.answer), http.MethodGet, step); (err == nil) != tc.accepted {
					t.Errorf("%d bytes at a time: %v", step, err)
				}
			}
		})
	}
}

// Every answer that the lean client accepts http.ReadResponse accepts with the
// same meaning.
func FuzzResponse(f *testing.F) {
	for _, tc := range oddResponses {
		f.Add([]byte(tc.answer), uint8(0), uint8(0))
		f.Add([]byte(tc.answer), uint8(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, answer []byte, method, step uint8) {
		asked := []string{http.MethodGet, http.MethodHead, http.MethodPost}[method%3]
		ours, err := readLean(answer, asked, int(step)+1)
		whole, errWhole := readLean(answer, asked, 1<<20)
		if (err == nil) != (errWhole == nil) {
			t.Fatalf("in pieces %v, at once %v", err, errWhole)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(whole, ours); diff != "" {
			t.Fatalf("in pieces another answer than at once:\n%s", diff)
		}
		theirs, err := readStandard(answer, asked)
		if err != nil {
			t.Fatalf("we accept what http.ReadResponse refuses: %v", err)
		}
		if diff := cmp.Diff(theirs, ours.comparable()); diff != "" {
			t.Fatalf("we read another answer than http.ReadResponse:\n%s", diff)
		}
	})
}

func TestNonsenseIsMarked(t *testing.T) {
	t.Parallel()
	if _, err := readLean([]byte("SSH-2.0-OpenSSH"), http.MethodGet, 1); !errors.Is(err, errMalformed) {
		t.Errorf("got %v", err)
	}
}
