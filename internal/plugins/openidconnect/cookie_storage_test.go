package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

func TestCookieStorageCarriesASessionThroughRefreshAndLogout(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: map[string]any{"session_storage": "cookie", "logout_uri_suffix": "/logout"},
		idp: func(o *practiceidp.Options) {
			o.AccessTokenTTL = time.Minute
			o.Users[0].Claims["padding"] = strings.Repeat("p", 3000) // more than one cookie holds
		},
	})
	b := r.browser()
	b.login("/")
	if b.cookie("session") == "" || b.cookie("session2") == "" {
		t.Error("the session does not lie in several cookies")
	}
	for _, name := range []string{"session", "session2"} {
		if strings.Contains(b.cookie(name), "eyJhbGci") {
			t.Errorf("%s shows a token", name)
		}
	}
	a := b.get("/")
	old := upstreamToken(t, a)
	if strings.Contains(a.body, "session2=") {
		t.Error("the upstream got a chunk")
	}
	r.clock.advance(2 * time.Minute)
	if fresh := upstreamToken(t, b.get("/")); fresh == old || r.idp.Calls("refresh") != 1 {
		t.Errorf("%d refreshes", r.idp.Calls("refresh"))
	}
	if again := b.get("/"); again.status != http.StatusOK || r.idp.Calls("refresh") != 1 {
		t.Errorf("after the refresh: %d, %d refreshes", again.status, r.idp.Calls("refresh"))
	}
	if a := b.post("/logout", nil); a.status != http.StatusSeeOther || b.cookie("session") != "" || b.cookie("session2") != "" {
		t.Errorf("logout: %d, cookies left %q %q", a.status, b.cookie("session"), b.cookie("session2"))
	}
	b.start("/")
}
