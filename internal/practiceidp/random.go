package practiceidp

import (
	"encoding/base64"
	"io"
)

// lockedReader serialises reads of a provider's source of randomness.
type lockedReader struct{ p *Provider }

func (l lockedReader) Read(b []byte) (int, error) {
	l.p.randomMu.Lock()
	defer l.p.randomMu.Unlock()
	return io.ReadFull(l.p.opts.Rand, b)
}

func (p *Provider) random() io.Reader { return lockedReader{p} }

// newID returns 32 random bytes, base64url. It panics without randomness: the
// recovered request fails, and no guessable value is ever handed out.
func (p *Provider) newID() string {
	b := make([]byte, 32)
	if _, err := io.ReadFull(p.random(), b); err != nil {
		panic("practiceidp: no random bytes: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
