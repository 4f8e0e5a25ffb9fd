package openidconnect_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestIssuersShowWhatDiscoveryFoundAndForgetIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.admin.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	type object struct {
		ID, Issuer    string
		Configuration map[string]any
		Keys          []map[string]any
	}
	var list struct{ Data []object }
	read := func() []object {
		if err := json.Unmarshal(ask(http.MethodGet, "/openid-connect/issuers").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		return list.Data
	}
	if got := read(); len(got) != 1 || got[0].Issuer != r.idp.Issuer() || got[0].Configuration != nil {
		t.Errorf("before discovery: %+v", got)
	}
	r.browser().login("/")
	got := read()
	if len(got) != 1 || got[0].Configuration["issuer"] != r.idp.Issuer() || len(got[0].Keys) == 0 {
		t.Fatalf("after a login: %+v", got)
	}
	for _, k := range got[0].Keys {
		if k["d"] != nil || k["use"] != "sig" {
			t.Errorf("key %v", k)
		}
	}
	if body := ask(http.MethodGet, "/openid-connect/issuers").Body.String(); strings.Contains(body, "planted") {
		t.Error("a secret is shown")
	}
	for _, name := range []string{got[0].ID, url.PathEscape(r.idp.Issuer())} {
		if w := ask(http.MethodGet, "/openid-connect/issuers/"+name); w.Code != http.StatusOK {
			t.Errorf("GET %s: %d", name, w.Code)
		}
	}
	if w := ask(http.MethodGet, "/openid-connect/issuers/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown one: %d", w.Code)
	}
	if w := ask(http.MethodPost, "/openid-connect/issuers"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if w := ask(http.MethodDelete, "/openid-connect/issuers"); w.Code != http.StatusNoContent {
		t.Errorf("DELETE: %d", w.Code)
	}
	r.browser().login("/")
	if r.idp.Calls("discovery") != 2 || r.idp.Calls("jwks") != 2 {
		t.Errorf("%d documents, %d key sets after a DELETE", r.idp.Calls("discovery"), r.idp.Calls("jwks"))
	}
}
