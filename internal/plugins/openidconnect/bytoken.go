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

// byToken verifies an access token: as a JWT, by introspection, or by user info,
// whichever is enabled and applies first.
func (h *handler) byToken(v *visit, found credential) (*admission, error) {
	client := h.chooseClient(v)
	a := &admission{credential: found, client: client}
	if found.malformed {
		return nil, v.deny(found, malformed(), client)
	}
	c := &h.config.Credential
	beside, has, err := v.namedToken(c.IDTokenPlace, c.IDToken, c.IDTokenHeader)
	switch {
	case err != nil:
		return nil, err
	case has && beside.malformed:
		return nil, v.deny(found, malformed(), client)
	case has:
		a.beside = beside
	}
	fields, extras, err := v.queryFields(a)
	if err != nil {
		return nil, err
	}
	bearer := h.config.Method.Has(config.MethodBearer)
	if bearer {
		if p, ok := h.recall(kindBearer, h.key(kindBearer, fields...)); ok && p.denied == nil {
			a.proof = p
			return a, nil
		}
	}
	q := extras
	q.client, q.token, q.idToken = client, secret.New(strings.Clone(found.token)), secret.New(strings.Clone(a.beside.token))
	if bearer && oidc.IsJWT(q.token) {
		keep := (h.config.Cache.Introspection || !h.config.Introspection.JWT) && h.keepsUserInfo()
		a.proof, err = h.prove(v.ctx, kindBearer, h.key(kindBearer, fields...), keep, func(ctx context.Context) (*proof, error) { return h.verifyJWT(ctx, &q) })
		return v.settle(a, err)
	}
	introspects, err := h.introspects(v)
	switch {
	case err != nil:
		return v.settle(a, err)
	case introspects:
		keep := h.config.Cache.Introspection && h.keepsUserInfo()
		a.proof, err = h.prove(v.ctx, kindIntrospection, h.key(kindIntrospection, fields...), keep, func(ctx context.Context) (*proof, error) { return h.introspect(ctx, &q) })
		return v.settle(a, err)
	case h.config.Method.Has(config.MethodUserInfo):
		a.proof, err = h.prove(v.ctx, kindUserInfo, h.key(kindUserInfo, fields...), h.config.Cache.UserInfo, func(ctx context.Context) (*proof, error) { return h.askUserInfo(ctx, &q) })
		return v.settle(a, err)
	}
	return nil, v.deny(found, &denial{cause: "the token is no JWT", description: describeRefused}, client)
}

// queryFields are what a token's key is made of, and what the request adds to
// the calls about it.
func (v *visit) queryFields(a *admission) ([]string, tokenQuery, error) {
	h := v.h
	id := ""
	if a.client != nil {
		id = a.client.ID
	}
	fields := []string{a.credential.token, id, a.beside.token}
	var q tokenQuery
	i, u := &h.config.Introspection, &h.config.UserInfo
	q.introspection = oidc.Extra{Args: i.Arguments, Header: i.Header}
	q.userInfo = oidc.Extra{Args: u.Query, Header: u.Header}
	if len(i.ClientHeaders)+len(i.ClientArguments)+len(i.ClientHeaderArguments) > 0 {
		var err error
		if q.introspection, err = v.introspectionExtra(); err != nil {
			return nil, q, err
		}
		fields = extraFields(fields, q.introspection)
	}
	if len(u.ClientHeaders)+len(u.ClientArguments) > 0 {
		q.userInfo = v.userInfoExtra()
		fields = extraFields(fields, q.userInfo)
	}
	return fields, q, nil
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
	return md.IntrospectionEndpoint != "", nil
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
		p, answer, err := h.introspectToken(ctx, q)
		if p != nil || err != nil {
			return p, err
		}
		ev.introspection = answer
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
		return denied("the id token is about somebody else", nil, false), nil
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
