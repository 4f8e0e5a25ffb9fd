package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"sallyport/internal/secret"
)

// signer signs and verifies the heads of one purpose and cookie name. It is
// safe for concurrent use.
type signer struct {
	purpose byte
	keys    []macKey
}

type macKey struct {
	id   byte
	pool *sync.Pool // of *macState
}

// macState is a keyed hash, and what would be allocated around it for each
// head.
type macState struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	text [headFixed + extraSize]byte
	bind []byte
}

func newSigner(ring *secret.Keyring, purpose byte, name string) *signer {
	s := &signer{purpose: purpose}
	for i := range ring.Len() {
		key := ring.Derive(i, nil, "sallyport cookie 1 "+string([]byte{'0' + purpose})+" "+name, sha256.Size)
		s.keys = append(s.keys, macKey{
			id:   ring.ID(i),
			pool: &sync.Pool{New: func() any { return &macState{mac: hmac.New(sha256.New, key)} }},
		})
	}
	return s
}

// textSize is the length of a signed head.
func (s *signer) textSize() int {
	if s.purpose == purposeBrowserKey {
		return browserKeyText
	}
	return headText
}

// sign returns the text of h under the first secret.
func (s *signer) sign(h *head, v *Visit) string {
	var room [browserKeyText]byte
	return string(s.append(room[:0], h, v))
}

// append appends the text of h under the first secret.
func (s *signer) append(to []byte, h *head, v *Visit) []byte {
	var room [headFixed + extraSize + macSize]byte
	b := h.append(room[:0], s.keys[0].id)
	mac := s.keys[0].sum(b, h.flags, v)
	return encoding.AppendEncode(to, append(b, mac[:]...))
}

// verify reads text, which must be a head of this purpose signed under one of
// the secrets and bound to what v says.
func (s *signer) verify(text string, v *Visit) (h head, ok bool) {
	if len(text) != s.textSize() || brokenLine(text) {
		return head{}, false
	}
	var raw [headFixed + extraSize + macSize]byte
	var room [browserKeyText]byte
	n, err := encoding.Decode(raw[:], append(room[:0], text...))
	if err != nil || n != headSize(s.purpose)+macSize {
		return head{}, false
	}
	body, mac := raw[:n-macSize], raw[n-macSize:n]
	if !h.parse(body, s.purpose) {
		return head{}, false
	}
	for _, k := range s.keys {
		if k.id != body[3] {
			continue // the key id only saves attempts
		}
		if sum := k.sum(body, h.flags, v); hmac.Equal(sum[:], mac) {
			return h, true
		}
	}
	return head{}, false
}

// sum is the MAC of an encoded head and of what its flags bind it to.
func (k macKey) sum(encoded []byte, flags byte, v *Visit) [macSize]byte {
	m, ok := k.pool.Get().(*macState)
	if !ok {
		panic("session: pool of another type")
	}
	defer k.pool.Put(m)
	m.mac.Reset()
	m.mac.Write(m.text[:copy(m.text[:], encoded)])
	if flags&bindings != 0 {
		m.bind = appendBinding(m.bind[:0], flags, v)
		m.mac.Write(m.bind)
	}
	return [macSize]byte(m.mac.Sum(m.sum[:0]))
}

// appendBinding encodes what a cookie is bound to, each value with its length
// before it: together with the flags, which are signed too, two different
// bindings never give the same bytes.
func appendBinding(b []byte, flags byte, v *Visit) []byte {
	for _, bound := range [...]struct {
		flag  byte
		value string
	}{{flagBindIP, v.IP}, {flagBindScheme, v.Scheme}, {flagBindUserAgent, v.UserAgent}} {
		if flags&bound.flag != 0 {
			b = binary.BigEndian.AppendUint64(b, uint64(len(bound.value)))
			b = append(b, bound.value...)
		}
	}
	return b
}
