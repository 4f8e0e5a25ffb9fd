package openidconnect

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/oidc"
)

// kind labels what a key of a cache is for, so that no two uses share one.
type kind byte

const (
	kindBearer kind = iota + 1
	kindIntrospection
	kindUserInfo
	kindRefresh
	kindPassword
	kindClient
	kindExchange
	kindExchangeEndpoint
)

// proofs keeps what came of credentials, for all instances of the plugin. The
// caches are apart, so that a flood of one kind does not drive out another.
type proofs struct {
	// secret keys the hashes that name entries: a key tells nothing of the
	// credential to whoever does not have it, not even by guessing.
	secret []byte
	caches map[kind]*cache.Cache[*proof]
	// exchanged keeps what came of the exchange of tokens.
	exchanged *cache.Cache[*exchanged]
}

// The bounds of each cache.
const (
	proofEntries = 20_000
	proofBytes   = 64 << 20
)

func newProofs(now func() time.Time) *proofs {
	p := &proofs{secret: make([]byte, 32), caches: map[kind]*cache.Cache[*proof]{}}
	_, _ = rand.Read(p.secret) // never fails
	tokens := cache.New[*proof](cache.Options{Entries: proofEntries, Bytes: proofBytes, Now: now})
	for _, k := range []kind{kindBearer, kindIntrospection, kindUserInfo, kindRefresh, kindPassword, kindClient} {
		if k >= kindRefresh {
			p.caches[k] = tokens // answers of the token endpoint
			continue
		}
		p.caches[k] = cache.New[*proof](cache.Options{Entries: proofEntries, Bytes: proofBytes, Now: now})
	}
	p.exchanged = cache.New[*exchanged](cache.Options{Entries: proofEntries, Bytes: proofBytes, Now: now})
	return p
}

// realm is the part of the keys that all credentials of an instance share: every
// setting goes into it, so that instances share an entry only where they would
// come to the same. Answers of the token endpoint are also told apart by
// cache_tokens_salt.
func (p *proofs) realm(fingerprint [sha256.Size]byte, salt string) [sha256.Size]byte {
	m := hmac.New(sha256.New, p.secret)
	m.Write(fingerprint[:])
	m.Write([]byte(salt))
	return [sha256.Size]byte(m.Sum(nil))
}

// key names a credential: fields are everything of the request that shapes what
// comes of it, each with its length in front.
func (h *handler) key(k kind, fields ...string) cache.Key {
	realm := &h.realms[0]
	if k >= kindRefresh {
		realm = &h.realms[1]
	}
	room := [2048]byte{}
	text := append(room[:0], realm[:]...)
	text = append(text, byte(k))
	for _, f := range fields {
		text = binary.BigEndian.AppendUint32(text, uint32(len(f))) //nolint:gosec // bounded by what a request may hold
		text = append(text, f...)
	}
	return sha256.Sum256(text)
}

// extraFields flattens what a request adds to a call, for its key.
func extraFields(fields []string, extra oidc.Extra) []string {
	for _, values := range []map[string][]string{extra.Args, extra.Header} {
		names := make([]string, 0, len(values))
		for name := range values {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fields = append(fields, name, strconv.Itoa(len(values[name])))
			fields = append(fields, values[name]...)
		}
		fields = append(fields, strconv.Itoa(len(names)))
	}
	return fields
}

// recall gives what came of a credential before, while it counts.
func (h *handler) recall(k kind, key cache.Key) (*proof, bool) {
	c := h.proofs.caches[k]
	p, ok := c.Get(key)
	if !ok || !h.holds(p) {
		return nil, false
	}
	return p, true
}

// prove gives what comes of a credential: what is kept, or what fetch finds out
// now, once for all who ask at the same moment. keep says whether it may be
// kept; what is not is still shared by those who wait for it.
func (h *handler) prove(ctx context.Context, k kind, key cache.Key, keep bool, fetch func(context.Context) (*proof, error)) (*proof, error) {
	c := h.proofs.caches[k]
	if p, ok := c.Get(key); ok && !h.holds(p) {
		c.Delete(key)
	}
	return c.Do(ctx, key, func(ctx context.Context) (cache.Value[*proof], error) {
		p, err := fetch(ctx)
		switch {
		case err != nil:
			return cache.Value[*proof]{}, err
		case !keep:
			return cache.Value[*proof]{V: p}, nil
		}
		return h.kept(p), nil
	}, softFailure)
}

// softFailure tells whether an earlier answer may stand in for one that could
// not be had: nobody answered, and nobody refused.
func softFailure(err error) bool {
	if _, broken := errors.AsType[*oidc.Violation](err); broken {
		return false
	}
	return errors.Is(err, oidc.ErrUnreachable) || errors.Is(err, oidc.ErrIntrospection) ||
		errors.Is(err, oidc.ErrUserInfo) || errors.Is(err, oidc.ErrTokenEndpoint) ||
		errors.Is(err, oidc.ErrExchangeEndpoint) || errors.Is(err, cache.ErrBusy)
}
