package practiceidp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/practiceidp"
)

// TestCallbackRows looks at the parameters that come back.
func TestCallbackRows(t *testing.T) {
	t.Parallel()
	issuer := func(v url.Values, rp *party) bool { return v.Get("iss") == rp.idp.Issuer() }
	for name, ok := range map[string]func(v url.Values, rp *party) bool{
		"response-iss-wrong":   func(v url.Values, rp *party) bool { return v.Get("iss") == rp.idp.Issuer()+"1" && v.Has("code") },
		"response-iss-missing": func(v url.Values, _ *party) bool { return !v.Has("iss") && v.Has("code") },
		"state-invalid":        func(v url.Values, _ *party) bool { return v.Get("state") == "st&ate1" },
		"state-missing":        func(v url.Values, _ *party) bool { return !v.Has("state") && v.Has("code") },
		"code-missing":         func(v url.Values, _ *party) bool { return !v.Has("code") && !v.Has("error") },
		"code-and-error":       func(v url.Values, _ *party) bool { return v.Has("code") && v.Has("error") },
		"code-twice":           func(v url.Values, _ *party) bool { return len(v["code"]) == 2 },
		"callback-extra":       func(v url.Values, _ *party) bool { return v.Has("continue") && v.Has("code") },
		"form-post-error":      func(v url.Values, rp *party) bool { return v.Get("error") == "login_required" && issuer(v, rp) },
		"callback-error-markup": func(v url.Values, _ *party) bool {
			return v.Get("error") == "access_denied" && strings.Contains(v.Get("error_description"), "<script>")
		},
		"callback-error-code-markup": func(v url.Values, _ *party) bool { return strings.Contains(v.Get("error"), "<script>") },
		"callback-error-newline":     func(v url.Values, _ *party) bool { return strings.Contains(v.Get("error_description"), "\r\n") },
		"callback-temporarily_unavailable": func(v url.Values, rp *party) bool {
			return v.Get("error") == "temporarily_unavailable" && v.Get("state") == "st&ate" && issuer(v, rp)
		},
		"callback-server_error": func(v url.Values, _ *party) bool { return v.Get("error") == "server_error" && !v.Has("code") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := autoParty(t)
			if honest := rp.authorize().location(); ok(honest, rp) {
				t.Errorf("the honest answer looks the same: %v", honest)
			}
			rp.idp.Misbehave(name)
			if got := rp.authorize().location(); !ok(got, rp) {
				t.Errorf("by query: %v", got)
			}
			if _, got := pageForm(rp.authorize("response_mode", "form_post")); name != "code-twice" && !ok(got, rp) {
				t.Errorf("by form: %v", got)
			}
		})
	}
}

// TestTokenAnswerRows looks at one member of the token endpoint's answer.
func TestTokenAnswerRows(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		member string
		value  any
	}{
		"no-expires-in":       {"expires_in", nil},
		"expires-in-string":   {"expires_in", "3600"},
		"expires-in-zero":     {"expires_in", 0.0},
		"expires-in-negative": {"expires_in", -1.0},
		"expires-in-huge":     {"expires_in", 1e300},
		"token-type-case":     {"token_type", "bEARER"},
		"token-type-unknown":  {"token_type", "mac"},
		"token-type-missing":  {"token_type", nil},
		"no-access-token":     {"access_token", nil},
		"no-refresh-token":    {"refresh_token", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := autoParty(t)
			if honest := rp.login(); honest[want.member] == want.value {
				t.Errorf("the honest answer has the same %s", want.member)
			}
			rp.idp.Misbehave(name)
			if got := rp.login(); got[want.member] != want.value {
				t.Errorf("%s: got %v, want %v", want.member, got[want.member], want.value)
			}
		})
	}
}

func TestDiscoveryAndKeyRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ endpoint, member, want string }{
		"discovery-issuer-mismatch": {"discovery", "issuer", "INVALID"},
		"discovery-no-endpoints":    {"discovery", "token_endpoint", "<nil>"},
		"idtoken-sig-rs256":         {"discovery", "id_token_signing_alg_values_supported", "[RS256]"},
		"discovery-lists-none":      {"discovery", "id_token_signing_alg_values_supported", "none"},
		"pkce-plain-only":           {"discovery", "code_challenge_methods_supported", "[plain]"},
		"jwks-no-keys":              {"jwks", "keys", "[]"},
		"jwks-odd-keys":             {"jwks", "keys", "QUANTUM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := autoParty(t)
			if honest := fmt.Sprint(rp.get(rp.idp.URL(c.endpoint)).json()[c.member]); strings.Contains(honest, c.want) {
				t.Errorf("the honest document has it as well: %s", honest)
			}
			rp.idp.Misbehave(name)
			if got := fmt.Sprint(rp.get(rp.idp.URL(c.endpoint)).json()[c.member]); !strings.Contains(got, c.want) {
				t.Errorf("%s: got %s", c.member, got)
			}
			if strings.HasSuffix(practiceidp.Misbehaviours()[name], "(to be accepted)") {
				if err := rp.accept(rp.login(), "n-1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestUserInfoAndRefreshRows(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	info := func() map[string]any {
		access, _ := rp.login()["access_token"].(string)
		header := http.Header{"Authorization": {"Bearer " + access}}
		return rp.must(rp.do(t.Context(), http.MethodGet, rp.idp.URL("userinfo"), nil, header)).json()
	}
	for name, sub := range map[string]any{"": "sub-ann", "userinfo-invalid-sub": "sub-anninvalid", "userinfo-no-sub": nil} {
		rp.idp.Misbehave(slices.DeleteFunc([]string{name}, func(s string) bool { return s == "" })...)
		if got := info()["sub"]; got != sub {
			t.Errorf("%s: sub %v, want %v", name, got, sub)
		}
	}
	for name, member := range map[string]string{"userinfo-invalid-iss": "iss", "userinfo-invalid-aud": "aud"} {
		rp.idp.Misbehave(name)
		if got, _ := info()[member].(string); !strings.Contains(got, "other") {
			t.Errorf("%s: %q", name, got)
		}
	}
	rp.idp.Misbehave("claims-with-newline")
	if got, _ := info()["name"].(string); !strings.Contains(got, "\r\n") {
		t.Errorf("claims-with-newline: %q", got)
	}
	rp.idp.Misbehave("access-token-with-newline")
	tokens := rp.login()
	if err := rp.accept(tokens, "n-1"); err != nil || !strings.Contains(tokens["access_token"].(string), "\r\n") {
		t.Errorf("access-token-with-newline: %v (%v)", tokens["access_token"], err)
	}
	rp.idp.Misbehave("refresh-no-rotation")
	tokens = rp.login()
	for range 2 {
		if a := rp.refresh(tokens["refresh_token"]); a.StatusCode != 200 || a.json()["refresh_token"] != nil {
			t.Errorf("refresh-no-rotation: %d %s", a.StatusCode, a.text)
		}
	}
}

func TestDiscoveryDocument(t *testing.T) {
	t.Parallel()
	rp := newParty(t, func(o *practiceidp.Options) { o.OmitPKCEMethods, o.OmitResponseIssuer, o.AutoLogin = true, true, "ann" })
	doc := rp.get(rp.idp.URL("discovery")).json()
	if doc["issuer"] != rp.idp.Issuer() || doc["code_challenge_methods_supported"] != nil ||
		doc["authorization_response_iss_parameter_supported"] != nil || rp.authorize().location().Has("iss") {
		t.Errorf("switches of Options do not work: %v", doc)
	}
	full := autoParty(t)
	doc = full.get(full.idp.URL("discovery")).json()
	if fmt.Sprint(doc["code_challenge_methods_supported"]) != "[S256]" || doc["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("got %v", doc)
	}
	keys := fmt.Sprint(full.get(full.idp.URL("jwks")).json()["keys"])
	for _, part := range []string{"use:enc", "alg:RSA-OAEP", "alg:RS256", "alg:ES256", "kid:"} {
		if !strings.Contains(keys, part) {
			t.Errorf("the key set has no %s", part)
		}
	}
	if strings.Contains(keys, " d:") || strings.Contains(keys, "map[d:") {
		t.Error("the key set holds a private key")
	}
}

func TestIssuerWithPathAndSlash(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"http://idp.test/realms/a", "http://idp.test/realms/a/"} {
		o := options()
		o.Issuer = issuer
		p, err := practiceidp.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if p.Issuer() != issuer || p.URL("token") != "http://idp.test/realms/a/token" {
			t.Errorf("%s: issuer %q, token endpoint %q", issuer, p.Issuer(), p.URL("token"))
		}
	}
	for _, bad := range []string{"", "idp.test", "ftp://idp.test", "http://idp.test/?a=1", "http://idp.test/#a", "http:///a"} {
		if _, err := practiceidp.New(practiceidp.Options{Issuer: bad}); err == nil {
			t.Errorf("issuer %q was accepted", bad)
		}
	}
}
