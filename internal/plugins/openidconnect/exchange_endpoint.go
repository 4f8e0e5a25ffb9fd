package openidconnect

import (
	"context"
	"net/http"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// upstreamToken is what token_exchange_endpoint gives for the verified access
// token of e, empty where there is no such endpoint or the upstream gets no
// token. a is the API client's admission, nil for a session. Without a token in
// its place the request does not go on. A token of the configuration is nothing
// that the provider knows, and none of its business.
func (h *handler) upstreamToken(v *visit, e *session.Entry, a *admission) (secret.String, error) {
	if h.config.Exchange.Endpoint == "" || h.config.Header.Upstream.AccessToken.Name == "" || e.AccessToken.Empty() ||
		e.Method == string(config.MethodKongOAuth2) {
		return secret.String{}, nil
	}
	first, expiry := e.AccessToken, e.Expiry
	key := h.key(kindExchangeEndpoint, first.Reveal())
	x, err := h.proofs.exchanged.Do(v.ctx, key, func(ctx context.Context) (cache.Value[*exchanged], error) {
		x, err := h.askExchangeEndpoint(ctx, first, expiry)
		if err != nil {
			return cache.Value[*exchanged]{}, err
		}
		return h.keptExchange(x, h.config.Cache.Exchange, nil), nil
	}, softFailure)
	switch {
	case err != nil && a != nil:
		return secret.String{}, v.cannotTell(err, a.client)
	case err != nil:
		v.emit(flow.Event{Kind: flow.Access, Step: "token exchange endpoint", Verdict: flow.Failed, Err: err})
		return secret.String{}, v.refuse(outcome{status: http.StatusServiceUnavailable, cause: "token exchange endpoint cannot be asked", err: err})
	case x.denied != nil && a != nil:
		return secret.String{}, v.deny(a.credential, x.denied, a.client)
	case x.denied != nil:
		v.emit(flow.Event{Kind: flow.Access, Step: x.denied.cause, Verdict: flow.Refused, Err: x.denied.err})
		if err := h.endUnusable(v); err != nil {
			return secret.String{}, err
		}
		return secret.String{}, v.refuse(outcome{status: http.StatusUnauthorized, cause: x.denied.cause, err: x.denied.err})
	}
	return x.token, nil
}

// askExchangeEndpoint makes the exchange. expiry is the end of the first token,
// zero where nobody said.
func (h *handler) askExchangeEndpoint(ctx context.Context, first secret.String, expiry time.Time) (*exchanged, error) {
	now := h.Now()
	token, err := h.provider.ExchangeAt(ctx, h.config.Exchange.Endpoint, first)
	switch {
	case oidc.Refused(err):
		return notExchanged(denied("token exchange endpoint: the token is not accepted", err, true), nil)
	case err != nil:
		return nil, err
	}
	x := &exchanged{token: token, expiry: now.Add(h.config.Cache.TTL)}
	if claims, err := oidc.UnverifiedClaims(token); err == nil {
		if exp, ok := claims.Time("exp"); ok {
			x.expiry = exp
		}
	}
	if !h.Now().Before(x.expiry.Add(h.config.Verification.Leeway)) {
		return notExchanged(denied("token exchange endpoint: its token has expired already", nil, true), nil)
	}
	if !expiry.IsZero() {
		x.expiry = earlier(x.expiry, expiry)
	}
	return x, nil
}

// tellToken puts a token from the exchange endpoint, if there is one, in the
// place of the access token that the upstream would get.
func (h *handler) tellToken(v *visit, token secret.String) {
	if token.Empty() {
		return
	}
	header, value := h.config.Header.Upstream.AccessToken, token.Reveal()
	if header.Bearer {
		value = "Bearer " + value
	}
	v.q.Upstream.Set(header.Name, value)
}
