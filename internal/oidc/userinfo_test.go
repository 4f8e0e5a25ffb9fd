package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sallyport/internal/secret"
)

func TestUserInfo(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	var got *http.Request
	tp.handle(pathUserInfo, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(t.Context())
		writeJSON(w, 200, `{"sub":"alice","email":"a@example.test"}`)
	})
	claims, err := p.UserInfo(t.Context(), UserInfoRequest{
		AccessToken: secret.New("at"), Subject: "alice", Query: url.Values{"x": {"1"}},
		Header: http.Header{"X-Extra": {"2"}, "Authorization": {"Basic x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if email, _ := claims.Text("email"); email != "a@example.test" {
		t.Errorf("email %q", email)
	}
	if got.Method != http.MethodGet || got.Header.Get("Authorization") != "Bearer at" || got.Header.Get("X-Extra") != "2" || got.URL.RawQuery != "x=1" {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
}

func TestUserInfoSubject(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body, subject string
		want                error
	}{
		{"accepts the id token's subject", `{"sub":"alice"}`, "alice", nil},
		{"refuses another subject", `{"sub":"aliceinvalid"}`, "alice", ErrUserInfoSubject},
		{"refuses no subject", `{"email":"a@example.test"}`, "alice", ErrUserInfoSubject},
		{"refuses a subject that is a list", `{"sub":["alice"]}`, "alice", ErrUserInfoSubject},
		{"refuses where no subject is expected", `{"sub":""}`, "", ErrUserInfoSubject},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathUserInfo, respond(200, "application/json", tc.body))
			claims, err := tp.relyingParty(t).UserInfo(t.Context(), UserInfoRequest{AccessToken: secret.New("at"), Subject: tc.subject})
			if !errors.Is(err, tc.want) || (err == nil) != (claims != nil) {
				t.Errorf("%v, %v", claims, err)
			}
			if _, clause, ok := Rule(err); ok != (tc.want != nil) || ok && clause != "OpenID Connect Core 5.3.2" {
				t.Errorf("clause %q", clause)
			}
		})
	}
}

func TestUserInfoMisbehaviours(t *testing.T) {
	t.Parallel()
	other, asked := elsewhere(t)
	t.Run("all", func(t *testing.T) {
		for _, m := range append(misbehaviours(),
			misbehaviour{"status 401", respond(401, "application/json", `{"error":"invalid_token"}`), "status 401"},
			misbehaviour{"a redirect to another host", redirectTo(302, other), "redirect"},
		) {
			if m.name == "a jwt" { // a form of user info, and this one breaks its rules
				m.says = "signed answer refused"
			}
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				tp := newTestProvider(t)
				p := tp.relyingParty(t, impatient)
				tp.handle(pathUserInfo, m.answer)
				q := UserInfoRequest{AccessToken: secret.New("planted"), Subject: "alice"}
				if _, err := p.UserInfo(t.Context(), q); !errors.Is(err, ErrUserInfo) || !strings.Contains(err.Error(), m.says) || strings.Contains(err.Error(), "planted") {
					t.Fatalf("error %v, want one that says %q", err, m.says)
				}
				tp.handle(pathUserInfo, respond(200, "application/json", `{"sub":"alice"}`))
				if _, err := p.UserInfo(t.Context(), q); err != nil {
					t.Errorf("the next request: %v", err)
				}
			})
		}
	})
	if asked.Load() != 0 {
		t.Error("a redirect carried the token to another host")
	}
	tp := newTestProvider(t)
	tp.set("userinfo_endpoint", nil)
	if _, err := tp.relyingParty(t).UserInfo(t.Context(), UserInfoRequest{}); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("error %v", err)
	}
}
