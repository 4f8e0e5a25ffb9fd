package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

const pathPAR = "/par"

// pushing is a provider with a PAR endpoint that keeps what it was sent.
func pushing(t *testing.T, answer http.HandlerFunc) (*testProvider, *capture) {
	t.Helper()
	tp, c := newTestProvider(t), &capture{}
	tp.set("pushed_authorization_request_endpoint", tp.server.URL+pathPAR)
	tp.handle(pathPAR, func(w http.ResponseWriter, r *http.Request) {
		c.serve(mute{w}, r)
		answer(w, r)
	})
	return tp, c
}

// mute is a ResponseWriter that writes nothing.
type mute struct{ http.ResponseWriter }

func (mute) WriteHeader(int)             {}
func (mute) Write(p []byte) (int, error) { return len(p), nil }

var pushedOK = respond(http.StatusCreated, "application/json", `{"request_uri":"urn:ietf:params:oauth:request_uri:abc","expires_in":60}`)

func aRequest() AuthorizationRequest {
	hour := time.Hour
	return AuthorizationRequest{
		ClientID: testClientID, RedirectURI: "https://app.test/cb", Scopes: []string{"openid"}, State: "s", Nonce: "n",
		CodeChallenge: "ch", MaxAge: &hour, Audience: []string{"a", "b"}, Fixed: url.Values{"prompt": {"login"}, "sub": {"x"}},
	}
}

func locate(t *testing.T, tp *testProvider, c Client, a AuthorizationRequest) (string, error) {
	t.Helper()
	p := tp.relyingParty(t)
	return p.Location(t.Context(), c, must(p.Metadata(t.Context())), a)
}

// TestPushedRequest: all parameters go to the PAR endpoint with the client's
// credentials, and the user agent carries client_id and request_uri alone (RFC
// 9126 §2.1, §4).
func TestPushedRequest(t *testing.T) {
	t.Parallel()
	for _, method := range []AuthMethod{AuthBasic, AuthPost, AuthSecretJWT, AuthNone} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			tp, c := pushing(t, pushedOK)
			a := aRequest()
			a.Push = true
			client := Client{ID: testClientID, Secret: secret.New(longSecret), AuthMethod: AuthBasic, PARAuthMethod: method}
			location, err := locate(t, tp, client, a)
			want := url.Values{"client_id": {testClientID}, "request_uri": {"urn:ietf:params:oauth:request_uri:abc"}}
			if diff := cmp.Diff(want, query(t, location, err)); diff != "" {
				t.Error(diff)
			}
			for name, values := range a.parameters() { // client_id among them: RFC 9126 §2.1 demands it
				if !cmp.Equal(values, c.form[name]) {
					t.Errorf("%s: pushed %q, want %q", name, c.form[name], values)
				}
			}
			if c.form.Has("client_assertion") != (method == AuthSecretJWT) || c.form.Has("client_secret") != (method == AuthPost) ||
				(c.header.Get("Authorization") != "") != (method == AuthBasic) {
				t.Errorf("client authentication: %v %v", c.header["Authorization"], c.form)
			}
		})
	}
}

func TestPushedRequestFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"no request_uri":         {respond(201, "application/json", `{"expires_in":60}`), ErrPushedRequest},
		"a number":               {respond(201, "application/json", `{"request_uri":7}`), ErrPushedRequest},
		"a relative reference":   {respond(201, "application/json", `{"request_uri":"abc"}`), ErrPushedRequest},
		"a reference with a gap": {respond(201, "application/json", `{"request_uri":"urn:a b"}`), ErrPushedRequest},
		"a long reference":       {respond(201, "application/json", `{"request_uri":"urn:`+strings.Repeat("a", maxRequestURI)+`"}`), ErrPushedRequest},
		"500":                    {respond(500, "application/json", `{"error":"invalid_request"}`), ErrPushedRequest},
		"a page":                 {respond(200, "text/html", `<p>`), ErrPushedRequest},
		"a redirect":             {redirectTo(307, "/elsewhere"), ErrPushedRequest},
		"no answer":              {cutConnection, ErrPushedRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tp, _ := pushing(t, tc.answer)
			a := aRequest()
			a.Push = true
			location, err := locate(t, tp, testClient, a)
			if !errors.Is(err, tc.want) || location != "" || tp.count("/elsewhere") != 0 {
				t.Errorf("%q, %v", location, err)
			}
		})
	}
	tp, _ := pushing(t, respond(400, "application/json", `{"error":"invalid_request","error_description":"no planted-client-secret"}`))
	a := aRequest()
	a.Push = true
	_, err := locate(t, tp, testClient, a)
	if oauth, ok := errors.AsType[*OAuthError](err); !ok || oauth.Code != "invalid_request" || strings.Contains(err.Error(), "planted") {
		t.Errorf("an oauth error: %v", err)
	}
	if _, err := locate(t, newTestProvider(t), testClient, a); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("no endpoint: %v", err)
	}
}

// TestRequestObject holds request objects to RFC 9101 §4 and OpenID Connect
// Core §6.1, on the way to the authorization endpoint and to the PAR endpoint.
func TestRequestObject(t *testing.T) {
	t.Parallel()
	key := privateKey(t, ecKey(), map[string]any{"kid": "k"})
	for name, tc := range map[string]struct {
		client Client
		push   bool
		alg    string
		key    any
	}{
		"by key":            {Client{Key: key}, false, "ES256", ecKey().Public()},
		"by key, pushed":    {Client{Key: key}, true, "ES256", ecKey().Public()},
		"by secret":         {Client{AuthMethod: AuthSecretJWT}, false, "HS256", []byte(longSecret)},
		"by secret, pushed": {Client{SigningAlg: "HS512", AuthMethod: AuthBasic}, true, "HS512", []byte(longSecret)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tp, c := pushing(t, pushedOK)
			a := aRequest()
			a.RequestObject, a.Push = true, tc.push
			tc.client.ID, tc.client.Secret = testClientID, secret.New(longSecret)
			location, err := locate(t, tp, tc.client, a)
			q := query(t, location, err)
			object := q.Get("request")
			names := []string{"client_id", "request", "response_type", "scope"}
			if tc.push {
				object = c.form.Get("request")
				names = []string{"client_id", "request_uri"}
				for name := range c.form {
					if !strings.HasPrefix(name, "client_") && name != "request" {
						t.Errorf("%s was pushed beside the object", name)
					}
				}
			}
			for name := range q {
				if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
					t.Errorf("the user agent carries %s", name)
				}
			}
			header, claims := verified(t, object, tc.alg, tc.key)
			if header.ExtraHeaders["typ"] != "oauth-authz-req+jwt" {
				t.Errorf("header %+v", header)
			}
			now := float64(tp.clock.now().Unix())
			want := map[string]any{
				"iss": testClientID, "aud": tp.server.URL, "iat": now, "nbf": now, "exp": now + 300, "jti": claims["jti"],
				"response_type": "code", "client_id": testClientID, "redirect_uri": "https://app.test/cb", "scope": "openid",
				"state": "s", "nonce": "n", "code_challenge": "ch", "code_challenge_method": "S256", "max_age": 3600.0,
				"audience": []any{"a", "b"}, "prompt": "login",
			}
			if diff := cmp.Diff(want, claims); diff != "" {
				t.Error(diff)
			}
			if id, _ := claims["jti"].(string); len(id) < 22 {
				t.Errorf("jti %q", id)
			}
		})
	}
	a := aRequest()
	a.RequestObject = true
	if _, err := locate(t, newTestProvider(t), Client{ID: "c"}, a); !errors.Is(err, ErrClientKey) {
		t.Errorf("without a key: %v", err)
	}
}
