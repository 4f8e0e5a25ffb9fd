package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/message"
)

const (
	// maxChunkLine bounds the line that begins a chunk, in bytes, and
	// maxTrailer the trailer section.
	maxChunkLine = 256
	// maxExcess bounds what chunks cost beyond 16 bytes each and twice their
	// data, as net/http does: one byte in a chunk of its own, behind a long
	// extension, is an attack.
	maxExcess  = 16 << 10
	maxTrailer = 8 << 10
)

// errBody is a body that is not framed as it should be.
var errBody = errors.New("malformed request body")

// body is the body of one request. It is read by the handler or by a goroutine
// of http.Transport; the connection's goroutine touches its fields again after
// end. It is not used for another request.
type body struct {
	c       *conn
	chunked bool

	// complete tells that all was read.
	complete atomic.Bool

	mu sync.Mutex // held by Read; guards what follows
	// r gets the trailer; nil after end.
	r *http.Request
	// left is how much is to come of the body, or of the chunk.
	left int64
	// excess is what the chunks so far cost more than they may.
	excess int64
	// within tells that a chunk's data has begun, whose CRLF is due after it.
	within bool
	closed bool
	// err is what every Read gives from now on.
	err error
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.err == nil && !b.c.continueBody() {
		b.err = errBody // the final head said that the body is not wanted
	}
	return b.read(p)
}

// Close implements io.Closer. What is left is for the connection.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

func (b *body) read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, b.fail(err)
		}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err = b.c.readBody(p)
	b.left -= int64(n)
	if err != nil {
		return n, b.fail(err)
	}
	if b.left == 0 && !b.chunked {
		b.complete.Store(true)
		b.err = io.EOF
		return n, io.EOF
	}
	return n, nil
}

// fail keeps an error, unless it is one that interrupts: a deadline that end or
// the handler set.
func (b *body) fail(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, errStalled) {
		return err
	}
	if errors.Is(err, io.EOF) && !b.complete.Load() {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return err
}

// nextChunk reads up to the data of the next chunk; after the last one it is
// io.EOF (RFC 9112 §7.1).
func (b *body) nextChunk() error {
	if b.within {
		end, err := b.c.readThrough(2, func([]byte) int { return 2 })
		if err != nil {
			return err
		}
		if string(end) != "\r\n" {
			return errBody
		}
		b.c.in.consume(2)
		b.within = false
	}
	line, err := b.c.readThrough(maxChunkLine, lineLength)
	if err != nil {
		return err
	}
	size, ok := chunkSize(line)
	if !ok {
		return errBody
	}
	if size == 0 {
		return b.lastChunk(len(line))
	}
	b.excess = max(0, b.excess+int64(len(line))+2-16-2*min(size, maxExcess))
	if b.excess > maxExcess {
		return errBody
	}
	b.c.in.consume(len(line))
	b.left, b.within = size, true
	return nil
}

// lastChunk reads the trailer section, which follows the last chunk's line. Nothing
// is consumed before all of it is there, so that an interrupted Read can be
// taken up again.
func (b *body) lastChunk(line int) error {
	section, err := b.c.readThrough(line+maxTrailer, func(p []byte) int {
		if len(p) < line {
			return 0
		}
		end, _, bad := headEnd(p[line:], 0)
		if bad != nil {
			return -1
		}
		if end == 0 {
			return 0
		}
		return line + end
	})
	if err != nil {
		return err
	}
	var l lines
	trailer := section[line:]
	if bad := l.splitFields(trailer, 0); bad != nil {
		return errBody
	}
	if len(l.fields) > 0 && b.r != nil {
		s := string(trailer)
		if b.r.Trailer == nil {
			b.r.Trailer = make(http.Header, len(l.fields))
		}
		for _, f := range l.fields {
			name := f.name.of(s)
			b.r.Trailer[name] = append(b.r.Trailer[name], f.value.of(s))
		}
	}
	b.c.in.consume(len(section))
	b.complete.Store(true)
	return io.EOF
}

// lineLength is the length of the line at the beginning of p with its CRLF, 0
// while it is not complete, -1 if it cannot be one.
func lineLength(p []byte) int {
	for i, c := range p {
		switch {
		case c == '\n' && i > 0 && p[i-1] == '\r':
			return i + 1
		case c == '\n', i > 0 && p[i-1] == '\r':
			return -1
		}
	}
	return 0
}

// chunkSize reads 1*HEXDIG, after which an extension may follow, which means
// nothing here.
func chunkSize(line []byte) (size int64, ok bool) {
	line = line[:len(line)-2]
	i := 0
	for ; i < len(line); i++ {
		c := line[i]
		switch {
		case digit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return size, i > 0 && c == ';' && message.ValidValue(line[i:])
		}
		if i == 15 {
			return 0, false
		}
		size = size<<4 | int64(c)
	}
	return size, i > 0
}

// end takes the body from whoever has it, and waits for a Read in flight, which
// it interrupts.
func (b *body) end() {
	if !b.mu.TryLock() {
		_ = b.c.net.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection, whose Read ends by itself
		b.mu.Lock()
		_ = b.c.net.SetReadDeadline(time.Time{})
	}
	b.closed, b.r = true, nil
	b.mu.Unlock()
}

// drain reads what is left of the body after end, within bounds, and reports
// whether the connection can be used again.
func (b *body) drain() bool {
	if b.complete.Load() {
		return true
	}
	if !b.drainable() || b.c.net.SetReadDeadline(b.c.front.now().Add(lingerTime)) != nil {
		return false
	}
	p := getBuffer()
	defer putBuffer(p)
	var err error
	for total, n := 0, 0; err == nil && total <= lingerBytes; total += n {
		n, err = b.read(p[:])
	}
	return errors.Is(err, io.EOF) && b.c.net.SetReadDeadline(time.Time{}) == nil
}

// drainable reports whether the rest of the body, as far as it is known, is
// worth reading. It may be called while the body is read.
func (b *body) drainable() bool {
	if b.complete.Load() {
		return true
	}
	if !b.mu.TryLock() {
		return true // somebody is reading it
	}
	defer b.mu.Unlock()
	return (b.err == nil || errors.Is(b.err, io.EOF)) && b.left <= lingerBytes
}
