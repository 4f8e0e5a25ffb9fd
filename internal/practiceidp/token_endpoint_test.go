package practiceidp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestTokensOfALogin(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	tokens := rp.login()
	claims, ok := rp.verified(tokens["id_token"])
	if !ok {
		t.Fatalf("the ID token does not verify: %v", tokens)
	}
	access, _ := tokens["access_token"].(string)
	for name, pair := range map[string][2]any{
		"iss":                {claims["iss"], rp.idp.Issuer()},
		"aud":                {claims["aud"], clientID},
		"sub":                {claims["sub"], "sub-ann"},
		"nonce":              {claims["nonce"], "n-1"},
		"at_hash":            {claims["at_hash"], halfHash(access)},
		"email in scope":     {claims["email"], "ann@example.test"},
		"groups not asked":   {claims["groups"], nil},
		"claim of no scope":  {claims["level"], 3.0},
		"preferred_username": {claims["preferred_username"], "ann"},
		"token_type":         {tokens["token_type"], "Bearer"},
		"expires_in":         {tokens["expires_in"], 300.0},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
	if strings.Count(access, ".") != 2 {
		t.Errorf("the access token is no JWT: %q", access)
	}
	header := http.Header{"Authorization": {"Bearer " + access}}
	info := rp.must(rp.do(t.Context(), http.MethodGet, rp.idp.URL("userinfo"), nil, header))
	if got := info.json(); got["sub"] != "sub-ann" || got["email"] != "ann@example.test" {
		t.Errorf("user info: %d %s", info.StatusCode, info.text)
	}
	if byBody := rp.post(rp.idp.URL("userinfo"), url.Values{"access_token": {access}}); byBody.StatusCode != 200 {
		t.Errorf("user info by form body: %d", byBody.StatusCode)
	}
	for name, target := range map[string]string{"in the query": rp.idp.URL("userinfo") + "?access_token=" + access, "absent": rp.idp.URL("userinfo")} {
		if a := rp.get(target); a.StatusCode != 401 {
			t.Errorf("user info, token %s: %d", name, a.StatusCode)
		}
	}
}

func TestRedemptionRules(t *testing.T) {
	t.Parallel()
	clock := newClock()
	rp := newParty(t, func(o *practiceidp.Options) { o.AutoLogin, o.Now = "ann", clock.now })
	public := url.Values{"client_id": {"public"}}
	for _, c := range []struct {
		name   string
		change func(url.Values)
		header http.Header
		status int
		error  string
	}{
		{"positive control with Basic", nil, basic(), 200, ""},
		{"secret in the body", credentials(clientID, secret), nil, 200, ""},
		{"verifier wrong", field("code_verifier", strings.Repeat("x", 43)), basic(), 400, "invalid_grant"},
		{"verifier missing", field("code_verifier", ""), basic(), 400, "invalid_grant"},
		{"redirect_uri wrong", field("redirect_uri", redirectURI+"?fixed=1"), basic(), 400, "invalid_grant"},
		{"redirect_uri missing", field("redirect_uri", ""), basic(), 400, "invalid_grant"},
		{"code unknown", field("code", "x"), basic(), 400, "invalid_grant"},
		{"code too old", func(url.Values) { clock.add(2 * time.Minute) }, basic(), 400, "invalid_grant"},
		{"code of another client", field("client_id", "public"), nil, 400, "invalid_grant"},
		{"grant_type unknown", field("grant_type", "device_code"), basic(), 400, "unsupported_grant_type"},
		{"parameter twice", func(v url.Values) { v.Add("code", "x") }, basic(), 400, "invalid_request"},
		{"wrong secret in the body", credentials(clientID, "no"), nil, 401, "invalid_client"},
		{"no client authentication", field("client_id", clientID), nil, 401, "invalid_client"},
		{"unknown client", credentials("nobody", ""), nil, 401, "invalid_client"},
		{"header and body", credentials(clientID, secret), basic(), 400, "invalid_request"},
		{"header not form-encoded", nil, http.Header{"Authorization": {"Basic c2hvcDoxOnMlY3JldA=="}}, 400, "invalid_request"},
	} {
		form := redemption(rp.code())
		if c.change != nil {
			c.change(form)
		}
		a := rp.must(rp.do(t.Context(), http.MethodPost, rp.idp.URL("token"), form, c.header))
		if e, _ := a.json()["error"].(string); a.StatusCode != c.status || e != c.error {
			t.Errorf("%s: got %d %s", c.name, a.StatusCode, a.text)
		}
	}
	form := redemption(rp.code("client_id", "public"))
	form.Set("client_id", public.Get("client_id"))
	if a := rp.post(rp.idp.URL("token"), form); a.StatusCode != 200 {
		t.Errorf("public client: %d %s", a.StatusCode, a.text)
	}
	if got := rp.idp.Calls("token"); got != 17 {
		t.Errorf("counted %d token requests, want 17", got)
	}
}

// halfHash is at_hash as OIDC Core §3.1.3.6 has it.
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func field(name, value string) func(url.Values) {
	return func(v url.Values) {
		if value == "" {
			v.Del(name)
			return
		}
		v.Set(name, value)
	}
}

func credentials(id, secret string) func(url.Values) {
	return func(v url.Values) { v.Set("client_id", id); v.Set("client_secret", secret) }
}

func TestSecondRedemptionRevokes(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	code := rp.code()
	tokens := rp.token(redemption(code)).json()
	if again := rp.token(redemption(code)); again.json()["error"] != "invalid_grant" {
		t.Errorf("second redemption: %d %s", again.StatusCode, again.text)
	}
	if a := rp.refresh(tokens["refresh_token"]); a.json()["error"] != "invalid_grant" {
		t.Errorf("the tokens of the first redemption still work: %d", a.StatusCode)
	}
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	first := rp.login()
	second := rp.refresh(first["refresh_token"]).json()
	claims, ok := rp.verified(second["id_token"])
	switch {
	case !ok || claims["sub"] != "sub-ann" || claims["nonce"] != nil:
		t.Errorf("refreshed ID token: %v", claims)
	case second["refresh_token"] == first["refresh_token"] || second["access_token"] == first["access_token"]:
		t.Error("nothing was rotated")
	}
	third := rp.refresh(second["refresh_token"]).json()
	if third["access_token"] == nil {
		t.Fatalf("the rotated refresh token does not work: %v", third)
	}
	if reuse := rp.refresh(first["refresh_token"]); reuse.json()["error"] != "invalid_grant" {
		t.Errorf("reuse of a spent refresh token: %d %s", reuse.StatusCode, reuse.text)
	}
	if after := rp.refresh(third["refresh_token"]); after.json()["error"] != "invalid_grant" {
		t.Errorf("after a reuse the grant still lives: %d", after.StatusCode)
	}
	if code, refresh := rp.idp.Calls("code"), rp.idp.Calls("refresh"); code != 1 || refresh != 4 {
		t.Errorf("counted %d code and %d refresh grants, want 1 and 4", code, refresh)
	}
}

func TestRefreshScopeAndEnd(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	tokens := rp.login()
	wider := rp.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}, "scope": {"openid groups"}})
	if wider.json()["error"] != "invalid_scope" {
		t.Errorf("wider scope: %d %s", wider.StatusCode, wider.text)
	}
	rp.idp.EndSessions()
	if a := rp.refresh(tokens["refresh_token"]); a.json()["error"] != "invalid_grant" {
		t.Errorf("after EndSessions: %d %s", a.StatusCode, a.text)
	}
}

func TestAccessTokenClaimsAreAddedAndReplaceNothing(t *testing.T) {
	t.Parallel()
	rp := newParty(t, func(o *practiceidp.Options) {
		o.Users[0].AccessTokenClaims = map[string]any{"entitlements": "many", "sub": "somebody else"}
		o.AutoLogin = o.Users[0].Name
	})
	tokens := rp.login()
	claims, ok := rp.verified(tokens["access_token"])
	if !ok || claims["entitlements"] != "many" || claims["sub"] == "somebody else" {
		t.Errorf("verified: %v, claims %v", ok, claims)
	}
	if claims, ok := rp.verified(tokens["id_token"]); !ok || claims["entitlements"] != nil {
		t.Errorf("the ID token: verified: %v, claims %v", ok, claims)
	}
}
