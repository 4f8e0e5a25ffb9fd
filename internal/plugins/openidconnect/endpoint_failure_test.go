package openidconnect_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// quick bounds calls to the IdP, so that an endpoint that does not answer
// costs a test little.
func quick(more map[string]any) map[string]any {
	c := map[string]any{"timeout": 6000}
	maps.Copy(c, more)
	return c
}

func TestTokenEndpointFailuresAreAnsweredInBoundedTimeAndTheNextLoginWorks(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		fault  string
		status int
	}{
		{"token-500", 500},
		{"token-503", 500},
		{"token-invalid-grant", 401},
		{"token-error-200", 401},
		{"token-invalid-client", 500},
		{"token-unauthorized-client", 500},
		{"token-unknown-error", 500},
		{"token-html", 500},
		{"token-html-as-json", 500},
		{"token-empty-object", 500},
		{"token-deep-object", 500},
		{"token-trailing", 500},
		{"token-empty", 500},
		{"token-cut", 500},
		{"token-array", 500},
		{"token-null", 500},
		{"token-wrong-types", 500},
		{"token-deep", 500},
		{"token-endless", 500},
		{"token-drip", 500},
		{"token-no-answer", 500},
		{"token-connection-cut", 500},
		{"token-redirect", 500},
		{"no-access-token", 500},
		{"token-type-unknown", 500},
		{"access-token-with-newline", 500},
		{"expires-in-huge", 500},
	} {
		t.Run(f.fault, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: quick(nil)})
			r.idp.Misbehave(f.fault)
			b := r.browser()
			reply := b.begin("/")
			start := time.Now()
			a := b.callback(reply)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("answered after %s", took)
			}
			r.refused(a, f.status, 0)
			if a.location() != "" || strings.Contains(a.body, "<script>alert") {
				t.Errorf("an automatic new login to %q, or live mark-up: %s", a.location(), a.body)
			}
			if r.idp.Calls("elsewhere") != 0 {
				t.Error("the secret followed a redirect")
			}
			if strings.Contains(r.log.String(), clientSecret) {
				t.Error("the client secret is in the log")
			}
			r.idp.Misbehave()
			r.browser().login("/")
		})
	}
}

func TestDiscoveryAndKeysFailuresHealWithoutARestart(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"discovery-500", "discovery-html", "discovery-empty", "discovery-cut", "discovery-deep", "discovery-endless",
		"discovery-no-answer", "discovery-connection-cut", "discovery-no-endpoints",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: quick(nil)})
			r.idp.Misbehave(fault)
			a := r.browser().get("/")
			if a.status != http.StatusServiceUnavailable && fault != "discovery-no-endpoints" {
				t.Errorf("got %d", a.status)
			}
			if a.sets("session") || a.sets("authorization") || a.location() != "" {
				t.Errorf("a login was started: %v", a.header)
			}
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			r.idp.Misbehave()
			next := 6 * time.Second // the next try comes soon
			if fault == "discovery-no-endpoints" {
				next = 2 * time.Hour // a document like another, until it is too old
			}
			r.clock.advance(next)
			r.browser().login("/")
		})
	}
	for _, fault := range []string{"jwks-500", "jwks-html", "jwks-cut", "jwks-deep", "jwks-endless", "jwks-no-answer", "jwks-no-keys"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: quick(nil)})
			r.idp.Misbehave(fault)
			b := r.browser()
			a := b.callback(b.begin("/"))
			if a.status != http.StatusServiceUnavailable && fault != "jwks-no-keys" {
				t.Errorf("got %d", a.status)
			}
			r.refused(a, a.status, 0)
			r.idp.Misbehave()
			r.clock.advance(time.Minute)
			r.browser().login("/")
		})
	}
}

func TestDiscoveryDownLaterLeavesSessionsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: quick(map[string]any{"session_absolute_timeout": 0, "session_rolling_timeout": 0, "session_idling_timeout": 0}), idp: longTokens})
	b := r.browser()
	b.login("/")
	r.idp.Misbehave("discovery-no-answer")
	r.clock.advance(2 * time.Hour)
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("the session gives %d while the IdP is down", a.status)
	}
	r.browser().start("/") // the last good document serves
}

func TestFloodOfUnknownKidsMakesNoFloodOfFetches(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.browser().login("/")
	r.idp.Misbehave("unknown-kid")
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			b := r.browser()
			b.callback(b.begin("/"))
		})
	}
	wg.Wait()
	if got := r.idp.Calls("jwks"); got > 3 {
		t.Errorf("%d fetches of the keys for 12 tokens with an unknown kid", got)
	}
	r.idp.Misbehave()
	r.browser().login("/")
}
