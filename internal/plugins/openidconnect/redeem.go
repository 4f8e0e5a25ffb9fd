package openidconnect

import (
	"errors"
	"net/http"
	"time"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// redeem uses the code and verifies what comes for it.
func (h *handler) redeem(w http.ResponseWriter, v *visit, c *callback) (after, error) {
	st := c.state
	// As long as the state could be used again; one without end as long as any
	// code lives.
	left := 24 * time.Hour
	if lifetime := h.config.Callback.Lifetime; lifetime > 0 {
		left = lifetime - h.Now().Sub(st.Started)
	}
	switch err := h.sessions.MarkUsed(v.ctx, st.FlowID(), left+time.Minute); {
	case errors.Is(err, session.ErrExists):
		todo, err := h.stale(v, c, "the sign-in was used before", "This answer of the identity provider was used before.")
		if h.putOff(v, c) {
			return after{}, h.relay(w, v, c)
		}
		return todo, err
	case err != nil:
		return after{}, v.storeDown("mark login as used", err)
	}
	key := c.key.Key()
	start := h.Now()
	grant := oidc.CodeGrant{Code: secret.New(c.Code), RedirectURI: st.RedirectURI}
	if md := h.provider.Known(); md != nil {
		if use, _ := oidc.UsePKCE(h.config.Authorization.PKCE, md); use {
			grant.Verifier = secret.New(st.verifier(h.keys, key[:]))
		}
	}
	tokens, err := h.provider.Redeem(v.ctx, c.client.Client, grant, h.tokenExtra(v))
	v.step(flow.Callback, "token request", "OpenID Connect Core 3.1.3", start, err)
	if err != nil {
		return after{}, v.redemptionFailed(c, err)
	}
	granted, err := h.verify(v, c, tokens)
	if err != nil {
		return after{}, err
	}
	return h.complete(w, v, c, granted)
}

// redemptionFailed maps an error of the token endpoint at a login.
func (v *visit) redemptionFailed(c *callback, err error) error {
	o := outcome{
		status: http.StatusInternalServerError, cause: "token endpoint", err: err, client: c.client,
	}
	var oauth *oidc.OAuthError
	switch {
	case errors.As(err, &oauth) && oauth.Code == invalidGrant:
		o.status, o.cause = http.StatusUnauthorized, "identity provider does not accept the code"
		o.title = "This sign-in cannot be finished"
		o.text = "The identity provider does not accept its own answer any more: it was used before, or it is too old."
		o.foreign = oauth.Description
		o.target, o.redirectURI = v.h.targetFrom(v, c), c.state.RedirectURI
	case errors.As(err, &oauth):
		o.cause = "token endpoint answered " + oauth.Code
	case errors.Is(err, oidc.ErrUnreachable), errors.Is(err, oidc.ErrIssuerMismatch):
		return v.providerFailed(flow.Callback, "discovery", err, c.client)
	}
	return v.refuse(o)
}

// grant is what a login has brought, verified.
type grant struct {
	tokens  *oidc.TokenResponse
	idToken *oidc.IDToken
	// userInfo is nil unless it was asked for.
	userInfo *oidc.Claims
}

// verify holds the tokens of a login to their rules.
func (h *handler) verify(v *visit, c *callback, tokens *oidc.TokenResponse) (*grant, error) {
	key := c.key.Key()
	start := h.Now()
	check := h.idTokenCheck(c.client, tokens)
	check.Nonce = secret.New(c.state.nonce(h.keys, key[:]))
	check.Code = secret.New(c.Code)
	check.MaxAge = h.config.Authorization.MaxAge
	idToken, err := h.provider.VerifyIDToken(v.ctx, tokens.IDToken, check)
	switch {
	case errors.Is(err, oidc.ErrIDToken):
		return nil, v.tokenRefused(err, outcome{cause: "id token", client: c.client})
	case err != nil:
		return nil, v.providerFailed(flow.Callback, "signing keys", err, c.client)
	}
	v.step(flow.Callback, "id token", "OpenID Connect Core 3.1.3.7", start, nil)
	g := &grant{tokens: tokens, idToken: idToken}
	if !h.wantsUserInfo() {
		return g, nil
	}
	start = h.Now()
	g.userInfo, err = h.userInfo(v.ctx, c.client, tokens.AccessToken, idToken.Subject(), v.userInfoExtra())
	v.step(flow.Callback, "user info", "OpenID Connect Core 5.3", start, err)
	switch {
	case errors.Is(err, oidc.ErrUserInfoSubject):
		return nil, v.tokenRefused(err, outcome{cause: "user info", client: c.client})
	case err != nil:
		return nil, v.providerFailed(flow.Callback, "user info", err, c.client)
	}
	return g, nil
}

// idTokenCheck is what every ID token for client must prove here.
func (h *handler) idTokenCheck(client *config.Client, tokens *oidc.TokenResponse) oidc.IDTokenCheck {
	c := &h.config.Verification
	return oidc.IDTokenCheck{
		ClientID: client.ID, AccessToken: tokens.AccessToken, Leeway: c.Leeway,
		Algorithms: h.config.Own.SigningAlgs, EnableHS: c.EnableHS, ClientSecret: client.Secret,
		SkipSignature: !c.Signature, SkipClaims: !c.Claims, SkipNonce: !c.Nonce,
	}
}
