package openidconnect

import (
	"context"
	"errors"
	"strings"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
)

// tokenQuery is an access token that came with a request, and everything of the
// request that shapes what comes of it. Its texts are copies.
type tokenQuery struct {
	client *config.Client
	token  secret.String
	// idToken came beside it, empty without one.
	idToken secret.String
	// introspection and userInfo are the additions to these calls.
	introspection, userInfo oidc.Extra
}

// tokenMethods are the methods for access tokens, in Kong's order, with where
// their proofs are kept.
var tokenMethods = [...]struct {
	method config.Method
	kind   kind
}{
	{config.MethodBearer, kindBearer},
	{config.MethodIntrospection, kindIntrospection},
	{config.MethodUserInfo, kindUserInfo},
}

// byToken verifies an access token, or what it is exchanged for.
func (h *handler) byToken(v *visit, found credential) (*admission, error) {
	a := &admission{credential: found, token: found.token, client: h.chooseClient(v)}
	good, err := v.takeBeside(a)
	if err != nil {
		return nil, err
	}
	if !good || found.malformed {
		return nil, v.deny(found, malformed(), a.client)
	}
	if a.proof = h.byGrant(v, found.token); a.proof != nil {
		return v.settle(a, nil)
	}
	exchanged := false
	if len(h.subjects) > 0 && h.config.Method.Has(config.MethodBearer) {
		exchanged, err = h.proveExchanged(v, a)
	}
	if !exchanged && err == nil {
		err = h.proveToken(v, a)
	}
	return v.settle(a, err)
}

// proveToken verifies an access token: as a JWT, by introspection, or by user
// info, whichever is enabled and applies first.
func (h *handler) proveToken(v *visit, a *admission) error {
	fields, q := v.queryFields(a)
	for i := range tokenMethods {
		if m := &tokenMethods[i]; h.config.Method.Has(m.method) {
			if p, ok := h.recall(m.kind, h.key(m.kind, fields...)); ok && p.denied == nil {
				a.proof = p
				return nil
			}
		}
	}
	return h.findOut(v, a, fields, q)
}

// findOut verifies a token that is not remembered.
func (h *handler) findOut(v *visit, a *admission, fields []string, q tokenQuery) error {
	q.client, q.token, q.idToken = a.client, secret.New(strings.Clone(a.token)), secret.New(strings.Clone(a.beside.token))
	m, err := h.methodFor(v, q.token)
	if err != nil {
		return err
	}
	var fetch func(context.Context, *tokenQuery) (*proof, error)
	var k kind
	keep := h.keepsUserInfo()
	switch m {
	case config.MethodBearer:
		k, fetch, keep = kindBearer, h.verifyJWT, keep && (h.config.Cache.Introspection || !h.config.Introspection.JWT)
	case config.MethodIntrospection:
		k, fetch, keep = kindIntrospection, h.introspect, keep && h.config.Cache.Introspection
	case config.MethodUserInfo:
		k, fetch, keep = kindUserInfo, h.askUserInfo, h.config.Cache.UserInfo
	default:
		a.proof = denied("access token: no JWT", nil, false)
		return nil
	}
	a.proof, err = h.prove(v.ctx, k, h.key(k, fields...), keep, func(ctx context.Context) (*proof, error) { return fetch(ctx, &q) })
	return err
}

// takeBeside finds the ID token that came beside the access token; good is false
// for one that cannot be one.
func (v *visit) takeBeside(a *admission) (good bool, err error) {
	c := &v.h.config.Credential
	beside, has, err := v.namedToken(c.IDTokenPlace, c.IDToken, c.IDTokenHeader)
	if has {
		a.beside = beside
	}
	return !beside.malformed, err
}

// methodFor is the enabled method that applies to a token first; empty for none.
func (h *handler) methodFor(v *visit, token secret.String) (config.Method, error) {
	m := &h.config.Method
	if m.Has(config.MethodBearer) && oidc.IsJWT(token) {
		return config.MethodBearer, nil
	}
	introspects, err := h.introspects(v)
	switch {
	case err != nil:
		return "", err
	case introspects:
		return config.MethodIntrospection, nil
	case m.Has(config.MethodUserInfo):
		return config.MethodUserInfo, nil
	}
	return "", nil
}

// queryFields are what a token's key is made of, and what the request adds to
// the calls about it.
func (v *visit) queryFields(a *admission) ([]string, tokenQuery) {
	h := v.h
	id := ""
	if a.client != nil {
		id = a.client.ID
	}
	fields := []string{a.token, id, a.beside.token}
	var q tokenQuery
	i, u := &h.config.Introspection, &h.config.UserInfo
	q.introspection = oidc.Extra{Args: i.Arguments, Header: i.Header}
	q.userInfo = oidc.Extra{Args: u.Query, Header: u.Header}
	if len(i.ClientHeaders)+len(i.ClientArguments)+len(i.ClientHeaderArguments) > 0 {
		q.introspection = v.introspectionExtra()
		fields = extraFields(fields, q.introspection)
	}
	if len(u.ClientHeaders)+len(u.ClientArguments) > 0 {
		q.userInfo = v.userInfoExtra()
		fields = extraFields(fields, q.userInfo)
	}
	return fields, q
}

// introspects tells whether tokens are introspected: where the method is
// enabled, and an endpoint is known or nothing else is left to ask.
func (h *handler) introspects(v *visit) (bool, error) {
	m := &h.config.Method
	if !m.Has(config.MethodIntrospection) {
		return false, nil
	}
	if !m.Has(config.MethodUserInfo) {
		return true, nil
	}
	md, err := h.provider.Metadata(v.ctx)
	if err != nil {
		return false, err
	}
	return md.IntrospectionEndpoint != "" || md.MutualTLS.Introspection != "", nil
}

// keepsUserInfo tells whether a proof that user info is part of may be kept.
func (h *handler) keepsUserInfo() bool { return h.config.Cache.UserInfo || !h.wantsUserInfo() }

// accessCheck is what a JWT access token must prove here.
func (h *handler) accessCheck(client *config.Client, method config.Method) oidc.AccessTokenCheck {
	c := &h.config.Verification
	check := oidc.AccessTokenCheck{
		Leeway: c.Leeway, Algorithms: h.config.Own.AccessAlgs, EnableHS: c.EnableHS,
		SkipSignature: c.Ignores(method), SkipClaims: !c.Claims,
	}
	if client != nil {
		check.ClientSecret = client.Secret
	}
	return check
}

// verifyJWT is the method bearer.
func (h *handler) verifyJWT(ctx context.Context, q *tokenQuery) (*proof, error) {
	token, err := h.provider.VerifyAccessToken(ctx, q.token, h.accessCheck(q.client, config.MethodBearer))
	if err != nil {
		return refused(err, "access token", false)
	}
	ev := evidence{method: config.MethodBearer, client: q.client, token: q.token, access: token, claims: token.Claims, userInfoExtra: q.userInfo}
	if h.config.Introspection.JWT {
		if p, err := h.introspectToken(ctx, q, &ev); p != nil || err != nil {
			return p, err
		}
	}
	if p, err := h.verifyBeside(ctx, q, &ev); p != nil || err != nil {
		return p, err
	}
	return h.conclude(ctx, &ev)
}

// verifyBeside verifies the ID token that came beside an access token. The
// result is a refusal, or nil.
func (h *handler) verifyBeside(ctx context.Context, q *tokenQuery, ev *evidence) (*proof, error) {
	if q.idToken.Empty() {
		return nil, nil
	}
	if q.client == nil {
		return nil, errNoClient
	}
	check := h.idTokenCheck(q.client, &oidc.TokenResponse{AccessToken: q.token})
	check.SkipNonce = true // that of a login elsewhere
	id, err := h.provider.VerifyIDToken(ctx, q.idToken, check)
	if err != nil {
		return refused(err, "id token", false)
	}
	if ev.claims != nil && ev.claims.Subject() != "" && ev.claims.Subject() != id.Subject() {
		return denied("id token: about somebody else", nil, false), nil
	}
	ev.idToken, ev.idTokenText = id, q.idToken
	return nil, nil
}

// refused makes a proof of a token that broke a rule; other errors stay errors.
func refused(err error, what string, remote bool) (*proof, error) {
	violation, ok := errors.AsType[*oidc.Violation](err)
	if !ok {
		return nil, err
	}
	p := denied(what+": "+violation.Rule.Error(), err, remote)
	if errors.Is(err, oidc.ErrExpired) {
		p.denied.description = describeExpired
	}
	return p, nil
}

// denied is the proof of a credential that is refused; remote tells that the IdP
// said so.
func denied(cause string, err error, remote bool) *proof {
	return &proof{denied: &denial{cause: cause, description: describeRefused, err: err, remote: remote}}
}
