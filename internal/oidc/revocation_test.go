package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

func TestRevocation(t *testing.T) {
	t.Parallel()
	tp, c := newTestProvider(t), &capture{}
	tp.set("revocation_endpoint", tp.server.URL+"/revoke")
	tp.handle("/revoke", func(w http.ResponseWriter, r *http.Request) { c.serve(mute{w}, r) })
	p := tp.relyingParty(t)
	client := testClient
	client.AuthMethod, client.RevocationAuthMethod = AuthBasic, AuthPost
	if err := p.Revoke(t.Context(), client, Revocation{Token: secret.New("planted-token"), Hint: "refresh_token"}); err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"token": {"planted-token"}, "token_type_hint": {"refresh_token"}, "client_id": {client.ID}, "client_secret": {client.Secret.Reveal()},
	}
	if diff := cmp.Diff(want, c.form); diff != "" {
		t.Error(diff)
	}
	if err := p.Revoke(t.Context(), client, Revocation{Token: secret.New("t"), Hint: "h", Parameter: "jeton"}); err != nil || c.form.Get("jeton") != "t" || c.form.Has("token") {
		t.Errorf("%v, %v", c.form, err)
	}
	for _, m := range []misbehaviour{
		{"500", respond(500, "text/plain", "x"), "status 500"},
		{"503 that quotes", respond(503, "application/json", `{"error":"planted-token"}`), "status 503"},
		{"400 without an error", respond(400, "text/html", "planted-token"), "status 400"},
		{"no answer", cutConnection, "closed"},
	} {
		tp.handle("/revoke", m.answer)
		err := p.Revoke(t.Context(), client, Revocation{Token: secret.New("planted-token")})
		if !errors.Is(err, ErrRevocation) || !strings.Contains(err.Error(), m.says) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	tp.handle("/revoke", respond(400, "application/json", `{"error":"unsupported_token_type","error_description":"planted-token"}`))
	err := p.Revoke(t.Context(), client, Revocation{Token: secret.New("planted-token")})
	if oauth, ok := errors.AsType[*OAuthError](err); !ok || oauth.Code != "unsupported_token_type" || strings.Contains(err.Error(), "planted") {
		t.Errorf("an oauth error: %v", err)
	}
	if err := newTestProvider(t).relyingParty(t).Revoke(t.Context(), client, Revocation{}); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("no endpoint: %v", err)
	}
}
