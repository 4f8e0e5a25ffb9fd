package openidconnect_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCertificateBoundTokens: a token counts beside the certificate to which it is
// bound, on every request, whatever is remembered of it.
func TestCertificateBoundTokens(t *testing.T) {
	t.Parallel()
	h, other := newHolder(t), newHolder(t)
	bound := map[string]any{"x5t#S256": h.x5t()}
	for _, tt := range []struct {
		name, mode string
		cnf        map[string]any
		shows      *tls.Certificate
		want       int
	}{
		{"strict: its certificate", "strict", bound, h.cert, 200},
		{"strict: another certificate", "strict", bound, other.cert, 401},
		{"strict: no certificate", "strict", bound, nil, 401},
		{"strict: an unbound token with a certificate", "strict", nil, h.cert, 401},
		{"strict: an unbound token", "strict", nil, nil, 401},
		{"strict: bound to a key alone", "strict", map[string]any{"jkt": h.jkt()}, h.cert, 401},
		{"optional: its certificate", "optional", bound, h.cert, 200},
		{"optional: another certificate", "optional", bound, other.cert, 401},
		{"optional: no certificate", "optional", bound, nil, 401},
		{"optional: an unbound token with a certificate", "optional", nil, h.cert, 200},
		{"optional: an unbound token", "optional", nil, nil, 200},
		{"optional: a binding that cannot be read", "optional", map[string]any{"x5t#S256": []any{h.x5t()}}, h.cert, 401},
		{"optional: a binding of null", "optional", map[string]any{"x5t#S256": nil}, h.cert, 401},
		{"off: another certificate", "off", bound, other.cert, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: with(apiConfig("bearer"), one("proof_of_possession_mtls", tt.mode)), idp: boundTo(tt.cnf), frontTLS: true})
			token := r.accessToken()
			hits := r.echo.Hits()
			for range 2 { // the second time from memory
				r.shows = tt.shows
				a := r.bearer(token)
				if a.status != tt.want || tt.want == 401 && !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
					t.Fatalf("%d %q: %s\n%s", a.status, a.header.Get("WWW-Authenticate"), a.body, r.log)
				}
			}
			if tt.want != 200 && r.echo.Hits() != hits {
				t.Error("the upstream was reached")
			}
		})
	}
}

// TestPossessionIsNotRemembered: what was proved once, or over another connection,
// proves nothing for the next request.
func TestPossessionIsNotRemembered(t *testing.T) {
	t.Parallel()
	h, other := newHolder(t), newHolder(t)
	for _, method := range []string{"bearer", "introspection"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: with(apiConfig(method), one("proof_of_possession_mtls", "strict")), idp: boundTo(map[string]any{"x5t#S256": h.x5t()}), frontTLS: true})
			token := r.accessToken()
			for _, step := range []struct {
				shows *tls.Certificate
				want  int
			}{{h.cert, 200}, {other.cert, 401}, {nil, 401}, {h.cert, 200}} {
				r.shows = step.shows
				if a := r.bearer(token); a.status != step.want {
					t.Errorf("%d, want %d: %s\n%s", a.status, step.want, a.body, r.log)
				}
			}
		})
	}
}

// TestBindingOfOpaqueTokens: it is found in the nested cnf of the introspection
// answer, and what token and answer say in two ways nobody meets.
func TestBindingOfOpaqueTokens(t *testing.T) {
	t.Parallel()
	h, other := newHolder(t), newHolder(t)
	object := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, tt := range []struct {
		name, mode string
		answer     map[string]any
		jwt        bool
		by         *holder
		want       int
	}{
		{"strict: its key", "strict", map[string]any{"cnf": map[string]any{"jkt": h.jkt()}}, false, h, 200},
		{"strict: another key", "strict", map[string]any{"cnf": map[string]any{"jkt": h.jkt()}}, false, other, 401},
		{"strict: no binding", "strict", nil, false, h, 401},
		{"strict: a binding outside of cnf", "strict", map[string]any{"jkt": h.jkt()}, false, h, 401},
		{"optional: its key", "optional", map[string]any{"cnf": map[string]any{"jkt": h.jkt()}}, false, h, 200},
		{"optional: bound, as a bearer token", "optional", map[string]any{"cnf": map[string]any{"jkt": h.jkt()}}, false, nil, 401},
		{"optional: not bound, as a bearer token", "optional", nil, false, nil, 200},
		{"optional: cnf is no object", "optional", map[string]any{"cnf": "x"}, false, nil, 401},
		{"optional: a bound JWT that the answer does not call bound", "optional", nil, true, nil, 401},
		{"optional: a bound JWT by its key", "optional", nil, true, h, 200},
		{"optional: a JWT and an answer of two minds", "optional", map[string]any{"cnf": map[string]any{"jkt": other.jkt()}}, true, other, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := with(apiConfig("introspection"), one("proof_of_possession_dpop", tt.mode))
			r := newRig(t, rigOptions{config: config, idp: boundTo(map[string]any{"jkt": h.jkt()})})
			token := "opaque"
			if tt.jwt {
				token = r.accessToken()
			}
			r.tapped("introspection").respond(say(object(with(map[string]any{"active": true}, tt.answer))))
			send := func() answer {
				if tt.by == nil {
					return r.bearer(token)
				}
				return r.dpop(token, tt.by.proof(r, "/", token, nil))
			}
			for range 2 {
				if a := send(); a.status != tt.want {
					t.Errorf("%d, want %d: %s\n%s", a.status, tt.want, a.body, r.log)
				}
			}
		})
	}
}

// TestSessionsOfBoundTokens: a session that a bound token began is held to the
// same on every request, and its cookie alone opens nothing.
func TestSessionsOfBoundTokens(t *testing.T) {
	t.Parallel()
	h, other := newHolder(t), newHolder(t)
	for _, storage := range []string{"memory", "cookie"} {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			config := with(apiConfig("bearer", "session"), map[string]any{
				"proof_of_possession_mtls": "strict", "proof_of_possession_dpop": "strict", "session_storage": storage,
			})
			r := newRig(t, rigOptions{config: config, idp: boundTo(map[string]any{"x5t#S256": h.x5t(), "jkt": h.jkt()}), frontTLS: true})
			token := r.accessToken()
			r.shows = h.cert
			a := r.dpop(token, h.proof(r, "/", token, nil))
			r.admitted(a)
			cookie := ""
			for _, c := range (&http.Response{Header: a.header}).Cookies() {
				cookie += c.Name + "=" + c.Value + "; "
			}
			if !strings.HasPrefix(cookie, "session") {
				t.Fatalf("no session: %v", a.header)
			}
			proof := h.proof(r, "/", token, nil)
			for _, step := range []struct {
				name  string
				shows *tls.Certificate
				proof string
				want  int
			}{
				{"both", h.cert, proof, 200},
				{"a proof for the second time", h.cert, proof, 401},
				{"no proof", h.cert, "", 401},
				{"another key", h.cert, other.proof(r, "/", token, nil), 401},
				{"no certificate", nil, h.proof(r, "/", token, nil), 401},
				{"another certificate", other.cert, h.proof(r, "/", token, nil), 401},
				{"both again", h.cert, h.proof(r, "/", token, nil), 200},
			} {
				r.shows = step.shows
				pairs := []string{"Cookie", cookie}
				if step.proof != "" {
					pairs = append(pairs, "DPoP", step.proof)
				}
				if a := r.call(http.MethodGet, "/", "", pairs...); a.status != step.want {
					t.Errorf("%s: %d, want %d: %s\n%s", step.name, a.status, step.want, a.body, r.log)
				}
			}

			// A new token beside the session of the old one counts by itself.
			r.shows = h.cert
			fresh := r.accessToken()
			r.admitted(r.dpop(fresh, h.proof(r, "/", fresh, nil), "Cookie", cookie))
			if a := r.dpop(fresh, other.proof(r, "/", fresh, nil), "Cookie", cookie); a.status != 401 {
				t.Errorf("a stolen token beside a session: %d", a.status)
			}

			// What began without any demand does not pass where there is one.
			r.change(map[string]any{"proof_of_possession_mtls": "off", "proof_of_possession_dpop": "off"})
			lenient := ""
			for _, c := range (&http.Response{Header: r.bearer(token).header}).Cookies() {
				lenient += c.Name + "=" + c.Value + "; "
			}
			if a := r.call(http.MethodGet, "/", "", "Cookie", lenient); a.status != 200 {
				t.Errorf("without any demand: %d %s", a.status, a.body)
			}
			r.change(map[string]any{"proof_of_possession_dpop": "optional"})
			if a := r.call(http.MethodGet, "/", "", "Cookie", lenient); a.status != 401 {
				t.Errorf("a session from before the demand: %d", a.status)
			}
		})
	}
}

// TestMethodsBesidePossession: those whose tokens are not held to a proof are
// refused, unless that is switched off; then they pass without one.
func TestMethodsBesidePossession(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"proof_of_possession_mtls", "proof_of_possession_dpop"} {
		for _, tt := range []struct {
			methods []any
			check   bool
			want    string
		}{
			{[]any{"bearer"}, true, ""},
			{[]any{"introspection", "session"}, true, ""},
			{[]any{"bearer", "introspection", "session"}, true, ""},
			{[]any{"session"}, true, "bearer or introspection is required"},
			{[]any{"bearer", "userinfo"}, true, "userinfo is not held to " + field},
			{[]any{"bearer", "authorization_code", "session"}, true, "authorization_code is not held to " + field},
			{[]any{"bearer", "password"}, false, ""},
		} {
			t.Run(fmt.Sprint(field, tt.methods, tt.check), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, rigOptions{config: apiConfig("bearer")})
				err := r.patch(map[string]any{field: "strict", "auth_methods": tt.methods, "proof_of_possession_auth_methods_validation": tt.check})
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%v, want %q", err, tt.want)
				}
				if !tt.check {
					r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace")))
					if a := r.bearer(r.accessToken()); a.status != 401 {
						t.Errorf("bearer: %d", a.status)
					}
				}
			})
		}
	}
}

// TestSessionsOfMethodsWithoutPossession: what an instance that does not hold a
// login to anything has begun does not pass one that refuses such methods.
func TestSessionsOfMethodsWithoutPossession(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{
		"auth_methods": []any{"authorization_code", "bearer", "session"}, "proof_of_possession_mtls": "strict",
		"proof_of_possession_auth_methods_validation": false,
	}})
	b := r.browser()
	b.login("/page")
	if a := b.get("/page"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	r.change(map[string]any{"auth_methods": []any{"bearer", "session"}})
	if a := b.get("/page"); a.status != 200 {
		t.Errorf("unchecked: %d", a.status)
	}
	r.change(map[string]any{"proof_of_possession_auth_methods_validation": true})
	if a := b.get("/page"); a.status != 401 {
		t.Errorf("checked: %d", a.status)
	}
}
