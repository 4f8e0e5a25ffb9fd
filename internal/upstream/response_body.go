package upstream

import (
	"bytes"
	"io"
	"math"
)

// framing is how the end of a body is found (RFC 9112 §6.3).
type framing struct {
	// left is what is missing of a body of known length, 0 for none.
	left int64
	// untilClose tells that the end of the connection ends the body.
	untilClose bool
	// chunks is not idle for a chunked body.
	chunks chunkState
	// chunkLeft is what is missing of the chunk.
	chunkLeft int64
	// excess counts bytes that are not data, less what is fair; trailer counts
	// those of the trailer.
	excess, trailer int
}

type chunkState uint8

const (
	notChunked chunkState = iota
	chunkSize
	chunkData
	chunkEnd
	chunkTrailer
	chunksDone
)

const (
	// maxChunkLine bounds a line between chunks, in bytes.
	maxChunkLine = 4 << 10
	// maxExcess bounds the bytes that are not data, beyond 16 for a chunk and
	// twice its data: extensions cannot keep us busy.
	maxExcess = 16 << 10
)

// framing tells how the body of an answer to method is framed. clean is false
// where nothing can follow it: the end of the connection ends it, or a body
// seems to be announced that must not be there.
func (h *responseHead) framing(method string) (f framing, clean bool) {
	switch {
	case method == "HEAD", h.status == 304:
		return f, true
	case h.status < 200, h.status == 204:
		return f, !h.chunked && h.length <= 0
	case h.chunked:
		f.chunks = chunkSize
	case h.length >= 0:
		f.left = h.length
	default:
		f.untilClose = true
		return f, false
	}
	return f, true
}

// done reports whether the body has been read to its end.
func (f *framing) done() bool {
	return !f.untilClose && f.left == 0 && (f.chunks == notChunked || f.chunks == chunksDone)
}

// atEOF is what the end of the connection means.
func (f *framing) atEOF() error {
	if f.untilClose || f.done() {
		f.untilClose = false
		return nil
	}
	return io.ErrUnexpectedEOF
}

// next takes a piece of the body from the front of in: data is a part of it,
// used the number of bytes that are done with. No data and no error: more is
// needed, or the body is done.
func (f *framing) next(in []byte) (data []byte, used int, err error) {
	if f.chunks == notChunked {
		n := len(in)
		if !f.untilClose {
			n = int(min(int64(n), f.left))
			f.left -= int64(n)
		}
		return in[:n], n, nil
	}
	for {
		rest := in[used:]
		switch f.chunks {
		case chunkData:
			n := int(min(int64(len(rest)), f.chunkLeft))
			if f.chunkLeft -= int64(n); f.chunkLeft == 0 {
				f.chunks = chunkEnd
			}
			return rest[:n], used + n, nil
		case chunkEnd:
			if len(rest) < 2 {
				return nil, used, nil
			}
			if rest[0] != '\r' || rest[1] != '\n' {
				return nil, used, nonsense("chunk does not end where it should")
			}
			used += 2
			f.chunks = chunkSize
		case chunkSize, chunkTrailer:
			line, err := cutLine(rest)
			if line == nil || err != nil {
				return nil, used, err
			}
			used += len(line)
			if err := f.line(line[:len(line)-2]); err != nil {
				return nil, used, err
			}
		default:
			return nil, used, nil
		}
	}
}

// line reads a line between chunks.
func (f *framing) line(line []byte) error {
	if f.chunks == chunkSize {
		return f.size(line)
	}
	if len(line) == 0 {
		f.chunks = chunksDone
		return nil
	}
	if f.trailer += len(line) + 2; f.trailer > maxChunkLine {
		return nonsense("trailer too long")
	}
	_, err := parseField(string(line))
	return err
}

// size reads the size of a chunk and skips its extensions.
func (f *framing) size(line []byte) error {
	f.excess += len(line) + 2
	line, _, _ = bytes.Cut(bytes.TrimRight(line, " \t"), []byte(";"))
	if len(line) == 0 || len(line) > 15 {
		return nonsense("chunk without a size")
	}
	var n int64
	for _, c := range line {
		digit, ok := hexDigit(c)
		if !ok {
			return nonsense("chunk without a size")
		}
		n = n<<4 | int64(digit)
	}
	fair := int(min(16+2*n, math.MaxInt32))
	if f.excess = max(f.excess-fair, 0); f.excess > maxExcess {
		return nonsense("more chunk extensions than data")
	}
	if f.chunkLeft = n; n == 0 {
		f.chunks = chunkTrailer
	} else {
		f.chunks = chunkData
	}
	return nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// cutLine gives the first line of b with its CR LF, nil while it is not whole.
func cutLine(b []byte) ([]byte, error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		i = len(b)
		if i < maxChunkLine {
			return nil, nil
		}
	}
	if i+1 > maxChunkLine {
		return nil, nonsense("chunk line too long")
	}
	line := b[:i+1]
	if i == 0 || bytes.IndexByte(line, '\r') != i-1 || bytes.IndexByte(line, 0) >= 0 {
		return nil, nonsense("chunk line does not end in CR LF")
	}
	return line, nil
}
