package openidconnect_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/flow"
	"sallyport/internal/practiceidp"
)

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestUserAgentThatLeavesIsNoFailureOfTheStore(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	r.meter.expect(t, "login", map[string]int{
		"load no cookie": 2, "discovery answered": 1, "token answered": 1, "jwks answered": 1, "login started": 1, "login completed": 1,
	})
	r.sessions.hanging.Store(true)
	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, leave)
	res, err := b.client.Do(b.request(http.MethodGet, "/", nil).WithContext(ctx))
	if err == nil {
		_ = res.Body.Close() // of no interest
		t.Fatalf("there is an answer: %d", res.StatusCode)
	}
	var found flow.Event
	eventually(t, "the end of the request", func() (ok bool) {
		found, ok = r.events.find("load session")
		return ok
	})
	if found.Verdict != flow.Abandoned || !errors.Is(found.Err, context.Canceled) {
		t.Errorf("verdict %q (%v), want %q", found.Verdict, found.Err, flow.Abandoned)
	}
	r.meter.expect(t, "user agent that leaves", nil)
	r.sessions.hanging.Store(false)

	// Positive control: a store that is down is one.
	r.sessions.down.Store(true)
	if a := b.get("/"); a.status != http.StatusServiceUnavailable {
		t.Errorf("store down: %d", a.status)
	}
	if e, _ := r.events.find("load session"); e.Verdict != flow.Failed {
		t.Errorf("store down: verdict %q", e.Verdict)
	}
	r.meter.expect(t, "store down", map[string]int{"load unavailable": 1})
	r.gateway.Close() // once all requests are over
	if log := r.log.String(); strings.Count(log, "level=ERROR") != 1 {
		t.Errorf("the log does not tell of the one failure:\n%s", log)
	}
}

func TestGrantThatIsGoodNoMoreIsRefusedAndNothingFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
	for misbehaviour, want := range map[string]flow.Verdict{"refresh-invalid-grant": flow.Refused, "refresh-500": flow.Failed} {
		b := r.browser()
		b.login("/")
		r.idp.Misbehave(misbehaviour)
		r.clock.advance(2 * time.Minute)
		b.get("/")
		if e, ok := r.events.find("token request"); !ok || e.Kind != flow.Refresh || e.Verdict != want {
			t.Errorf("%s: %s %q, want %q", misbehaviour, e.Kind, e.Verdict, want)
		}
	}
}
