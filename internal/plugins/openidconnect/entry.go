package openidconnect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// userInfoClaim is the name under which a session keeps the whole user info
// document; no claim path has it.
const userInfoClaim = "\x00userinfo"

// issuedClaim is the name under which a session keeps when its access token
// came, in Unix seconds.
const issuedClaim = "\x00issued"

// pathSeparator joins the steps of a claim path into a name.
const pathSeparator = "\x1f"

// entry is what a session remembers of a login.
func (h *handler) entry(client *config.Client, g *grant) session.Entry {
	id := g.idToken
	e := session.Entry{
		Realm: h.sessionRealm(client), Subject: id.Subject(), Method: string(config.MethodAuthorizationCode),
		AccessToken: g.tokens.AccessToken, RefreshToken: g.tokens.RefreshToken, IDToken: g.tokens.IDToken,
		TokenType: g.tokens.TokenType, Scope: g.tokens.Scope,
		Expiry: g.tokens.ExpiresAt(h.config.Cache.TTL),
	}
	e.SID, _ = id.Text("sid")
	e.ACR, _ = id.Text("acr")
	e.AuthTime, _ = id.Time("auth_time")
	h.documents(&e, &evidence{idToken: id, userInfo: g.userInfo})
	access := accessClaims(&e)
	h.keep(&e, access, sourcesAmong(access, id.Claims, g.userInfo))
	return e
}

// keepClaims resolves the claims that headers, rules and identities need and
// stores them ready for use, so that no request parses a token. A claim that is
// absent is stored without a value.
func (h *handler) keepClaims(e *session.Entry) {
	access := accessClaims(e)
	h.keep(e, access, sourcesAmong(append([]*oidc.Claims{access}, laterSources(e)...)...))
}

// accessClaims are the claims of the access token, nil for one that is no JWT.
func accessClaims(e *session.Entry) *oidc.Claims {
	claims, err := oidc.UnverifiedClaims(e.AccessToken)
	if err != nil {
		return nil
	}
	return claims
}

// keep is keepClaims with what rules read, nil for nothing, and with the sources
// of what headers carry. Documents stay.
func (h *handler) keep(e *session.Entry, rules *oidc.Claims, sources []*oidc.Claims) {
	kept := []session.Claim{{Name: issuedClaim, Value: strconv.FormatInt(h.Now().Unix(), 10)}}
	for _, c := range e.Claims {
		if c.Name == userInfoClaim || strings.HasPrefix(c.Name, docPrefix) {
			kept = append(kept, c)
		}
	}
	for _, c := range h.config.Header.Claims() {
		kept = append(kept, session.Claim{Name: strings.Join(c.Path, pathSeparator), Value: lookup(sources, c.Path)})
	}
	e.Claims = h.keepRuleClaims(h.keepWho(kept, e, sources), rules)
}

// claimSources are what claims are taken from, in this order: access token, ID
// token, user info.
func claimSources(e *session.Entry) []*oidc.Claims {
	return sourcesAmong(append([]*oidc.Claims{accessClaims(e)}, laterSources(e)...)...)
}

// sourcesAmong leaves out what there is not.
func sourcesAmong(all ...*oidc.Claims) []*oidc.Claims {
	return slices.DeleteFunc(all, func(c *oidc.Claims) bool { return c == nil })
}

// laterSources are those behind the access token.
func laterSources(e *session.Entry) (sources []*oidc.Claims) {
	if claims, err := oidc.UnverifiedClaims(e.IDToken); err == nil {
		sources = append(sources, claims)
	}
	for _, c := range e.Claims {
		if c.Name == userInfoClaim {
			if claims, err := oidc.ParseClaims([]byte(c.Value)); err == nil {
				sources = append(sources, claims)
			}
		}
	}
	return sources
}

// lookup gives the header value of a claim: text as it is, objects and arrays
// as base64 of their JSON, nothing for an absent one.
func lookup(sources []*oidc.Claims, path []string) string {
	for _, claims := range sources {
		value, ok := claims.Lookup(path...)
		if !ok {
			continue
		}
		if text, ok := claims.Text(path...); ok {
			return text
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		return base64.StdEncoding.EncodeToString(encoded)
	}
	return ""
}

// claimValue is the value of a claim header for a session. A session from
// before the header was configured has not stored it: then it is resolved from
// the tokens.
func claimValue(e *session.Entry, path []string) string {
	name := strings.Join(path, pathSeparator)
	for _, c := range e.Claims {
		if c.Name == name {
			return c.Value
		}
	}
	return lookup(claimSources(e), path)
}

// expired tells whether the access token of a session must not be used any more.
func (h *handler) expired(s *session.Session) bool {
	until := readyOf(s).until
	return !until.IsZero() && !h.Now().Before(until)
}

// until is when the access token must not be used any more, zero for never. One
// that can be refreshed is given up leeway early, but not before three quarters
// of its life; one that cannot, leeway late.
func (h *handler) until(e *session.Entry) time.Time {
	if e.Expiry.IsZero() {
		return time.Time{}
	}
	leeway := h.config.Verification.Leeway
	if h.refreshable(e) {
		leeway = -min(leeway, lifetime(e)/4)
	}
	return e.Expiry.Add(leeway)
}

// lifetime is for how long the access token was issued; 0 when that is unknown.
func lifetime(e *session.Entry) time.Duration {
	for _, c := range e.Claims {
		if c.Name == issuedClaim {
			issued, err := strconv.ParseInt(c.Value, 10, 64)
			if err != nil {
				return 0
			}
			return max(0, e.Expiry.Sub(time.Unix(issued, 0)))
		}
	}
	return 0
}

// usable tells whether the access token is still valid by itself.
func usable(e *session.Entry, now time.Time, leeway time.Duration) bool {
	return e.Expiry.IsZero() || now.Before(e.Expiry.Add(leeway))
}

func (h *handler) refreshable(e *session.Entry) bool {
	return h.config.Session.Refresh && !e.RefreshToken.Empty()
}

// wantsUserInfo tells whether anything needs the user info document.
func (h *handler) wantsUserInfo() bool {
	hc := &h.config.Header
	return h.config.UserInfo.Search ||
		hc.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.UserInfo }) ||
		hc.Wants(func(t *config.TokenHeaders) config.TokenHeader { return t.UserInfoJWT })
}

func (h *handler) userInfo(ctx context.Context, client *config.Client, token secret.String, subject string, extra oidc.Extra) (*oidc.Claims, error) {
	return h.provider.UserInfo(ctx, oidc.UserInfoRequest{
		AccessToken: token, Subject: subject, Accept: h.config.UserInfo.Accept, Query: extra.Args, Header: extra.Header,
		Check: h.answerCheck(client, config.MethodUserInfo),
	})
}
