package server

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"sync"
)

// idBytes is the length of a request id before it is written in hexadecimal.
const idBytes = 16

// requestIDs makes unguessable ids. It reads chance in blocks, so that an id
// costs no system call. It is safe for concurrent use.
type requestIDs struct {
	source io.Reader
	blocks sync.Pool
}

type idBlock struct {
	left  []byte
	bytes [idBytes * 32]byte
}

func newRequestIDs(source io.Reader) *requestIDs {
	if source == nil {
		source = rand.Reader
	}
	return &requestIDs{source: source, blocks: sync.Pool{New: func() any { return new(idBlock) }}}
}

// next is 32 hexadecimal digits.
func (ids *requestIDs) next() (string, error) {
	b := ids.blocks.Get().(*idBlock) // the pool holds nothing else
	defer ids.blocks.Put(b)
	if len(b.left) == 0 {
		if _, err := io.ReadFull(ids.source, b.bytes[:]); err != nil {
			return "", err
		}
		b.left = b.bytes[:]
	}
	var digits [2 * idBytes]byte
	hex.Encode(digits[:], b.left[:idBytes])
	clear(b.left[:idBytes])
	b.left = b.left[idBytes:]
	return string(digits[:]), nil
}
