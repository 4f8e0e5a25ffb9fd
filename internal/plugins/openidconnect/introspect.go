package openidconnect

import (
	"context"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
)

// introspect is the method introspection (RFC 7662).
func (h *handler) introspect(ctx context.Context, q *tokenQuery) (*proof, error) {
	ev := evidence{method: config.MethodIntrospection, client: q.client, token: q.token, userInfoExtra: q.userInfo}
	if p, err := h.introspectToken(ctx, q, &ev); p != nil || err != nil {
		return p, err
	}
	ev.claims = ev.introspection.Claims
	if p, err := h.verifyBeside(ctx, q, &ev); p != nil || err != nil {
		return p, err
	}
	return h.conclude(ctx, &ev)
}

// introspectToken gets the answer about a token, from the nodes that share a
// cache or from the endpoint, and adds it to ev. The proof is that of a token
// that is refused, nil otherwise.
func (h *handler) introspectToken(ctx context.Context, q *tokenQuery, ev *evidence) (*proof, error) {
	if q.client == nil && q.introspection.Header.Get("Authorization") == "" {
		return nil, errNoClient
	}
	place := h.introspectionPlace(q)
	if answer, until, ok := h.sharedIntrospection(ctx, place); ok {
		// One that does not do is none: the endpoint says why.
		if p, err := h.weigh(ctx, answer); p == nil && err == nil {
			ev.introspection, ev.until = answer, until
			return nil, nil
		}
	}
	i := &h.config.Introspection
	request := oidc.IntrospectionRequest{
		Token: q.token, TokenParameter: i.TokenParameter, Hint: i.Hint, Accept: i.Accept,
		Extra: q.introspection,
		Check: h.answerCheck(q.client, config.MethodIntrospection),
	}
	var client oidc.Client
	if q.client != nil {
		client = q.client.Client
	}
	answer, err := h.provider.Introspect(ctx, client, request)
	if err != nil {
		return nil, err
	}
	if p, err := h.weigh(ctx, answer); p != nil || err != nil {
		return p, err
	}
	ev.introspection = answer
	h.shareIntrospection(ctx, place, answer)
	return nil, nil
}

// weigh holds an introspection to its rules. The proof is that of a token that
// is refused, nil otherwise.
func (h *handler) weigh(ctx context.Context, answer *oidc.Introspection) (*proof, error) {
	if h.config.Introspection.CheckActive && !answer.Active {
		return denied("introspection: the token is not active", nil, true), nil
	}
	if p := h.inTime(answer.Claims); p != nil {
		return p, nil
	}
	if md, err := h.provider.Metadata(ctx); err != nil {
		return nil, err
	} else if h.config.Verification.Claims && !h.provider.IssuerOf(md, answer.Claims) {
		return denied("introspection: iss", nil, true), nil
	}
	return nil, nil
}

// inTime holds the dates of an introspection to the clock; nil when they are
// right, or not to be verified.
func (h *handler) inTime(claims *oidc.Claims) *proof {
	c := &h.config.Verification
	if !c.Claims {
		return nil
	}
	now := h.Now()
	for _, name := range []string{"exp", "nbf"} {
		if _, present := claims.Lookup(name); !present {
			continue
		}
		at, ok := claims.Time(name)
		good := ok && (name == "exp" && now.Before(at.Add(c.Leeway)) || name == "nbf" && !now.Add(c.Leeway).Before(at))
		if !good {
			p := denied("introspection: "+name, nil, true)
			p.denied.description = describeExpired
			return p
		}
	}
	return nil
}

// answerCheck is what an answer in the form of a JWT must prove.
func (h *handler) answerCheck(client *config.Client, method config.Method) oidc.AnswerCheck {
	c := &h.config.Verification
	check := oidc.AnswerCheck{EnableHS: c.EnableHS, Leeway: c.Leeway, SkipSignature: c.Ignores(method), SkipClaims: !c.Claims}
	if client != nil {
		check.ClientID, check.ClientSecret, check.Key = client.ID, client.Secret, client.DecryptionKey
	}
	return check
}

// askUserInfo is the method userinfo: a token for which the endpoint answers is
// good.
func (h *handler) askUserInfo(ctx context.Context, q *tokenQuery) (*proof, error) {
	ev := evidence{method: config.MethodUserInfo, client: q.client, token: q.token, userInfoExtra: q.userInfo}
	if claims, err := oidc.UnverifiedClaims(q.token); err == nil && oidc.IsJWT(q.token) {
		ev.claims = claims // the endpoint takes it for genuine, or refuses it
	}
	info, err := h.fetchUserInfo(ctx, &ev)
	switch {
	case oidc.Refused(err):
		return denied("user info: the token is not accepted", err, true), nil
	case err != nil:
		return nil, err
	}
	ev.userInfo = info
	if p, err := h.verifyBeside(ctx, q, &ev); p != nil || err != nil {
		return p, err
	}
	return h.conclude(ctx, &ev)
}
