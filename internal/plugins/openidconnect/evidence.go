package openidconnect

import (
	"context"
	"errors"
	"time"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// evidence is what was found out about a credential that is good.
type evidence struct {
	method config.Method
	client *config.Client
	token  secret.String
	// tokens is the token endpoint's answer; nil for a token of the request's.
	tokens *oidc.TokenResponse
	// access is a verified JWT; nil for others.
	access *oidc.AccessToken
	// claims are what the claims rules read: of the JWT or its introspection;
	// nil where nobody said anything.
	claims *oidc.Claims

	idToken     *oidc.IDToken
	idTokenText secret.String

	introspection *oidc.Introspection
	// until is when an answer that another node got stops counting; zero for
	// one of our own.
	until         time.Time
	userInfo      *oidc.Claims
	userInfoExtra oidc.Extra
}

// conclude makes the proof of a credential that is good, and fetches user info
// where something needs it.
func (h *handler) conclude(ctx context.Context, ev *evidence) (*proof, error) {
	if h.wantsUserInfo() && ev.userInfo == nil {
		info, err := h.fetchUserInfo(ctx, ev)
		switch {
		case errors.Is(err, oidc.ErrUserInfoSubject):
			return refused(err, "user info", true)
		case oidc.Refused(err): // a token without a user has no user info
		case err != nil:
			return nil, err
		default:
			ev.userInfo = info
		}
	}
	p := &proof{method: ev.method, expiry: h.ends(ev), until: ev.until}
	if ev.access != nil {
		p.generation, p.claims = ev.access.Generation, ev.access.Claims
	}
	e := &p.entry
	e.Realm, e.Method, e.AccessToken, e.TokenType = h.realmOf(ev.client), string(ev.method), ev.token, "Bearer"
	e.IDToken = ev.idTokenText
	e.Subject = h.subjectOf(ev)
	e.ACR, e.AuthTime = levelOf(ev)
	e.Expiry = h.Now().Add(h.config.Cache.TTL)
	if exp, ok := expiryOf(ev); ok {
		e.Expiry = exp
	}
	if t := ev.tokens; t != nil {
		e.RefreshToken, e.IDToken, e.Scope = t.RefreshToken, t.IDToken, t.Scope
		e.Expiry = t.ExpiresAt(h.config.Cache.TTL)
		p.replay = h.replayed(t.Header)
	}
	h.documents(e, ev)
	h.keep(e, ev.claims, sourcesOf(ev))
	h.keepBinding(e, ev)
	p.ready = h.prepare(e)
	return p, nil
}

// documents stores what headers carry, as they carry it.
func (h *handler) documents(e *session.Entry, ev *evidence) {
	hc := &h.config.Header
	if ev.userInfo != nil {
		document(e, userInfoClaim, string(ev.userInfo.Raw()))
		if hc.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.UserInfoJWT }) {
			document(e, docUserInfoJWT, ev.userInfo.Signed().Reveal())
		}
	}
	if ev.introspection != nil {
		if hc.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.Introspection }) {
			document(e, docIntrospection, encoded(ev.introspection.Raw()))
		}
		if hc.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.IntrospectionJWT }) {
			document(e, docIntrospectionJWT, ev.introspection.JWT.Reveal())
		}
	}
	if ev.access != nil && hc.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.AccessTokenJWK }) {
		document(e, docAccessJWK, jwkHeader(ev.access.JWK()))
	}
	if ev.idToken != nil {
		h.keepIDKey(e, ev.idToken)
	}
}

// keepIDKey stores the key that verified an ID token, where a header carries it.
func (h *handler) keepIDKey(e *session.Entry, id *oidc.IDToken) {
	if h.config.Header.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.IDTokenJWK }) {
		document(e, docIDJWK, jwkHeader(id.JWK()))
	}
}

func jwkHeader(jwk []byte) string {
	if jwk == nil {
		return ""
	}
	return encoded(jwk)
}

// sourcesOf are what claims are taken from, in this order: introspection, access
// token, ID token, user info.
func sourcesOf(ev *evidence) []*oidc.Claims {
	var sources []*oidc.Claims
	if ev.introspection != nil {
		sources = append(sources, ev.introspection.Claims)
	}
	if ev.access != nil {
		sources = append(sources, ev.access.Claims)
	} else if ev.claims != nil && ev.introspection == nil {
		sources = append(sources, ev.claims)
	}
	if ev.idToken != nil {
		sources = append(sources, ev.idToken.Claims)
	}
	if ev.userInfo != nil {
		sources = append(sources, ev.userInfo)
	}
	return sources
}

// subjectOf is the sub of the first source that names one.
func (h *handler) subjectOf(ev *evidence) string {
	for _, claims := range sourcesOf(ev) {
		if sub := claims.Subject(); sub != "" {
			return sub
		}
	}
	return ""
}

// levelOf is how and when the user authenticated, by the first source that says
// so.
func levelOf(ev *evidence) (acr string, at time.Time) {
	for _, claims := range sourcesOf(ev) {
		if acr == "" {
			acr, _ = claims.Text("acr")
		}
		if at.IsZero() {
			at, _ = claims.Time("auth_time")
		}
	}
	return acr, at
}

// realmOf is the session realm of client, nil for none.
func (h *handler) realmOf(client *config.Client) session.Realm {
	if client == nil {
		return session.Realm{Issuer: h.config.Issuer.Issuer, Policy: h.config.Policy()}
	}
	return h.sessionRealm(client)
}

// expiryOf is when the access token ends, where the token or its introspection
// says so.
func expiryOf(ev *evidence) (time.Time, bool) {
	var end time.Time
	found := false
	for _, claims := range []*oidc.Claims{ev.claims, introspected(ev)} {
		if claims == nil {
			continue
		}
		if exp, ok := claims.Time("exp"); ok && (!found || exp.Before(end)) {
			end, found = exp, true
		}
	}
	return end, found
}

func introspected(ev *evidence) *oidc.Claims {
	if ev.introspection == nil {
		return nil
	}
	return ev.introspection.Claims
}

// ends is until when the proof may be used; zero where nobody says. A token that
// the client brought counts leeway longer; one that we can get anew is given up
// leeway early, but not before three quarters of its life. Dates that are not
// verified do not end anything.
func (h *handler) ends(ev *evidence) time.Time {
	leeway := h.config.Verification.Leeway
	if ev.tokens != nil {
		return h.givenUp(ev.tokens, h.config.Cache.TTL, ev.claims)
	}
	exp, ok := expiryOf(ev)
	if !ok || !h.config.Verification.Claims {
		return time.Time{}
	}
	return exp.Add(leeway)
}

// givenUp is until when a token of the token endpoint is used: leeway before its
// end, but not before three quarters of its life. fallback is its life where
// nobody tells it; claims are those of a JWT, nil for others.
func (h *handler) givenUp(t *oidc.TokenResponse, fallback time.Duration, claims *oidc.Claims) time.Time {
	end := t.ExpiresAt(fallback)
	if claims != nil {
		if exp, ok := claims.Time("exp"); ok {
			end = earlier(end, exp)
		}
	}
	return end.Add(-min(h.config.Verification.Leeway, max(0, end.Sub(t.AskedAt))/4))
}

// fetchUserInfo asks the user info endpoint about the access token. Where the
// token or something beside it names a subject, the answer must be about it.
func (h *handler) fetchUserInfo(ctx context.Context, ev *evidence) (*oidc.Claims, error) {
	return h.provider.UserInfo(ctx, oidc.UserInfoRequest{
		AccessToken: ev.token, Subject: h.subjectOf(ev), AnySubject: true, Accept: h.config.UserInfo.Accept,
		Query: ev.userInfoExtra.Args, Header: ev.userInfoExtra.Header, Check: h.answerCheck(ev.client, config.MethodUserInfo),
	})
}
