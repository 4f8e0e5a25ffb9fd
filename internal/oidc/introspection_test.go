package oidc

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

const pathIntrospection = "/introspect"

func newIntrospector(t *testing.T, change ...func(*Options)) (*testProvider, *Provider) {
	t.Helper()
	tp := newTestProvider(t)
	tp.set("introspection_endpoint", tp.server.URL+pathIntrospection)
	return tp, tp.relyingParty(t, change...)
}

func TestIntrospectionRequest(t *testing.T) {
	t.Parallel()
	tp, p := newIntrospector(t)
	var seen capture
	tp.handle(pathIntrospection, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		seen.form, seen.header = r.PostForm, r.Header.Clone()
		writeJSON(w, 200, `{"active":true,"sub":"alice"}`)
	})
	got, err := p.Introspect(t.Context(), testClient, IntrospectionRequest{
		Token: secret.New("opaque"), Hint: "access_token", Accept: "application/token-introspection+jwt",
		Extra: Extra{Args: url.Values{"resource": {"api"}, "token": {"other"}, "client_secret": {"stolen"}}, Header: http.Header{"X-Tenant": {"one"}}},
	})
	if err != nil || !got.Active || got.Subject() != "alice" || !got.JWT.Empty() {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff(url.Values{"token": {"opaque"}, "token_type_hint": {"access_token"}, "resource": {"api"}}, seen.form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if user, _, ok := (&http.Request{Header: seen.header}).BasicAuth(); !ok || user != testClientID || seen.header.Get("X-Tenant") != "one" ||
		seen.header.Get("Accept") != "application/token-introspection+jwt" {
		t.Errorf("header %v", seen.header)
	}
	if _, err := p.Introspect(t.Context(), testClient, IntrospectionRequest{
		Token: secret.New("opaque"), TokenParameter: "access", Extra: Extra{Header: http.Header{"Authorization": {"Bearer fixed"}}},
	}); err != nil {
		t.Fatal(err)
	}
	if seen.header.Get("Authorization") != "Bearer fixed" || seen.form.Get("access") != "opaque" || seen.form.Has("client_secret") || seen.form.Has("token_type_hint") {
		t.Errorf("an Authorization of the configuration: %v %v", seen.header, seen.form)
	}
	posting := testClient
	posting.AuthMethod, posting.TokenAuthMethod, posting.IntrospectionAuthMethod = AuthBasic, AuthNone, AuthPost
	if _, err := p.Introspect(t.Context(), posting, IntrospectionRequest{Token: secret.New("opaque")}); err != nil || seen.form.Get("client_id") != testClientID {
		t.Errorf("client_secret_post: %v %v", err, seen.form)
	}
}

func TestIntrospectionAnswers(t *testing.T) {
	t.Parallel()
	misbehaving := append(misbehaviours(),
		misbehaviour{"status 401", respond(401, "application/json", `{"active":true}`), "status 401"},
		misbehaviour{"active that is a text", respond(200, "application/json", `{"active":"true"}`), "active"},
	)
	for _, m := range misbehaving {
		if m.name == "a jwt" {
			m.says = "signed answer refused"
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tp, p := newIntrospector(t, impatient)
			tp.handle(pathIntrospection, m.answer)
			ask := func() (*Introspection, error) {
				return p.Introspect(t.Context(), testClient, IntrospectionRequest{Token: secret.New("planted")})
			}
			if got, err := ask(); got != nil || !errors.Is(err, ErrIntrospection) || !strings.Contains(err.Error(), m.says) || strings.Contains(err.Error(), "planted") {
				t.Errorf("got %v, %v; want an error that says %q", got, err, m.says)
			}
			tp.handle(pathIntrospection, respond(200, "application/json", `{"active":true}`))
			if got, err := ask(); err != nil || !got.Active {
				t.Errorf("the next request: %v", err)
			}
		})
	}
	for body, active := range map[string]bool{`{"active":true}`: true, `{"active":false}`: false, `{}`: false, `{"active":null}`: false} {
		tp, p := newIntrospector(t)
		tp.handle(pathIntrospection, respond(200, "application/json", body))
		if got, err := p.Introspect(t.Context(), testClient, IntrospectionRequest{Token: secret.New("x")}); err != nil || got.Active != active {
			t.Errorf("%s: %v", body, err)
		}
	}
	tp := newTestProvider(t)
	if _, err := tp.relyingParty(t).Introspect(t.Context(), testClient, IntrospectionRequest{}); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("without an endpoint: %v", err)
	}
}

// TestSignedIntrospection holds answers by RFC 9701 to their rules, plain and
// encrypted.
func TestSignedIntrospection(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	now := tp.clock.now().Unix()
	claims := func(change map[string]any) map[string]any {
		c := map[string]any{
			"iss": tp.server.URL, "aud": testClientID, "iat": now,
			"token_introspection": map[string]any{"active": true, "sub": "alice", "scope": "read"},
		}
		for name, v := range change {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
		return c
	}
	typed := map[string]any{"typ": "token-introspection+jwt"}
	signed := func(change map[string]any) string {
		return sign(t, jose.RS256, rsaKey(), "rsa", claims(change), typed).Reveal()
	}
	type options = func(*AnswerCheck)
	longClient := func(c *AnswerCheck) { c.ClientSecret = secret.New(longSecret) }
	for _, tc := range []struct {
		name string
		text string
		opts options
		want error // nil: accepted
	}{
		{"accepts a signed one", signed(nil), nil, nil},
		{"accepts claims beside those of the answer", signed(map[string]any{"token_introspection": nil, "active": true, "sub": "alice"}), nil, nil},
		{"refuses another audience", signed(map[string]any{"aud": "other"}), nil, ErrAudience},
		{"refuses another issuer", signed(map[string]any{"iss": "https://evil.test"}), nil, ErrIssuer},
		{"refuses one that has expired", signed(map[string]any{"exp": now - 1}), nil, ErrExpired},
		{"refuses an access token in its place", sign(t, jose.RS256, rsaKey(), "rsa", claims(nil), map[string]any{"typ": "at+jwt"}).Reveal(), nil, ErrType},
		{"refuses a foreign key", sign(t, jose.RS256, otherRSAKey(), "rsa", claims(nil), typed).Reveal(), nil, ErrSignature},
		{"accepts it where signatures are not verified", sign(t, jose.RS256, otherRSAKey(), "rsa", claims(nil), typed).Reveal(), func(c *AnswerCheck) { c.SkipSignature = true }, nil},
		{"refuses none", assemble(`{"alg":"none"}`, `{"iss":"`+tp.server.URL+`","aud":"`+testClientID+`","active":true}`, "").Reveal(), nil, ErrAlgorithm},
		{"accepts one encrypted for the secret", sealed(t, signed(nil), jose.DIRECT, jose.A128CBC_HS256, 32), nil, nil},
		{"accepts A256KW", sealed(t, signed(nil), jose.A256KW, jose.A256GCM, 32), nil, nil},
		{"accepts dir with the longest key", sealed(t, signed(nil), jose.DIRECT, jose.A256CBC_HS512, 64), nil, nil},
		{"accepts one for a private key", encrypt(t, signed(nil), jose.RSA_OAEP_256, jose.A128GCM, &rsaKey().PublicKey, nil), func(c *AnswerCheck) { c.Key = &PrivateKey{key: rsaKey()} }, nil},
		{"accepts one for an EC key", encrypt(t, signed(nil), jose.ECDH_ES_A256KW, jose.A256GCM, &ecKey().PublicKey, nil), func(c *AnswerCheck) { c.Key = &PrivateKey{key: ecKey(), use: useEncryption} }, nil},
		{"refuses one for a key that is to sign only", encrypt(t, signed(nil), jose.RSA_OAEP_256, jose.A128GCM, &rsaKey().PublicKey, nil), func(c *AnswerCheck) { c.Key = &PrivateKey{key: rsaKey(), use: useSignature} }, errAnswerSealed},
		{"refuses one by another algorithm than the key's", encrypt(t, signed(nil), jose.RSA_OAEP, jose.A128GCM, &rsaKey().PublicKey, nil), func(c *AnswerCheck) { c.Key = &PrivateKey{key: rsaKey(), algorithm: "RSA-OAEP-256"} }, errAnswerSealed},
		{"refuses one for a key that we do not have", encrypt(t, signed(nil), jose.RSA_OAEP_256, jose.A128GCM, &rsaKey().PublicKey, nil), nil, errAnswerSealed},
		{"refuses one for another secret", sealed(t, signed(nil), jose.A256KW, jose.A256GCM, 32), longClient, errAnswerSealed},
		{"refuses a compressed one", encrypt(t, signed(nil), jose.RSA_OAEP_256, jose.A128GCM, &rsaKey().PublicKey, &jose.EncrypterOptions{Compression: jose.DEFLATE}), func(c *AnswerCheck) { c.Key = &PrivateKey{key: rsaKey()} }, errAnswerSealed},
		{"refuses PBES2", encrypt(t, signed(nil), jose.PBES2_HS256_A128KW, jose.A128GCM, []byte(testClient.Secret.Reveal()), nil), func(c *AnswerCheck) { c.Key = &PrivateKey{key: []byte(testClient.Secret.Reveal())} }, errAnswerSealed},
		{"refuses an encrypted answer that nobody signed", sealed(t, `{"active":true}`, jose.A256KW, jose.A256GCM, 32), nil, ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp.handle(pathIntrospection+"/"+tc.name, respond(200, "application/token-introspection+jwt", tc.text))
			endpoint := tp.server.URL + pathIntrospection + "/" + url.PathEscape(tc.name)
			p := tp.relyingParty(t, func(o *Options) { o.Endpoints.Introspection = endpoint })
			check := AnswerCheck{ClientID: testClientID, ClientSecret: testClient.Secret}
			if tc.opts != nil {
				tc.opts(&check)
			}
			got, err := p.Introspect(t.Context(), testClient, IntrospectionRequest{Token: secret.New("x"), Check: check})
			if tc.want == nil {
				if err != nil || !got.Active || got.Subject() != "alice" || got.JWT.Empty() {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			if got != nil || !errors.Is(err, tc.want) || !errors.Is(err, ErrIntrospection) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func sealed(t *testing.T, text string, alg jose.KeyAlgorithm, enc jose.ContentEncryption, size int) string {
	t.Helper()
	name := string(alg)
	header := map[string]any{"alg": name, "enc": string(enc)}
	key := symmetricKey(header, testClient.Secret)
	if len(key) != size {
		t.Fatalf("a key of %d bytes for %s, want %d", len(key), name, size)
	}
	return encrypt(t, text, alg, enc, key, nil)
}

func encrypt(t *testing.T, text string, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, opts *jose.EncrypterOptions) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return must(object.CompactSerialize())
}

func FuzzDecrypt(f *testing.F) {
	f.Add("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aaaa.bbbb.cccc")
	f.Add("....")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"A128KW","enc":"A128GCM"}`)) + ".a.b.c.d")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := decrypt(text, AnswerCheck{ClientSecret: testClient.Secret}); err == nil || plain != "" {
			t.Errorf("%q opened", text) // nobody finds a sealed text by chance
		}
	})
}

// TestUserInfoAsJWT: row userinfo-signed.
func TestUserInfoAsJWT(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	claims := map[string]any{"iss": tp.server.URL, "aud": testClientID, "sub": "alice", "email": "a@example.test"}
	ask := func(text string, q UserInfoRequest) (*Claims, error) {
		tp.handle(pathUserInfo, respond(200, "application/jwt", text))
		q.AccessToken, q.Check = secret.New("at"), AnswerCheck{ClientID: testClientID}
		return p.UserInfo(t.Context(), q)
	}
	good := idToken(t, claims).Reveal()
	if got, err := ask(good, UserInfoRequest{Subject: "alice"}); err != nil || got.Signed().Reveal() != good {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := ask(good, UserInfoRequest{Subject: "bob"}); !errors.Is(err, ErrUserInfoSubject) {
		t.Errorf("another subject: %v", err)
	}
	if _, err := ask(good, UserInfoRequest{AnySubject: true}); err != nil {
		t.Errorf("whoever it is about: %v", err)
	}
	if _, err := ask(good, UserInfoRequest{}); !errors.Is(err, ErrUserInfoSubject) {
		t.Errorf("no subject asked for: %v", err)
	}
	delete(claims, "sub")
	if _, err := ask(idToken(t, claims).Reveal(), UserInfoRequest{AnySubject: true}); !errors.Is(err, ErrUserInfoSubject) {
		t.Errorf("about nobody: %v", err)
	}
	if _, err := ask(sign(t, jose.RS256, otherRSAKey(), "rsa", claims, nil).Reveal(), UserInfoRequest{AnySubject: true}); !errors.Is(err, ErrSignature) {
		t.Errorf("a foreign key: %v", err)
	}
}

func TestDirectGrants(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	var seen capture
	tp.handle(pathToken, seen.serve)
	extra := Extra{Args: url.Values{"password": {"other"}, "grant_type": {"other"}, "audience": {"api"}}}
	if _, err := p.Password(t.Context(), testClient, PasswordGrant{Username: secret.New("ada"), Password: secret.New("p w"), Scopes: []string{"openid", "email"}}, extra); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {"p w"}, "scope": {"openid email"}, "audience": {"api"}}
	if diff := cmp.Diff(want, seen.form); diff != "" {
		t.Errorf("password (-want +got):\n%s", diff)
	}
	if _, err := p.ClientCredentials(t.Context(), Client{ID: "caller", Secret: secret.New("its")}, nil, Extra{}); err != nil {
		t.Fatal(err)
	}
	if user, password, _ := (&http.Request{Header: seen.header}).BasicAuth(); user != "caller" || password != "its" || seen.form.Has("scope") || seen.form.Has("redirect_uri") {
		t.Errorf("client credentials: %v %v", seen.form, seen.header)
	}
	tp.handle(pathToken, respond(400, "application/json", `{"error":"invalid_grant","error_description":"bad planted-password"}`))
	_, err := p.Password(t.Context(), testClient, PasswordGrant{Username: secret.New("ada"), Password: secret.New("planted-password")}, Extra{})
	if oauth, ok := errors.AsType[*OAuthError](err); !ok || oauth.Code != "invalid_grant" || strings.Contains(err.Error(), "planted") {
		t.Errorf("error %v", err)
	}
}
