package openidconnect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

// severalClients is a rig with three clients that share nothing: id, secret,
// method, key, and redirect URIs.
func severalClients(t *testing.T) *rig {
	t.Helper()
	key, err := clientEC()
	private, public := clientJWK(t, key, err, map[string]any{"kid": "e1"})
	other, err := clientRSA()
	unused, _ := clientJWK(t, other, err, nil)
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) {
		one := o.Clients[0]
		one.AuthMethods = []string{"client_secret_basic"}
		two, three := one, one
		two.ID, two.Secret, two.AuthMethods = "second", "planted-second-secret", []string{"client_secret_post"}
		three.ID, three.Secret, three.AuthMethods = "7", "", []string{"private_key_jwt"}
		three.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}
		o.Clients = []practiceidp.Client{one, two, three}
	}})
	r.change(map[string]any{
		"client_id": []any{clientID, "second", "7"}, "client_secret": []any{clientSecret, "planted-second-secret"},
		"client_auth": []any{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		"client_jwk":  []any{unused, unused, private}, "client_alg": []any{"RS256", "RS256", "ES256"},
		"redirect_uri":        []any{r.gateway.URL + "/app", r.gateway.URL + "/cb"},
		"logout_redirect_uri": []any{"https://one.test/bye", "https://two.test/bye"},
		"logout_methods":      []any{"GET"}, "logout_uri_suffix": "/logout", "logout_revoke": true,
	})
	return r
}

// TestSeveralClients: the client that a request chooses stays the one of its
// login, of the refreshes and of the logout, with everything that stands beside
// it.
func TestSeveralClients(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(b *browser) answer {
		return func(b *browser) answer {
			req := b.request(http.MethodGet, "/page", nil)
			req.Header.Set(name, value)
			return b.send(req)
		}
	}
	query := func(value string) func(b *browser) answer {
		return func(b *browser) answer { return b.get("/page?client_id=" + value) }
	}
	for _, c := range []struct {
		name  string
		begin func(b *browser) answer
		want  string
	}{
		{"nothing asked", query(""), clientID},
		{"by X header", header("X-Client-ID", "second"), "second"},
		{"by header", header("Client-Id", "second"), "second"},
		{"by query", query("second"), "second"},
		{"by form", func(b *browser) answer { return b.post("/page", url.Values{"client_id": {"second"}}) }, "second"},
		{"by position", query("2"), "second"},
		{"a numeric id comes before a position", query("7"), "7"},
		{"by the third position", query("3"), "7"},
		{"an unknown one", query("nobody"), clientID},
		{"a position beyond the end", query("4"), clientID},
		{"header before query", func(b *browser) answer {
			req := b.request(http.MethodGet, "/page?client_id=7", nil)
			req.Header.Set("X-Client-ID", "second")
			return b.send(req)
		}, "second"},
		{"a json body", func(b *browser) answer {
			req := b.request(http.MethodPost, "/page", strings.NewReader(`{"client_id":null}`))
			req.Header.Set("Content-Type", "application/json")
			return b.send(req)
		}, clientID},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := severalClients(t)
			b := r.browser()
			a := c.begin(b)
			u, err := url.Parse(a.location())
			if err != nil || a.status/100 != 3 {
				t.Fatalf("got %d to %q\n%s", a.status, a.location(), a.body)
			}
			redirect := r.gateway.URL + "/app" // also of the third client, which has none of its own
			if c.want == "second" {
				redirect = r.gateway.URL + "/cb"
			}
			if q := u.Query(); q.Get("client_id") != c.want || q.Get("redirect_uri") != redirect {
				t.Fatalf("sent as %q with %q, want %q and %q", q.Get("client_id"), q.Get("redirect_uri"), c.want, redirect)
			}
			if a := b.callback(b.authorize(a.location())); !a.sets("session") {
				t.Fatalf("callback: %d\n%s", a.status, r.log)
			}
			r.by(t, "token", c.want)
			r.clock.advance(6 * 60e9)
			if a := b.get("/page"); a.status != http.StatusOK || r.idp.Calls("refresh") != 1 {
				t.Fatalf("refresh: %d\n%s", a.status, r.log)
			}
			r.by(t, "token", c.want)
			a = b.get("/logout")
			if u, err = url.Parse(a.location()); err != nil {
				t.Fatal(err)
			}
			bye := "https://one.test/bye"
			if c.want == "second" {
				bye = "https://two.test/bye"
			}
			if q := u.Query(); q.Get("client_id") != c.want || q.Get("post_logout_redirect_uri") != bye || q.Get("id_token_hint") == "" {
				t.Errorf("logout request %v", q)
			}
			r.by(t, "revoke", c.want)
		})
	}
}

// by demands that the last request to an endpoint was authenticated by a client
// of severalClients, in its own way.
func (r *rig) by(t *testing.T, endpoint, client string) {
	t.Helper()
	seen := r.idp.Seen(endpoint)
	ok := map[string]bool{
		clientID: strings.HasPrefix(seen.Header.Get("Authorization"), "Basic ") && !seen.Form.Has("client_id"),
		"second": seen.Form.Get("client_id") == "second" && seen.Form.Get("client_secret") == "planted-second-secret",
		"7":      seen.Form.Has("client_assertion") && kid(t, seen.Form.Get("client_assertion")) == "e1",
	}[client]
	if !ok {
		t.Errorf("%s was not asked as %q: %v %v", endpoint, client, seen.Header["Authorization"], seen.Form)
	}
}

// TestClientArgumentHasAnyName: client_arg names the argument, and client_id is
// one like any other then.
func TestClientArgumentHasAnyName(t *testing.T) {
	t.Parallel()
	r := severalClients(t)
	r.change(map[string]any{"client_arg": "client_config"})
	for target, want := range map[string]string{"/?client_config=second": "second", "/?client_id=second": clientID} {
		if got := r.browser().start(target).Get("client_id"); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	req := r.browser().request(http.MethodGet, "/", nil)
	req.Header.Set("X-Client-Config", "2")
	if u, err := url.Parse(r.browser().send(req).location()); err != nil || u.Query().Get("client_id") != "second" {
		t.Errorf("by header: %v", u)
	}
}

// TestClientOfALoginIsNotChangedOnTheWay: what the callback asks for makes no
// difference, and a state of one client does not fit the redirect URI of another.
func TestClientOfALoginIsNotChangedOnTheWay(t *testing.T) {
	t.Parallel()
	r := severalClients(t)
	b := r.browser()
	reply := b.begin("/page?client_id=second")
	if a := b.get(reply.uri + "&client_id=" + clientID); !a.sets("session") {
		t.Fatalf("callback: %d", a.status)
	}
	r.by(t, "token", "second")

	stranger := r.browser()
	reply = stranger.begin("/page?client_id=second")
	redeemed := r.idp.Calls("code")
	r.refused(stranger.get(strings.Replace(reply.uri, "/cb?", "/app?", 1)), http.StatusUnauthorized, r.echo.Hits())
	if r.idp.Calls("code") != redeemed {
		t.Error("the code was redeemed")
	}
}
