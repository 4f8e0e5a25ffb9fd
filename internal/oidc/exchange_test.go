package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

const plantedSubject = "planted.subject.token"

func exchange(t *testing.T, p *Provider, extra Extra) (*TokenResponse, error) {
	t.Helper()
	return p.Exchange(t.Context(), testClient, ExchangeGrant{
		SubjectToken: secret.New(plantedSubject), Scopes: []string{"a", "b"}, Audience: []string{"one", "two"},
	}, extra)
}

func TestExchangeRequest(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	var form url.Values
	tp.handle(pathToken, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		writeJSON(w, http.StatusOK, `{"access_token":"new","token_type":"bearer","expires_in":7,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}`)
	})
	got, err := exchange(t, p, Extra{Args: url.Values{
		"subject_token": {"x"}, "subject_token_type": {"x"}, "actor_token": {"x"}, "actor_token_type": {"x"}, "grant_type": {"x"},
		"resource": {"https://api.test/"},
	}})
	if err != nil || got.AccessToken.Reveal() != "new" || *got.ExpiresIn != 7*time.Second {
		t.Fatalf("%+v, %v", got, err)
	}
	want := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {plantedSubject},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "scope": {"a b"}, "audience": {"one", "two"},
		"resource": {"https://api.test/"},
	}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
	if _, err := p.Exchange(t.Context(), testClient, ExchangeGrant{SubjectToken: secret.New("x")}, Extra{}); err != nil || form.Has("scope") || form.Has("audience") {
		t.Errorf("scope and audience that nobody asked for: %v, %v", form, err)
	}
}

// TestExchangeAnswers: only an access token that is to be used as a bearer token
// counts, and no error quotes the token that was sent.
func TestExchangeAnswers(t *testing.T) {
	t.Parallel()
	const access, kind = `"urn:ietf:params:oauth:token-type:access_token"`, `,"token_type":"Bearer"`
	for _, tt := range []struct {
		name, body string
		status     int
		want       error // nil for a success
		text       string
	}{
		{"an access token", `{"access_token":"new","issued_token_type":` + access + kind + `}`, 200, nil, ""},
		{"a JWT", `{"access_token":"new","issued_token_type":"urn:ietf:params:oauth:token-type:jwt"` + kind + `}`, 200, nil, ""},
		{"no issued_token_type", `{"access_token":"new"` + kind + `}`, 200, ErrTokenEndpoint, `issued_token_type "" is no access token`},
		{"a refresh token", `{"access_token":"new","issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"` + kind + `}`, 200, ErrTokenEndpoint, "is no access token"},
		{"a long issued_token_type", `{"access_token":"new","issued_token_type":"` + strings.Repeat("x", 5000) + `"` + kind + `}`, 200, ErrTokenEndpoint, "is no access token"},
		{"issued_token_type of another kind", `{"access_token":"new","issued_token_type":7` + kind + `}`, 200, ErrTokenEndpoint, "issued_token_type"},
		{"no token_type", `{"access_token":"new","issued_token_type":` + access + `}`, 200, ErrTokenEndpoint, "no token_type"},
		{"N_A", `{"access_token":"new","token_type":"N_A","issued_token_type":` + access + `}`, 200, ErrTokenEndpoint, `token_type "N_A" is not Bearer`},
		{"expires_in beyond a century", `{"access_token":"new","expires_in":9e99,"issued_token_type":` + access + kind + `}`, 200, ErrTokenEndpoint, "expires_in is not a number in range"},
		{"no access_token", `{"issued_token_type":` + access + kind + `}`, 200, ErrTokenEndpoint, "no access_token"},
		{"a token that would split a header", `{"access_token":"a\r\nb","issued_token_type":` + access + kind + `}`, 200, ErrTokenEndpoint, "characters that a token cannot have"},
		{"garbage", `<html>` + plantedSubject, 200, ErrTokenEndpoint, ""},
		{"a server error", `{"error":"invalid_request"}`, 503, ErrTokenEndpoint, "status 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathToken, respond(tt.status, "application/json", tt.body))
			got, err := exchange(t, tp.relyingParty(t), Extra{})
			if (err == nil) != (tt.want == nil) || !errors.Is(err, tt.want) || (got == nil) == (err == nil) {
				t.Fatalf("%v, %v; want %v", got, err, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.text) || len(err.Error()) > 400 || strings.Contains(err.Error(), plantedSubject)) {
				t.Errorf("%q does not say %q, is long, or quotes the token", err, tt.text)
			}
		})
	}
	t.Run("an OAuth error that quotes the token", func(t *testing.T) {
		t.Parallel()
		tp := newTestProvider(t)
		tp.handle(pathToken, respond(400, "application/json", `{"error":"invalid_request","error_description":"not `+plantedSubject+`"}`))
		_, err := exchange(t, tp.relyingParty(t), Extra{})
		oauth, ok := errors.AsType[*OAuthError](err)
		if !ok || oauth.Code != "invalid_request" || strings.Contains(err.Error(), plantedSubject) {
			t.Errorf("%v", err)
		}
	})
}

// TestTokenLifeCountsFromTheTimeOfAsking: what an answer takes on its way is not
// given to its token.
func TestTokenLifeCountsFromTheTimeOfAsking(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	asked := tp.clock.now()
	tp.handle(pathToken, func(w http.ResponseWriter, _ *http.Request) {
		tp.clock.advance(40 * time.Second)
		writeJSON(w, http.StatusOK, `{"access_token":"new","token_type":"Bearer","expires_in":60}`)
	})
	got, err := redeem(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if end := got.ExpiresAt(time.Hour); !end.Equal(asked.Add(time.Minute)) {
		t.Errorf("it ends %s after it was asked for, want 1m", end.Sub(asked))
	}
	got.ExpiresIn = nil
	if end := got.ExpiresAt(time.Hour); !end.Equal(asked.Add(time.Hour)) {
		t.Errorf("without expires_in it ends %s after it was asked for, want 1h", end.Sub(asked))
	}
}

func TestExchangeAtAnEndpoint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		status     int
		want       string // empty for a failure
		refused    bool
	}{
		{"a JWS", "\nh.p.s \r\n", 200, "h.p.s", false},
		{"a JWE", "h..i.c.t", 200, "h..i.c.t", false},
		{"another status of success", "h.p.s", 201, "", false},
		{"JSON", `{"access_token":"h.p.s"}`, 200, "", false},
		{"two lines", "h.p.s\r\nX-Admin: 1", 200, "", false},
		{"an empty part", "h..s", 200, "", false},
		{"nothing", "", 200, "", false},
		{"a token that no header holds", "h.p." + strings.Repeat("s", 40<<10), 200, "", false},
		{"401", "", 401, "", true},
		{"403", "h.p.s", 403, "", true},
		{"500", "h.p.s", 500, "", false},
		{"a redirect", "h.p.s", 307, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			var seen string
			tp.handle("/exchange", func(w http.ResponseWriter, r *http.Request) {
				seen = fmt.Sprint(r.Method, " ", r.Header.Get("Authorization"), " ", r.ContentLength)
				w.Header().Set("Location", tp.server.URL+"/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			})
			got, err := tp.relyingParty(t).ExchangeAt(t.Context(), tp.server.URL+"/exchange", secret.New(plantedSubject))
			if got.Reveal() != tt.want || (err == nil) != (tt.want != "") || Refused(err) != tt.refused {
				t.Errorf("%q, %v", got.Reveal(), err)
			}
			if err != nil && (!errors.Is(err, ErrExchangeEndpoint) || strings.Contains(err.Error(), plantedSubject)) {
				t.Errorf("%v", err)
			}
			if seen != "POST Bearer "+plantedSubject+" 0" || tp.count("/elsewhere") != 0 {
				t.Errorf("asked %q, followed %d redirects", seen, tp.count("/elsewhere"))
			}
		})
	}
}

func TestSameIssuer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"https://a.test/x", "https://a.test/x/", true},
		{"https://a.test/x", "https://a.test/x/.well-known/openid-configuration", true},
		{"https://a.test/x", "https://a.test/.well-known/oauth-authorization-server/x", true},
		{"a name", "a name", true},
		{"https://a.test/x", "https://a.test/y", false},
		{"https://a.test", "https://b.test", false},
		{"a name", "https://a.test", false},
	} {
		if SameIssuer(tt.a, tt.b) != tt.want || SameIssuer(tt.b, tt.a) != tt.want {
			t.Errorf("%s and %s: want %t", tt.a, tt.b, tt.want)
		}
	}
}
