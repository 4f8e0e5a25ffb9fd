package openidconnect

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// resume returns the session of a request, its tokens fit for use and its
// timeouts prolonged; nil without one, which asks for a login.
func (h *handler) resume(v *visit) (*session.Session, error) {
	s, err := v.load()
	if err != nil || s == nil {
		return nil, err
	}
	if h.expired(s) {
		if e := s.Entry(); !h.refreshable(&e) {
			v.emit(flow.Event{Kind: flow.Session, Step: "access token expired, no refresh token", Verdict: flow.Refused})
			return nil, nil
		}
		if s, err = h.refresh(v, s); err != nil || s == nil {
			return nil, err
		}
	}
	kept, lines, err := h.sessions.Keep(v.ctx, v.Visit, s)
	switch {
	case errors.Is(err, session.ErrNone):
		return nil, nil // ended meanwhile
	case err != nil: // it is loaded and valid: only its renewal has to wait
		v.emit(flow.Event{Kind: flow.Session, Step: "keep session", Verdict: flow.Failed, Err: err})
		return s, nil
	}
	v.cookies(lines)
	return kept, nil
}

// refresh gets new tokens for a session, once however many requests ask. The
// result is nil when the session has ended.
func (h *handler) refresh(v *visit, s *session.Session) (*session.Session, error) {
	start := h.Now()
	extra := h.tokenExtra(v)
	fresh, lines, err := h.sessions.Refresh(v.ctx, v.Visit, s, func(ctx context.Context, current *session.Session) (session.Entry, error) {
		return h.redeemRefresh(ctx, current, extra)
	})
	v.step(flow.Refresh, "token request", "OpenID Connect Core 12", start, err)
	v.cookies(lines)
	if err == nil {
		if e := fresh.Entry(); !usable(&e, h.Now(), h.config.Verification.Leeway) {
			return nil, v.unexpected("refreshed access token has expired already", nil)
		}
		return fresh, nil
	}
	var oauth *oidc.OAuthError
	switch {
	case errors.Is(err, session.ErrNone):
		return nil, nil
	case errors.Is(err, session.ErrUnavailable):
		return nil, v.storeDown("refresh session", err)
	case errors.Is(err, oidc.ErrIDToken), errors.Is(err, oidc.ErrUserInfoSubject),
		errors.As(err, &oauth) && oauth.Code == invalidGrant:
		return nil, h.endRefused(v)
	}
	if fresh != nil {
		s = fresh // unfinished: the new refresh token beside the old access token
	}
	if e := s.Entry(); usable(&e, h.Now(), h.config.Verification.Leeway) {
		return s, nil // the old token still serves
	}
	o := outcome{status: http.StatusServiceUnavailable, cause: "access token expired and cannot be refreshed now", err: err}
	if oauth != nil && oauth.Code != "temporarily_unavailable" && oauth.Code != "server_error" {
		o.status, o.cause = http.StatusInternalServerError, "token endpoint answered "+oauth.Code+" to a refresh"
	}
	return nil, v.refuse(o)
}

// endRefused ends a session for good: the IdP refused its refresh, answered it
// with somebody else's token, or its tokens have expired.
func (h *handler) endRefused(v *visit) error {
	lines, err := h.sessions.End(v.ctx, v.Visit)
	if err != nil {
		return v.storeDown("end session", err)
	}
	v.cookies(lines)
	v.session = nil
	return nil
}

// endUnusable ends, together with a 401, a session whose tokens cannot be used
// any more (unauthorized_destroy_session). A login that starts in its place
// deletes it anyway.
func (h *handler) endUnusable(v *visit) error {
	if v.session == nil || !h.config.Error.EndSessionUnauthorized {
		return nil
	}
	return h.endRefused(v)
}

// redeemRefresh is one refresh, counted. It runs under a context of its own and
// may serve many requests.
func (h *handler) redeemRefresh(ctx context.Context, current *session.Session, extra oidc.Extra) (session.Entry, error) {
	e, err := h.exchangeRefresh(ctx, current, extra)
	h.Meter.Refresh(refreshResult(err))
	return e, err
}

// exchangeRefresh is the one token request of a refresh (OpenID Connect Core
// section 12).
func (h *handler) exchangeRefresh(ctx context.Context, current *session.Session, extra oidc.Extra) (session.Entry, error) {
	e := current.Entry()
	client, ok := h.config.ClientByID(e.Realm.ClientID)
	if !ok {
		return session.Entry{}, fmt.Errorf("openid-connect: client %q is not configured any more", e.Realm.ClientID)
	}
	tokens, err := h.provider.Refresh(ctx, client.Client, oidc.RefreshGrant{Token: e.RefreshToken}, extra)
	if err != nil {
		return session.Entry{}, err
	}
	rotated := e
	if !tokens.RefreshToken.Empty() {
		rotated.RefreshToken = tokens.RefreshToken
	}
	if err := h.verifyRefreshed(ctx, client, &e, tokens); err != nil {
		if errors.Is(err, oidc.ErrIDToken) {
			return session.Entry{}, err
		}
		// The old refresh token is spent: the new one must not get lost.
		return rotated, &session.Unfinished{Err: err}
	}
	e.RefreshToken = rotated.RefreshToken
	e.AccessToken, e.TokenType = tokens.AccessToken, tokens.TokenType
	if tokens.Scope != "" {
		e.Scope = tokens.Scope
	}
	e.Expiry = tokens.ExpiresAt(h.config.Cache.TTL)
	if h.wantsUserInfo() {
		info, err := h.userInfo(ctx, client, e.AccessToken, e.Subject, oidc.Extra{Args: h.config.UserInfo.Query, Header: h.config.UserInfo.Header})
		switch {
		case errors.Is(err, oidc.ErrUserInfoSubject):
			return session.Entry{}, err
		case err != nil: // what was known stays
			h.Events.Emit(ctx, flow.Event{Kind: flow.Refresh, Step: "user info", Verdict: flow.Failed, Err: err, Plugin: h.id})
		default:
			e.Claims = []session.Claim{{Name: userInfoClaim, Value: string(info.Raw())}}
		}
	}
	h.keepClaims(&e)
	return e, nil
}

// verifyRefreshed holds the ID token of a refresh, if there is one, to its
// rules, and takes it over into e.
func (h *handler) verifyRefreshed(ctx context.Context, client *config.Client, e *session.Entry, tokens *oidc.TokenResponse) error {
	if tokens.IDToken.Empty() {
		return nil
	}
	check := h.idTokenCheck(client, tokens)
	check.Previous = &oidc.PreviousIDToken{Subject: e.Subject}
	if previous, err := oidc.UnverifiedClaims(e.IDToken); err == nil {
		check.Previous.Issuer = previous.Issuer()
	}
	id, err := h.provider.VerifyIDToken(ctx, tokens.IDToken, check)
	if err != nil {
		return err
	}
	e.IDToken = tokens.IDToken
	if sid, ok := id.Text("sid"); ok {
		e.SID = sid
	}
	return nil
}
