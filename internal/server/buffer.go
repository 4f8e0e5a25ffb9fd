package server

import "sync"

// bufferSize is how much is read at once and written at once, in bytes.
const bufferSize = 8 << 10

type buffer [bufferSize]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// getBuffer lends a buffer, which holds what its last borrower left in it.
func getBuffer() *buffer { return buffers.Get().(*buffer) } // the pool holds nothing else

func putBuffer(b *buffer) { buffers.Put(b) }

// input is what was read from a connection and is not consumed yet.
type input struct {
	lent *buffer
	// b is lent's bytes, or a larger buffer; nil while there is nothing.
	b          []byte
	start, end int
}

func (in *input) unread() []byte { return in.b[in.start:in.end] }

func (in *input) consume(n int) {
	in.start += n
	if in.start == in.end {
		in.release()
	}
}

// release gives the buffer back if nothing is in it.
func (in *input) release() {
	if in.start != in.end {
		return
	}
	if in.lent != nil {
		putBuffer(in.lent)
	}
	*in = input{}
}

// room makes space behind what is unread, and returns it. limit bounds what the
// input can hold; at the limit there is none.
func (in *input) room(limit int) []byte {
	if in.b == nil {
		in.lent = getBuffer()
		in.b = in.lent[:]
	}
	if in.end < len(in.b) {
		return in.b[in.end:]
	}
	n := in.end - in.start
	switch {
	case in.start > 0:
		copy(in.b, in.b[in.start:in.end])
	case n >= limit:
		return nil
	default:
		grown := make([]byte, min(2*n, max(limit, bufferSize)))
		copy(grown, in.b[:n])
		if in.lent != nil {
			putBuffer(in.lent)
			in.lent = nil
		}
		in.b = grown
	}
	in.start, in.end = 0, n
	return in.b[n:]
}
