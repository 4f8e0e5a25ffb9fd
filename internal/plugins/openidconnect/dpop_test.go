package openidconnect_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func dpopConfig(mode string, more ...map[string]any) map[string]any {
	return with(with(apiConfig("bearer"), one("proof_of_possession_dpop", mode)), more...)
}

// TestDPoP: a bound token counts with one good proof by its key, and with nothing
// less. The proof stays here, and the token goes on as a bearer token.
func TestDPoP(t *testing.T) {
	t.Parallel()
	h, other := newHolder(t), newHolder(t)
	bound := map[string]any{"jkt": h.jkt()}
	for _, tt := range []struct {
		name, mode string
		cnf        map[string]any
		send       func(r *rig, token string) answer
		want       int
		challenge  string
	}{
		{"strict: a proof", "strict", bound, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/", token, nil)) }, 200, ""},
		{"optional: a proof", "optional", bound, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/", token, nil)) }, 200, ""},
		{"strict: the scheme in any case", "strict", bound, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/", "", "Authorization", "dPoP "+token, "DPoP", h.proof(r, "/", token, nil))
		}, 200, ""},
		{"optional: an unbound bearer token", "optional", nil, func(r *rig, token string) answer { return r.bearer(token) }, 200, ""},
		{"optional: an unbound bearer token with a proof for nobody", "optional", nil, func(r *rig, token string) answer { return r.bearer(token, "DPoP", "x") }, 200, ""},
		{"off: a bound bearer token", "off", bound, func(r *rig, token string) answer { return r.bearer(token) }, 200, ""},
		{"off: the scheme is not known", "off", bound, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/", token, nil)) }, 401, `Bearer realm=`},
		{"strict: a bound token as a bearer token", "strict", bound, func(r *rig, token string) answer { return r.bearer(token) }, 401, `error="invalid_token"`},
		{"optional: a bound token as a bearer token", "optional", bound, func(r *rig, token string) answer { return r.bearer(token) }, 401, `Bearer realm="127.0.0.1`},
		{"strict: as a bearer token, with a proof", "strict", bound, func(r *rig, token string) answer {
			return r.bearer(token, "DPoP", h.proof(r, "/", token, nil))
		}, 401, `error="invalid_token"`},
		{"optional: as a bearer token, with a proof", "optional", bound, func(r *rig, token string) answer {
			return r.bearer(token, "DPoP", h.proof(r, "/", token, nil))
		}, 401, `error="invalid_token"`},
		{"optional: in the query, with a proof", "optional", bound, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/?access_token="+token, "", "DPoP", h.proof(r, "/", token, nil))
		}, 401, `error="invalid_token"`},
		{"strict: an unbound bearer token", "strict", nil, func(r *rig, token string) answer { return r.bearer(token) }, 401, `DPoP realm=`},
		{"strict: an unbound token with a proof", "strict", nil, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/", token, nil)) }, 401, `error="invalid_token"`},
		{"optional: an unbound token with a proof", "optional", nil, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/", token, nil)) }, 401, `error="invalid_token"`},
		{"a binding that cannot be read", "optional", map[string]any{"jkt": 7}, func(r *rig, token string) answer { return r.bearer(token) }, 401, `error="invalid_token"`},
		{"no proof", "strict", bound, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/", "", "Authorization", "DPoP "+token)
		}, 401, `DPoP realm="127.0.0.1:`},
		{"a proof of another key", "strict", bound, func(r *rig, token string) answer { return r.dpop(token, other.proof(r, "/", token, nil)) }, 401, `error="invalid_token"`},
		{"two proofs", "strict", bound, func(r *rig, token string) answer {
			return r.dpop(token, h.proof(r, "/", token, nil), "DPoP", h.proof(r, "/", token, nil))
		}, 401, `error="invalid_dpop_proof"`},
		{"a proof for another method", "strict", bound, func(r *rig, token string) answer {
			return r.dpop(token, h.proof(r, "/", token, map[string]any{"htm": "POST"}))
		}, 401, `error="invalid_dpop_proof"`},
		{"a proof for another address", "strict", bound, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/other", token, nil)) }, 401, `error="invalid_dpop_proof"`},
		{"a proof for another token", "strict", bound, func(r *rig, token string) answer { return r.dpop(token, h.proof(r, "/", token+"x", nil)) }, 401, `error="invalid_dpop_proof"`},
		{"an old proof", "strict", bound, func(r *rig, token string) answer {
			return r.dpop(token, h.proof(r, "/", token, map[string]any{"iat": r.clock.now().Add(-time.Hour).Unix()}))
		}, 401, `error="invalid_dpop_proof"`},
		{"a proof without an id", "strict", bound, func(r *rig, token string) answer {
			return r.dpop(token, h.proof(r, "/", token, map[string]any{"jti": nil}))
		}, 401, `error="invalid_dpop_proof"`},
		{"nothing at all", "strict", bound, func(r *rig, _ string) answer { return r.call(http.MethodGet, "/", "") }, 401, `algs="ES256 `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: dpopConfig(tt.mode), idp: boundTo(tt.cnf)})
			token := r.accessToken()
			hits := r.echo.Hits()
			a := tt.send(r, token)
			if a.status != tt.want || !strings.Contains(strings.Join(a.header.Values("WWW-Authenticate"), "\n"), tt.challenge) {
				t.Fatalf("%d %q, want %d %q: %s\n%s", a.status, a.header.Values("WWW-Authenticate"), tt.want, tt.challenge, a.body, r.log)
			}
			if tt.want != http.StatusOK {
				if r.echo.Hits() != hits {
					t.Error("the upstream was reached")
				}
				return
			}
			saw := r.admitted(a)
			if saw.header("Authorization") != "Bearer "+token || tt.mode != "off" && saw.header("Dpop") != "" {
				t.Errorf("the upstream saw %v", saw.Headers)
			}
		})
	}
}

// TestDPoPProofCountsOnce: also where its token is remembered, and is not spent
// by a request that is refused for another reason.
func TestDPoPProofCountsOnce(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	r := newRig(t, rigOptions{config: dpopConfig("strict"), idp: boundTo(map[string]any{"jkt": h.jkt()})})
	token := r.accessToken()
	proof := h.proof(r, "/", token, nil)
	if a := r.call(http.MethodPost, "/", "", "Authorization", "DPoP "+token, "DPoP", proof); a.status != 401 {
		t.Errorf("for another method: %d", a.status)
	}
	r.admitted(r.dpop(token, proof))
	if a := r.dpop(token, proof); a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_dpop_proof"`) {
		t.Errorf("for the second time: %d %q", a.status, a.header.Get("WWW-Authenticate"))
	}
	r.change(map[string]any{"hide_credentials": false}) // another instance, one memory
	if a := r.dpop(token, proof); a.status != 401 {
		t.Errorf("after a change of the configuration: %d", a.status)
	}
	r.admitted(r.dpop(token, h.proof(r, "/", token, nil)))
	for range 3 {
		if a := r.call(http.MethodGet, "/", "", "Authorization", "DPoP "+token); a.status != 401 {
			t.Errorf("remembered, without a proof: %d", a.status)
		}
	}
}

// TestDPoPTokenGoesOnAsBearer: wherever it stood, and whether or not credentials
// are hidden.
func TestDPoPTokenGoesOnAsBearer(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	r := newRig(t, rigOptions{config: dpopConfig("strict", one("upstream_access_token_header", nil), one("hide_credentials", false)), idp: boundTo(map[string]any{"jkt": h.jkt()})})
	token := r.accessToken()
	if got := r.admitted(r.dpop(token, h.proof(r, "/", token, nil))).header("Authorization"); got != "Bearer "+token {
		t.Errorf("the upstream saw %q", got)
	}
	r.change(one("hide_credentials", true))
	if got := r.admitted(r.dpop(token, h.proof(r, "/", token, nil))).header("Authorization"); got != "" {
		t.Errorf("hidden, the upstream saw %q", got)
	}
	r.change(map[string]any{"hide_credentials": false, "bearer_token_header_name": "x-tok"})
	saw := r.admitted(r.call(http.MethodGet, "/", "", "X-Tok", "DPoP "+token, "DPoP", h.proof(r, "/", token, nil)))
	if saw.header("X-Tok") != "Bearer "+token || saw.header("Dpop") != "" {
		t.Errorf("the upstream saw %v", saw.Headers)
	}
}

// TestDPoPAddressIsTheClients: behind a trusted proxy it is what that tells of the
// client's request, and from others it is not.
func TestDPoPAddressIsTheClients(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	for name, tt := range map[string]struct {
		trusted []netip.Prefix
		pairs   []string
		htu     string
		want    int
	}{
		"a trusted proxy's host":         {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host", "api.test", "X-Forwarded-Proto", "https"}, "https://api.test/", 200},
		"a trusted proxy's port":         {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host", "api.test", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "8443"}, "https://api.test:8443/", 200},
		"a trusted proxy's path":         {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host", "api.test", "X-Forwarded-Path", "/v1/list"}, "http://api.test/v1/list", 200},
		"a trusted proxy's prefix":       {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host", "api.test", "X-Forwarded-Prefix", "/v1"}, "http://api.test/v1/", 200},
		"our own address behind a proxy": {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host", "api.test"}, "", 401},
		"a stranger's host":              {nil, []string{"X-Forwarded-Host", "api.test", "X-Forwarded-Proto", "https"}, "https://api.test/", 401},
		"our own address":                {nil, []string{"X-Forwarded-Host", "api.test"}, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: dpopConfig("strict"), idp: boundTo(map[string]any{"jkt": h.jkt()}), trusted: tt.trusted})
			token, change := r.accessToken(), map[string]any{}
			if tt.htu != "" {
				change["htu"] = tt.htu
			}
			if a := r.dpop(token, h.proof(r, "/", token, change), tt.pairs...); a.status != tt.want {
				t.Errorf("%d, want %d: %s\n%s", a.status, tt.want, a.body, r.log)
			}
		})
	}
}

// TestDPoPNonce: the first answer is a challenge with a nonce, a fresh nonce is
// taken whoever made it with our secret, and a better one comes before it is old.
func TestDPoPNonce(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	options := rigOptions{config: dpopConfig("strict", one("dpop_use_nonce", true), one("dpop_proof_lifetime", 100), one("expose_error_code", false)), idp: boundTo(map[string]any{"jkt": h.jkt()})}
	r := newRig(t, options)
	token := r.accessToken()
	with := func(r *rig, nonce any) answer {
		return r.dpop(token, h.proof(r, "/", token, map[string]any{"nonce": nonce}))
	}
	challenged := func(name string, a answer) string {
		t.Helper()
		if a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "DPoP ") ||
			!strings.Contains(a.header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`) || a.header.Get("DPoP-Nonce") == "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
		return a.header.Get("DPoP-Nonce")
	}
	nonce := challenged("without", with(r, nil))
	challenged("no proof", r.call(http.MethodGet, "/", "", "Authorization", "DPoP "+token))
	challenged("garbage", with(r, strings.Repeat("A", len(nonce))))
	last := byte('A')
	if nonce[len(nonce)-2] == 'A' {
		last = 'B'
	}
	challenged("altered", with(r, nonce[:len(nonce)-2]+string(last)+nonce[len(nonce)-1:]))
	a := with(r, nonce)
	if r.admitted(a); a.header.Get("DPoP-Nonce") != "" {
		t.Errorf("a fresh nonce is replaced by %q", a.header.Get("DPoP-Nonce"))
	}
	r.clock.advance(60 * time.Second)
	a = with(r, nonce)
	if r.admitted(a); a.header.Get("DPoP-Nonce") == "" || a.header.Get("DPoP-Nonce") == nonce {
		t.Errorf("an ageing nonce is answered by %q", a.header.Get("DPoP-Nonce"))
	}
	later := a.header.Get("DPoP-Nonce")
	r.clock.advance(60 * time.Second)
	challenged("stale", with(r, nonce))
	r.admitted(with(r, later))

	// A node with the same secret takes it; one with another does not.
	r.change(one("session_secret", "another planted-session-secret"))
	challenged("of another secret", with(r, later))
	r.change(one("session_secret", "planted-session-secret"))
	r.admitted(with(r, later))
}
