package openidconnect

import (
	"encoding/base64"
	"net/http"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// proof is what came of a credential: who it is, ready for rules and headers,
// or why it does not count. It is kept and shared: it holds nothing of a
// request, and must not be changed.
type proof struct {
	// entry is what a session would remember of it.
	entry session.Entry
	// ready is what requests need of it.
	ready  *ready
	method config.Method
	// generation is that of the keys on which the proof rests; 0 for none.
	generation uint64
	// replay are headers of the token endpoint for the user agent.
	replay http.Header
	// claims are those of a verified JWT; nil for an opaque token.
	claims *oidc.Claims
	// expiry is when the token ends; zero when nobody said.
	expiry time.Time
	// until is when what it rests on stops counting, where another node got
	// that; zero otherwise.
	until time.Time
	// denied says why the credential is refused; nil for a good one.
	denied *denial
}

// denial is the refusal of a credential. It holds no secret and no text of the
// IdP that is not cut and printable.
type denial struct {
	// cause is for logs and, with display_errors, for the user agent.
	cause string
	// description is for WWW-Authenticate (RFC 6750 section 3).
	description string
	// remote tells that the IdP said so.
	remote bool
	err    error
}

const (
	describeExpired  = "The access token expired"
	describeRefused  = "The access token is not accepted"
	describeRejected = "The credentials are not accepted"
)

// The names under which an entry keeps documents that headers carry, ready as
// header values; no claim path has them.
const (
	docPrefix           = "\x00doc\x1f"
	docIntrospection    = docPrefix + "introspection"
	docIntrospectionJWT = docPrefix + "introspection_jwt"
	docUserInfoJWT      = docPrefix + "user_info_jwt"
	docAccessJWK        = docPrefix + "access_token_jwk"
	docIDJWK            = docPrefix + "id_token_jwk"
)

// document is one more document of an entry; an empty one is left out.
func document(e *session.Entry, name, value string) {
	if value != "" {
		e.Claims = append(e.Claims, session.Claim{Name: name, Value: value})
	}
}

// encoded is a JSON text as a header carries it.
func encoded(text []byte) string { return base64.StdEncoding.EncodeToString(text) }

// size is about how many bytes a proof takes.
func (p *proof) size() int {
	e := &p.entry
	n := len(e.AccessToken.Reveal()) + len(e.RefreshToken.Reveal()) + len(e.IDToken.Reveal()) + len(e.Subject) + len(e.Scope) + 600
	for _, c := range e.Claims {
		n += len(c.Name) + len(c.Value) + 32
	}
	if p.ready != nil {
		for _, header := range p.ready.headers {
			n += len(header.value) + 64
		}
		for _, header := range p.ready.response {
			n += len(header.value) + 64
		}
	}
	if p.claims != nil {
		n += 4 * len(p.entry.AccessToken.Reveal()) // the parsed payload
	}
	for name, values := range p.replay {
		n += len(name)
		for _, value := range values {
			n += len(value)
		}
	}
	return n
}

// kept is a proof for the cache: as long as it may be, by the bounds of the
// configuration and never beyond the end of its token.
func (h *handler) kept(p *proof) cache.Value[*proof] {
	now := h.Now()
	value := cache.Value[*proof]{V: p, Size: p.size()}
	if p.denied != nil {
		if !p.denied.remote {
			return value // found out here, and soon again
		}
		value.Fresh = now.Add(h.config.Cache.Negative)
		return value
	}
	value.Fresh = h.fresh(p.expiry)
	if !p.until.IsZero() {
		value.Fresh = earlier(value.Fresh, p.until)
	}
	value.Stale = value.Fresh.Add(h.config.Cache.Resurrect)
	if !p.expiry.IsZero() {
		value.Stale = earlier(value.Stale, p.expiry)
	}
	return value
}

// fresh is until when an answer counts that came now and whose token ends at
// expiry, zero where nobody says.
func (h *handler) fresh(expiry time.Time) time.Time {
	now, c := h.Now(), &h.config.Cache
	if expiry.IsZero() {
		return now.Add(c.TTL)
	}
	return earlier(now.Add(c.Bound(expiry.Sub(now))), expiry)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// holds tells whether a proof that was kept still counts: its keys have not
// been withdrawn.
func (h *handler) holds(p *proof) bool {
	return p.generation == 0 || h.provider.KeysHold(p.generation)
}
