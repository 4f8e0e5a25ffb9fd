package session

import "sync"

// scratch is room for opening a record: its text in cookies, its sealed bytes,
// the place that it is tied to, and the plaintext, of which the record takes a
// copy. It is pooled.
type scratch struct{ text, sealed, place, plain []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func takeScratch() *scratch {
	s, ok := scratches.Get().(*scratch)
	if !ok {
		panic("session: pool of another type")
	}
	return s
}

// give returns s to the pool without the tokens that it held.
func (s *scratch) give() {
	clear(s.plain[:cap(s.plain)])
	scratches.Put(s)
}

// room returns b with at least n bytes of room and none in use.
func room(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, 0, n)
	}
	return b[:0]
}
