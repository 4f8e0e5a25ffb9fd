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
	pool *sync.Pool // of hash.Hash, keyed and reset
}

func newSigner(ring *secret.Keyring, purpose byte, name string) *signer {
	s := &signer{purpose: purpose}
	for i := range ring.Len() {
		key := ring.Derive(i, nil, "sallyport cookie 1 "+string([]byte{'0' + purpose})+" "+name, sha256.Size)
		s.keys = append(s.keys, macKey{
			id:   ring.ID(i),
			pool: &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
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
	b := make([]byte, 0, headFixed+extraSize+sha256.Size)
	b = h.append(b, s.keys[0].id)
	b = s.keys[0].sum(b, b, h.flags, v)
	return encoding.EncodeToString(b[:headSize(s.purpose)+macSize])
}

// verify reads text, which must be a head of this purpose signed under one of
// the secrets and bound to what v says.
func (s *signer) verify(text string, v *Visit) (h head, ok bool) {
	if len(text) != s.textSize() || brokenLine(text) {
		return head{}, false
	}
	var raw [(headFixed + extraSize + macSize)]byte
	n, err := encoding.Decode(raw[:], []byte(text))
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
		var sum [sha256.Size]byte
		if hmac.Equal(k.sum(sum[:0], body, h.flags, v)[:macSize], mac) {
			return h, true
		}
	}
	return head{}, false
}

// sum appends the MAC of an encoded head and of what its flags bind it to.
func (k macKey) sum(b, encoded []byte, flags byte, v *Visit) []byte {
	m, ok := k.pool.Get().(hash.Hash)
	if !ok {
		panic("session: pool of another type")
	}
	defer k.pool.Put(m)
	m.Reset()
	m.Write(encoded)
	if flags&bindings != 0 {
		m.Write(appendBinding(nil, flags, v))
	}
	return m.Sum(b)
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
