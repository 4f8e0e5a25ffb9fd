package oidc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

// capture answers with tokens and keeps the request.
type capture struct {
	form   url.Values
	header http.Header
}

func (c *capture) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	c.form, c.header = r.PostForm, r.Header.Clone()
	writeJSON(w, 200, `{"access_token":"at","token_type":"bearer"}`)
}

var (
	testClient = Client{ID: testClientID, Secret: secret.New("planted-client-secret")}
	testGrant  = CodeGrant{Code: secret.New("planted-code"), RedirectURI: "https://app.test/cb", Verifier: secret.New("planted-verifier")}
)

func redeem(t *testing.T, p *Provider) (*TokenResponse, error) {
	t.Helper()
	return p.Redeem(t.Context(), testClient, testGrant, Extra{})
}

func TestTokenEndpointMisbehaviours(t *testing.T) {
	t.Parallel()
	other, asked := elsewhere(t)
	all := append(misbehaviours(),
		misbehaviour{"no access token", respond(200, "application/json", `{"token_type":"Bearer"}`), "no access_token"},
		misbehaviour{"access token null", respond(200, "application/json", `{"access_token":null}`), "no access_token"},
		misbehaviour{"access token that is a number", respond(200, "application/json", `{"access_token":1}`), "access_token is not a string"},
		misbehaviour{"access token with a line feed", respond(200, "application/json", `{"access_token":"a\r\nb"}`), "characters"},
		misbehaviour{"id token that is an object", respond(200, "application/json", `{"access_token":"a","id_token":{}}`), "id_token is not a string"},
		misbehaviour{"refresh token that is a list", respond(200, "application/json", `{"access_token":"a","refresh_token":[]}`), "refresh_token is not a string"},
		misbehaviour{"scope that is a list", respond(200, "application/json", `{"access_token":"a","scope":["a"]}`), "scope is not a string"},
		misbehaviour{"token type mac", respond(200, "application/json", `{"access_token":"a","token_type":"mac"}`), "not Bearer"},
		misbehaviour{"token type that is a number", respond(200, "application/json", `{"access_token":"a","token_type":1}`), "token_type is not a string"},
		misbehaviour{"status 400 html", respond(400, "text/html", "<h1>no</h1>"), "status 400"},
		misbehaviour{"status 400 without an error", respond(400, "application/json", `{"access_token":"a"}`), "status 400"},
		misbehaviour{"status 429", respond(429, "text/plain", "slow down"), "status 429"},
		misbehaviour{"error that is a number", respond(400, "application/json", `{"error":7}`), "status 400"},
		misbehaviour{"a redirect 307 to another host", redirectTo(307, other), "redirect"},
		misbehaviour{"a redirect 302 to another host", redirectTo(302, other), "redirect"},
		misbehaviour{"a redirect 308 within the origin", redirectTo(308, "/elsewhere"), "redirect"},
	)
	t.Run("all", func(t *testing.T) {
		for _, m := range all {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				tp := newTestProvider(t)
				p := tp.relyingParty(t, impatient)
				tp.handle(pathToken, m.answer)
				_, err := redeem(t, p)
				if !errors.Is(err, ErrTokenEndpoint) || !strings.Contains(err.Error(), m.says) {
					t.Fatalf("error %v, want one that says %q", err, m.says)
				}
				if _, ok := errors.AsType[*OAuthError](err); ok {
					t.Error("taken for an oauth error")
				}
				if tp.count(pathToken) != 1 || tp.count("/elsewhere") != 0 {
					t.Errorf("%d requests, %d elsewhere", tp.count(pathToken), tp.count("/elsewhere"))
				}
				tp.handle(pathToken, new(capture).serve)
				if got, err := redeem(t, p); err != nil || got.AccessToken.Reveal() != "at" {
					t.Errorf("the next redemption: %v", err)
				}
			})
		}
	})
	if asked.Load() != 0 {
		t.Error("a redirect carried the secret to another host")
	}
}

func TestTokenEndpointOAuthErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		status      int
		body        string
		code, descr string
	}{
		{"with 400", 400, `{"error":"invalid_grant","error_description":"Code not valid"}`, "invalid_grant", "Code not valid"},
		{"with 401", 401, `{"error":"unauthorized_client"}`, "unauthorized_client", ""},
		{"with 200", 200, `{"error":"invalid_grant"}`, "invalid_grant", ""},
		{"with 200 beside a token", 200, `{"error":"invalid_grant","access_token":"a"}`, "invalid_grant", ""},
		{"with a description of another type", 400, `{"error":"invalid_scope","error_description":[1]}`, "invalid_scope", ""},
		{"with control characters", 400, `{"error":"invalid_grant","error_description":"a\u0000b\r\nc\u001b[31m\u202e"}`, "invalid_grant", "a b  c [31m"},
		{"with a long description", 400, `{"error":"x","error_description":"` + strings.Repeat("ä", 5000) + `"}`, "x", strings.Repeat("ä", 200) + "…"},
		{"with a long code", 400, `{"error":"` + strings.Repeat("x", 5000) + `"}`, strings.Repeat("x", 64) + "…", ""},
		{"that quotes the secret", 401, `{"error":"invalid_client","error_description":"planted-client-secret is wrong for planted-code"}`, "invalid_client", "… is wrong for …"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathToken, respond(tc.status, "application/json;charset=UTF-8", tc.body))
			_, err := redeem(t, tp.relyingParty(t))
			var oauth *OAuthError
			if !errors.As(err, &oauth) || errors.Is(err, ErrTokenEndpoint) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(&OAuthError{Code: tc.code, Description: tc.descr, Status: tc.status}, oauth); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTokenResponseForms(t *testing.T) {
	t.Parallel()
	seconds := func(n float64) *time.Duration { d := time.Duration(n * float64(time.Second)); return &d }
	for _, tc := range []struct {
		name, members string
		want          *time.Duration
		refused       bool
	}{
		{"absent", ``, nil, false},
		{"null", `,"expires_in":null`, nil, false},
		{"a number", `,"expires_in":3600`, seconds(3600), false},
		{"a numeric string", `,"expires_in":"3600"`, seconds(3600), false},
		{"a fraction", `,"expires_in":0.5`, seconds(0.5), false},
		{"zero", `,"expires_in":0`, seconds(0), false},
		{"negative", `,"expires_in":-1`, seconds(-1), false},
		{"too large", `,"expires_in":1e300`, nil, true},
		{"too small", `,"expires_in":-1e300`, nil, true},
		{"beyond 64 bits", `,"expires_in":99999999999999999999`, nil, true},
		{"a word", `,"expires_in":"soon"`, nil, true},
		{"true", `,"expires_in":true`, nil, true},
		{"a list", `,"expires_in":[1]`, nil, true},
	} {
		t.Run("expires_in "+tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathToken, respond(200, "application/json", `{"access_token":"a","token_type":"BEARER"`+tc.members+`}`))
			got, err := redeem(t, tp.relyingParty(t))
			if (err != nil) != tc.refused {
				t.Fatal(err)
			}
			if err == nil {
				if diff := cmp.Diff(tc.want, got.ExpiresIn); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestTokenResponseExpiry(t *testing.T) {
	t.Parallel()
	at := newClock().now()
	day := 24 * time.Hour
	jwt := assemble(`{"alg":"none"}`, fmt.Sprintf(`{"exp":%d}`, at.Add(day).Unix()), "")
	for _, tc := range []struct {
		name string
		t    TokenResponse
		want time.Time
	}{
		{"expires_in comes first", TokenResponse{ExpiresIn: &day, AccessToken: secret.New("x")}, at.Add(day)},
		{"then exp of a jwt", TokenResponse{AccessToken: jwt}, at.Add(day)},
		{"then the fallback for an opaque token", TokenResponse{AccessToken: secret.New("a.b")}, at.Add(time.Hour)},
		{"then the fallback for a jwt without exp", TokenResponse{AccessToken: assemble(`{}`, `{"exp":"x"}`, "")}, at.Add(time.Hour)},
	} {
		tc.t.AskedAt = at
		if got := tc.t.ExpiresAt(time.Hour); !got.Equal(tc.want) {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	c := &capture{}
	tp.handle(pathToken, c.serve)
	got, err := p.Redeem(t.Context(), testClient, testGrant, Extra{
		Args: url.Values{
			"resource": {"r1", "r2"}, "grant_type": {"password"}, "code": {"x"}, "redirect_uri": {"x"},
			"code_verifier": {"x"}, "client_id": {"x"}, "client_secret": {"x"}, "client_assertion": {"x"},
		},
		Header: http.Header{"x-extra": {"1"}, "Authorization": {"Bearer x"}, "Content-Type": {"text/plain"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"grant_type": {"authorization_code"}, "code": {"planted-code"}, "redirect_uri": {"https://app.test/cb"},
		"code_verifier": {"planted-verifier"}, "resource": {"r1", "r2"},
	}
	if diff := cmp.Diff(want, c.form); diff != "" {
		t.Error(diff)
	}
	if c.header.Get("X-Extra") != "1" || !strings.HasPrefix(c.header.Get("Authorization"), "Basic ") ||
		c.header.Get("Content-Type") != "application/x-www-form-urlencoded" || c.header.Get("Accept") != "application/json" {
		t.Errorf("%v", c.header)
	}
	if got.TokenType != "Bearer" || got.Header.Get("Content-Type") != "application/json" || !strings.Contains(got.Body.Reveal(), "at") {
		t.Errorf("%+v", got)
	}
	if _, err = p.Refresh(t.Context(), testClient, RefreshGrant{Token: secret.New("r +&%"), Scopes: []string{"a", "b"}}, Extra{
		Args: url.Values{"refresh_token": {"x"}, "scope": {"c"}},
	}); err != nil {
		t.Fatal(err)
	}
	want = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r +&%"}, "scope": {"c"}}
	if diff := cmp.Diff(want, c.form); diff != "" {
		t.Error(diff)
	}
	if _, err = p.Redeem(t.Context(), testClient, CodeGrant{Code: secret.New("c"), RedirectURI: "u"}, Extra{}); err != nil || c.form.Has("code_verifier") {
		t.Errorf("a verifier without a challenge: %v, %v", c.form, err)
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	odd := Client{ID: "my:client", Secret: secret.New("p%+ä /=:")}
	with := func(c Client, method AuthMethod) Client { c.AuthMethod = method; return c }
	public := Client{ID: "my:client"}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("my%3Aclient:p%25%2B%C3%A4+%2F%3D%3A"))
	for _, tc := range []struct {
		name          string
		client        Client
		listed        []string
		authorization string
		form          url.Values
		want          error
	}{
		{"basic encodes both parts", with(odd, AuthBasic), nil, basic, nil, nil},
		{"basic is the default", odd, nil, basic, nil, nil},
		{"basic is preferred of the list", odd, []string{"private_key_jwt", "client_secret_post", "client_secret_basic"}, basic, nil, nil},
		{"post where it alone is listed", odd, []string{"private_key_jwt", "client_secret_post"}, "", url.Values{"client_id": {odd.ID}, "client_secret": {odd.Secret.Reveal()}}, nil},
		{"the client's method wins over the list", with(odd, AuthPost), []string{"client_secret_basic"}, "", url.Values{"client_id": {odd.ID}, "client_secret": {odd.Secret.Reveal()}}, nil},
		{"the endpoint's method wins over the client's", Client{ID: odd.ID, Secret: odd.Secret, AuthMethod: AuthPost, TokenAuthMethod: AuthBasic}, nil, basic, nil, nil},
		{"none sends the id alone", with(odd, AuthNone), nil, "", url.Values{"client_id": {odd.ID}}, nil},
		{"a client without secret is public", public, []string{"client_secret_basic"}, "", url.Values{"client_id": {odd.ID}}, nil},
		{"refuses basic without a secret", with(public, AuthBasic), nil, "", nil, ErrAuthMethod},
		{"refuses a list without a usable method", odd, []string{"private_key_jwt"}, "", nil, ErrAuthMethod},
		{"refuses an unknown method", with(odd, "magic"), nil, "", nil, ErrAuthMethod},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			if tc.listed != nil {
				tp.set("token_endpoint_auth_methods_supported", tc.listed)
			}
			c := &capture{}
			tp.handle(pathToken, c.serve)
			_, err := tp.relyingParty(t).Redeem(t.Context(), tc.client, testGrant, Extra{Header: http.Header{"Authorization": {"Bearer x"}}})
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if tc.want != nil {
				if tp.count(pathToken) != 0 {
					t.Error("a request was made")
				}
				return
			}
			if got := c.header.Get("Authorization"); got != tc.authorization {
				t.Errorf("Authorization %q, want %q", got, tc.authorization)
			}
			for _, name := range []string{"client_id", "client_secret"} {
				if diff := cmp.Diff(tc.form[name], c.form[name]); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

func TestTokenEndpointUnknown(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.set("token_endpoint", nil)
	if _, err := redeem(t, tp.relyingParty(t)); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("error %v", err)
	}
	tp.handle(pathDocument, cutConnection)
	if _, err := redeem(t, tp.relyingParty(t)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
}

func TestNothingListens(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	address := s.URL
	s.Close()
	p := newTestProvider(t).relyingParty(t, func(o *Options) { o.Endpoints.Token = address + "/token?key=planted-key" })
	_, err := redeem(t, p)
	if !errors.Is(err, ErrTokenEndpoint) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(err.Error(), "planted") {
		t.Errorf("the error holds the url's query: %v", err)
	}
}

// TestErrorsTellNoSecrets plants values in every place and looks for them in
// whatever comes back, printed in every way.
func TestErrorsTellNoSecrets(t *testing.T) {
	t.Parallel()
	for _, m := range append(misbehaviours(),
		misbehaviour{name: "status line that quotes", answer: func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			rawAnswer("HTTP/1.1 "+r.PostForm.Get("code")+" x\r\n\r\n")(w, r)
		}},
		misbehaviour{name: "error that quotes", answer: func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			text, _ := json.Marshal(r.PostForm.Encode() + r.PostForm.Get("code") + r.Header.Get("Authorization"))
			writeJSON(w, 400, `{"error":"invalid_grant","error_description":`+string(text)+`}`)
		}},
		misbehaviour{name: "tokens of wrong types", answer: respond(200, "application/json", `{"access_token":"planted-token","id_token":["planted-token"]}`)},
		misbehaviour{name: "token type that quotes", answer: respond(200, "application/json", `{"access_token":"planted-token","token_type":"mac"}`)},
	) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathToken, m.answer)
			got, err := tp.relyingParty(t, impatient).Redeem(t.Context(), Client{ID: "c", Secret: testClient.Secret, AuthMethod: AuthPost}, testGrant, Extra{})
			text := fmt.Sprintf("%v %+v %#v %v", err, err, err, got)
			if err == nil || strings.Contains(text, "planted") {
				t.Errorf("%s", text)
			}
		})
	}
	tp := newTestProvider(t)
	tp.handle(pathToken, respond(200, "application/json", `{"access_token":"planted-a","refresh_token":"planted-r","id_token":"planted-i"}`))
	got, err := redeem(t, tp.relyingParty(t))
	if text := fmt.Sprintf("%v %+v %#v %s", got, got, got, must(json.Marshal(got))); err != nil || strings.Contains(text, "planted") {
		t.Errorf("%v: %s", err, text)
	}
}
