package openidconnect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
)

// exchanged is what came of the exchange of a token: the other token, or why
// there is none. It is kept and shared, and must not be changed.
type exchanged struct {
	token secret.String
	// expiry is until when the token may be used in place of the first one.
	expiry time.Time
	// issuer and generation name the keys that verified the first one; 0 for
	// none.
	issuer     string
	generation uint64
	denied     *denial
}

// openSubjects makes the providers that verify tokens before their exchange.
// They make calls only where signatures are verified: those are shared.
func (h *handler) openSubjects() error {
	c := h.config
	h.subjects = make(map[string]*oidc.Provider, len(c.Exchange.Subjects))
	for i := range c.Exchange.Subjects {
		s := &c.Exchange.Subjects[i]
		if h.subjects[s.Issuer] != nil {
			continue // the target's, with other conditions
		}
		options := c.SubjectProvider(s)
		options.Now, options.Rand, options.Observe = h.Now, h.Rand, h.observeCall
		create := func() (*oidc.Provider, error) { return oidc.NewProvider(options) }
		var provider *oidc.Provider
		var release func()
		var err error
		if s.Verify {
			provider, release, err = h.providers.acquire(options.Key(), create)
		} else if provider, err = create(); err == nil {
			release = provider.Close
		}
		if err != nil {
			return fmt.Errorf("config.token_exchange.subject_token_issuers.%d: %w", i+1, err)
		}
		h.subjects[s.Issuer], h.releases = provider, append(h.releases, release)
	}
	return nil
}

// proveExchanged exchanges the token of an admission (RFC 8693) and proves the
// other one, as if that had come. False means that this token is not exchanged.
// A kept token that does not count any more is exchanged anew, once: keys may
// have been withdrawn.
func (h *handler) proveExchanged(v *visit, a *admission) (bool, error) {
	extra := h.tokenExtra(v)
	id := ""
	if a.client != nil {
		id = a.client.ID
	}
	key := h.key(kindExchange, extraFields([]string{a.token, id}, extra)...)
	subject := a.token
	for range 2 {
		x, kept := h.proofs.exchanged.Get(key)
		if kept && !h.exchangeHolds(x) {
			h.proofs.exchanged.Delete(key)
			kept = false
		}
		if !kept {
			s := h.subjectIssuer(subject)
			if s == nil {
				return false, nil
			}
			if a.client == nil {
				return true, errNoClient
			}
			var err error
			if x, err = h.exchange(v.ctx, key, s, a.client, secret.New(strings.Clone(subject)), extra); err != nil {
				return true, err
			}
		}
		if x.denied != nil {
			a.proof = &proof{denied: x.denied}
			return true, nil
		}
		a.token = x.token.Reveal()
		if err := h.proveToken(v, a); err != nil || a.proof.denied == nil {
			return true, err
		}
		h.proofs.exchanged.Delete(key)
		if !kept {
			break
		}
	}
	return true, nil
}

// exchangeHolds tells whether an exchange that was kept still counts: the keys
// that verified the first token have not been withdrawn.
func (h *handler) exchangeHolds(x *exchanged) bool {
	return x.generation == 0 || h.subjects[x.issuer].KeysHold(x.generation)
}

// subjectIssuer is the entry by which a token is exchanged, nil for none.
// Nothing of the token is verified yet.
func (h *handler) subjectIssuer(token string) *config.SubjectIssuer {
	text := secret.New(token)
	if !oidc.IsJWT(text) {
		return nil
	}
	claims, err := oidc.UnverifiedClaims(text)
	if err != nil {
		return nil
	}
	for i := range h.config.Exchange.Subjects {
		s := &h.config.Exchange.Subjects[i]
		if s.Issuer == claims.Issuer() && s.Conditions.Hold(h.scopesOf(claims), claims.Audience()) {
			return s
		}
	}
	return nil
}

// scopesOf are the scopes of a token, where scopes_claim says.
func (h *handler) scopesOf(claims *oidc.Claims) []string {
	return strings.Split(ruleValues(claims, h.config.Claims.ScopesPath()), valueSeparator)
}

// exchange verifies a token as far as its issuer's entry says, and exchanges it:
// once for all who bring it at the same moment.
func (h *handler) exchange(ctx context.Context, key cache.Key, s *config.SubjectIssuer, client *config.Client, token secret.String, extra oidc.Extra) (*exchanged, error) {
	return h.proofs.exchanged.Do(ctx, key, func(ctx context.Context) (cache.Value[*exchanged], error) {
		x, err := h.swap(ctx, s, client, token, extra)
		if err != nil {
			return cache.Value[*exchanged]{}, err
		}
		return h.keptExchange(x, h.config.Exchange.Cache, h.config.Exchange.TTL), nil
	}, softFailure)
}

func (h *handler) swap(ctx context.Context, s *config.SubjectIssuer, client *config.Client, token secret.String, extra oidc.Extra) (*exchanged, error) {
	c := &h.config.Verification
	subject, err := h.subjects[s.Issuer].VerifyAccessToken(ctx, token, oidc.AccessTokenCheck{
		Leeway: c.Leeway, Algorithms: h.config.Own.AccessAlgs, SkipSignature: !s.Verify, SkipClaims: !c.Claims,
	})
	if err != nil {
		return notExchanged(refused(err, "token to be exchanged", false))
	}
	if _, bound := subject.Lookup("cnf"); bound {
		return notExchanged(denied("token to be exchanged: it is bound to a key or a certificate (cnf), and the other one would not be", nil, false), nil)
	}
	tokens, err := h.provider.Exchange(ctx, client.Client, oidc.ExchangeGrant{
		SubjectToken: token, Scopes: h.config.Exchange.Scopes, Audience: h.config.Exchange.Audience,
	}, extra)
	if err != nil {
		return notExchanged(exchangeRefused(err))
	}
	x := &exchanged{token: tokens.AccessToken, issuer: s.Issuer, generation: subject.Generation}
	fallback := h.config.Cache.TTL
	if ttl := h.config.Exchange.TTL; ttl != nil {
		fallback = *ttl
	}
	claims, err := oidc.UnverifiedClaims(tokens.AccessToken)
	if err != nil {
		claims = nil // opaque
	}
	x.expiry = h.givenUp(tokens, fallback, claims)
	if !h.Now().Before(tokens.ExpiresAt(fallback)) {
		return notExchanged(denied("token exchange: the access token has expired already", nil, true), nil)
	}
	if exp, ok := subject.Time("exp"); ok && c.Claims {
		x.expiry = earlier(x.expiry, exp.Add(c.Leeway))
	}
	return x, nil
}

// notExchanged is the exchange that a refusal ends.
func notExchanged(p *proof, err error) (*exchanged, error) {
	if err != nil {
		return nil, err
	}
	return &exchanged{denied: p.denied}, nil
}

// exchangeRefused makes a refusal of the token endpoint's word that the token is
// not accepted (RFC 8693 section 2.2.2); other errors stay errors, such as one
// about what was asked for.
func exchangeRefused(err error) (*proof, error) {
	oauth, ok := errors.AsType[*oidc.OAuthError](err)
	if !ok {
		return nil, err
	}
	switch oauth.Code {
	case "invalid_request", invalidGrant, "invalid_token", "access_denied":
		return denied("token exchange: the identity provider answered "+oauth.Code, err, true), nil
	}
	return nil, err
}

// keptExchange is an exchange for the cache, if it is to be kept; for ttl where
// that is not nil: as long as it may be, by the bounds of the configuration and
// never beyond the end of either token.
func (h *handler) keptExchange(x *exchanged, keep bool, ttl *time.Duration) cache.Value[*exchanged] {
	now := h.Now()
	value := cache.Value[*exchanged]{V: x, Size: len(x.token.Reveal())}
	if !keep {
		return value
	}
	if x.denied != nil {
		if x.denied.remote {
			value.Fresh = now.Add(h.config.Cache.Negative)
		}
		return value
	}
	left := x.expiry.Sub(now)
	if ttl != nil {
		left = *ttl
	}
	value.Fresh = earlier(now.Add(h.config.Cache.Bound(left)), x.expiry)
	value.Stale = earlier(value.Fresh.Add(h.config.Cache.Resurrect), x.expiry)
	return value
}
