package oidc

import (
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// response is claims of a signed response that passes every rule.
func (tp *testProvider) response() map[string]any {
	return map[string]any{
		"iss": tp.server.URL, "aud": testClientID, "exp": tp.clock.now().Add(10 * time.Minute).Unix(),
		"code": "c", "state": "s",
	}
}

// TestSignedResponse holds authorization responses to JARM §2.4.
func TestSignedResponse(t *testing.T) {
	t.Parallel()
	type change = func(map[string]any)
	set := func(name string, v any) change { return func(m map[string]any) { m[name] = v } }
	drop := func(name string) change { return func(m map[string]any) { delete(m, name) } }
	for _, tc := range []struct {
		name   string
		change change
		sign   func(t *testing.T, claims map[string]any) secret.String
		check  SignedResponseCheck
		algs   []string
		want   error // nil: accepted
	}{
		{"accepts a right one", nil, nil, SignedResponseCheck{}, nil, nil},
		{"accepts aud as a list", set("aud", []string{"x", testClientID}), nil, SignedResponseCheck{}, nil, nil},
		{"refuses no iss", drop("iss"), nil, SignedResponseCheck{}, nil, ErrIssuer},
		{"refuses another iss", set("iss", "https://evil.test"), nil, SignedResponseCheck{}, nil, ErrIssuer},
		{"refuses no aud", drop("aud"), nil, SignedResponseCheck{}, nil, ErrAudience},
		{"refuses another aud", set("aud", testClientID+"1"), nil, SignedResponseCheck{}, nil, ErrAudience},
		{"refuses no exp", drop("exp"), nil, SignedResponseCheck{}, nil, ErrExpired},
		{"refuses an exp that is text", set("exp", "later"), nil, SignedResponseCheck{}, nil, ErrExpired},
		{"refuses an expired one", set("exp", newClock().now().Unix()), nil, SignedResponseCheck{}, nil, ErrExpired},
		{"accepts it within leeway", set("exp", newClock().now().Unix()), nil, SignedResponseCheck{Leeway: time.Second}, nil, nil},
		{"refuses another key", nil, func(t *testing.T, c map[string]any) secret.String {
			return sign(t, jose.RS256, otherRSAKey(), "rsa", c, nil)
		}, SignedResponseCheck{}, nil, ErrSignature},
		{"refuses an algorithm that is not announced", nil, nil, SignedResponseCheck{}, []string{"ES256"}, ErrAlgorithm},
		{"accepts one that is", nil, nil, SignedResponseCheck{}, []string{"RS256"}, nil},
		{"refuses HMAC", nil, func(t *testing.T, c map[string]any) secret.String {
			return sign(t, jose.HS256, []byte(longSecret), "", c, nil)
		}, SignedResponseCheck{ClientSecret: secret.New(longSecret)}, nil, ErrAlgorithm},
		{"accepts HMAC where it is enabled", nil, func(t *testing.T, c map[string]any) secret.String {
			return sign(t, jose.HS256, []byte(longSecret), "", c, nil)
		}, SignedResponseCheck{ClientSecret: secret.New(longSecret), EnableHS: true}, nil, nil},
		{"refuses HMAC by another secret", nil, func(t *testing.T, c map[string]any) secret.String {
			return sign(t, jose.HS256, []byte("x"+longSecret), "", c, nil)
		}, SignedResponseCheck{ClientSecret: secret.New(longSecret), EnableHS: true}, nil, ErrSignature},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			if tc.algs != nil {
				tp.set("authorization_signing_alg_values_supported", tc.algs)
			}
			claims := tp.response()
			if tc.change != nil {
				tc.change(claims)
			}
			raw := idToken(t, claims)
			if tc.sign != nil {
				raw = tc.sign(t, claims)
			}
			r, err := ParseSignedResponse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if state, ok := r.Parameter("state"); !ok || state != "s" {
				t.Errorf("state %q", state)
			}
			tc.check.ClientID = testClientID
			err = tp.relyingParty(t).VerifySignedResponse(t.Context(), r, tc.check)
			if !errors.Is(err, tc.want) || (err != nil) != (tc.want != nil) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if err != nil && (!errors.Is(err, ErrSignedResponse) || errors.Is(err, ErrIDToken)) {
				t.Errorf("class of %v", err)
			}
		})
	}
}

func TestSignedResponseMalformed(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]secret.String{
		"alg none": assemble(`{"alg":"none"}`, `{"state":"s"}`, ""), "no jwt": secret.New("x"), "nothing": {},
		"five parts": secret.New("a.b.c.d.e"), "a critical header": assemble(`{"alg":"RS256","crit":["x"]}`, `{}`, "x"),
	} {
		if _, err := ParseSignedResponse(raw); !errors.Is(err, ErrSignedResponse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := ParseSignedResponse(assemble(`{"alg":"RS256"}`, `{"state":7,"code":["x"],"error":null}`, "x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"state", "code", "error", "iss"} {
		if v, ok := r.Parameter(name); ok || v != "" {
			t.Errorf("%s is %q", name, v)
		}
	}
}

func TestSignedResponseKeysUnreachable(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	r := must(ParseSignedResponse(idToken(t, tp.response())))
	tp.handle(pathKeys, cutConnection)
	if err := tp.relyingParty(t).VerifySignedResponse(t.Context(), r, SignedResponseCheck{ClientID: testClientID}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
}
