package openidconnect_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// meter counts what the plugin reports.
type meter struct {
	mu     sync.Mutex // guards counts
	counts map[string]int
}

func (m *meter) add(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	m.counts[what]++
}

func (m *meter) Login(result string)       { m.add("login " + result) }
func (m *meter) Refresh(result string)     { m.add("refresh " + result) }
func (m *meter) SessionLoad(result string) { m.add("load " + result) }

func (m *meter) ClusterCache(operation, result string) {
	m.add("cluster cache " + operation + " " + result)
}

func (m *meter) ProviderCall(endpoint, result string, took time.Duration) {
	if took < 0 {
		endpoint = "negative time at " + endpoint
	}
	m.add(endpoint + " " + result)
}

// expect compares the counts since the last call, and starts anew.
func (m *meter) expect(t *testing.T, step string, want map[string]int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for what, n := range want {
		if m.counts[what] != n {
			t.Errorf("%s: %s counted %d times, want %d", step, what, m.counts[what], n)
		}
	}
	for what, n := range m.counts {
		if _, expected := want[what]; !expected {
			t.Errorf("%s: %s counted %d times", step, what, n)
		}
	}
	m.counts = nil
}

func TestWhatIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
	b := r.browser()
	reply := b.begin("/")
	r.meter.expect(t, "first request", map[string]int{"load no cookie": 1, "discovery answered": 1, "login started": 1})
	if a := b.callback(reply); !a.sets("session") {
		t.Fatalf("login: %d", a.status)
	}
	r.meter.expect(t, "callback", map[string]int{"load no cookie": 1, "token answered": 1, "jwks answered": 1, "login completed": 1})
	b.get("/")
	r.meter.expect(t, "warm request", map[string]int{"load found": 1})

	r.clock.advance(2 * time.Minute)
	b.get("/")
	r.meter.expect(t, "refresh", map[string]int{"load found": 1, "token answered": 1, "refresh completed": 1})
	r.clock.advance(2 * time.Minute)
	r.idp.Misbehave("refresh-500")
	r.refused(b.get("/"), http.StatusServiceUnavailable, r.echo.Hits())
	r.meter.expect(t, "refresh that fails", map[string]int{"load found": 1, "token failed": 1, "refresh failed": 1})
	r.idp.Misbehave("refresh-invalid-grant")
	b.start("/")
	r.meter.expect(t, "refresh that is refused", map[string]int{
		"load found": 1, "token refused": 1, "refresh refused": 1, "login started": 1,
	})

	r.idp.Misbehave("token-invalid-grant")
	fresh := r.browser()
	reply = fresh.begin("/")
	fresh.callback(reply)
	r.meter.expect(t, "code that is refused", map[string]int{
		"load no cookie": 2, "token refused": 1, "login started": 1, "login refused": 1,
	})
	r.idp.Misbehave("token-500")
	fresh.callback(fresh.begin("/"))
	r.meter.expect(t, "token endpoint that fails", map[string]int{
		"load no cookie": 2, "token failed": 1, "login started": 1, "login failed": 1,
	})
	r.idp.Misbehave()
	fresh.get("/?state=planted&code=planted")
	r.with("session=planted")
	r.meter.expect(t, "forged state and cookie", map[string]int{
		"load no cookie": 1, "load cookie does not verify": 1, "login started": 1, "login refused": 1,
	})
}

func TestAStoreThatCannotBeAskedIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	r.sessions.down.Store(true)
	r.meter.expect(t, "login", map[string]int{
		"load no cookie": 2, "discovery answered": 1, "jwks answered": 1, "token answered": 1, "login started": 1, "login completed": 1,
	})
	b.get("/")
	r.meter.expect(t, "store down", map[string]int{"load unavailable": 1})
	other := r.browser()
	other.callback(other.begin("/"))
	r.meter.expect(t, "login without a store", map[string]int{"load no cookie": 2, "login started": 1, "login failed": 1})
}
