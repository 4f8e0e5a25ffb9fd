package openidconnect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/cache"
)

// sharedMemory is a cache.Shared that tests look into. It forgets nothing by
// itself, as a Redis whose owner puts things back.
type sharedMemory struct {
	mu     sync.Mutex
	values map[string][]byte
	times  map[string]time.Duration
	err    error
	asked  int
}

func (m *sharedMemory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	value, ok := m.values[key]
	switch {
	case m.err != nil:
		return nil, m.err
	case !ok:
		return nil, cache.ErrAbsent
	}
	return bytes.Clone(value), nil
}

func (m *sharedMemory) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.err != nil {
		return m.err
	}
	if m.values == nil {
		m.values, m.times = map[string][]byte{}, map[string]time.Duration{}
	}
	m.values[key], m.times[key] = bytes.Clone(value), ttl
	return nil
}

func (m *sharedMemory) Close() {}

// fail makes all calls fail, or none.
func (m *sharedMemory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// change replaces all values.
func (m *sharedMemory) change(f func(key string, value []byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.values {
		if m.values[key] = f(key, value); m.values[key] == nil {
			delete(m.values, key)
		}
	}
}

func (m *sharedMemory) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.values))
}

func (m *sharedMemory) lifetime(t *testing.T) time.Duration {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.times) != 1 {
		t.Fatalf("%d values", len(m.times))
	}
	for _, ttl := range m.times {
		return ttl
	}
	return 0
}

// clusterConfig shares items between nodes.
func clusterConfig(items ...any) map[string]any {
	return map[string]any{
		"auth_methods": []any{"introspection", "password", "client_credentials", "refresh_token"}, "refresh_token_param_name": "rt",
		"cluster_cache_strategy": "redis", "cluster_cache_items": items, "cache_tokens_salt": "one", "scopes": []any{"openid"},
	}
}

// nodes are two gateways that share a cache and an IdP, whose introspection and
// token endpoints are tapped.
type nodes struct {
	one, other           *rig
	introspection, token *tap
	cluster              *sharedMemory
}

// newNodes starts them; more is laid over the configuration of both, apart over
// that of the second.
func newNodes(t *testing.T, config, apart map[string]any) *nodes {
	t.Helper()
	n := &nodes{cluster: &sharedMemory{}}
	n.one = newRig(t, rigOptions{cluster: n.cluster, config: config})
	n.introspection, n.token = n.one.tapped("introspection"), n.one.tapped("token")
	n.other = newRig(t, rigOptions{cluster: n.cluster, config: with(config, map[string]any{
		"issuer": n.one.idp.Issuer(), "introspection_endpoint": n.introspection.url(), "token_endpoint": n.token.url(),
	}, apart)})
	return n
}

func (n *nodes) calls() int { return n.introspection.calls() + n.token.calls() }

// credentials are requests of which nodes share what the IdP said.
func (n *nodes) credentials(t *testing.T) map[string]struct {
	item    string
	headers []string
} {
	t.Helper()
	access, _, refresh := n.one.tokens()
	return map[string]struct {
		item    string
		headers []string
	}{
		"introspection":      {"introspection", []string{"Authorization", "Bearer " + access}},
		"password":           {"tokens", []string{"Authorization", basicAuth(userName, "lovelace")}},
		"client_credentials": {"tokens", []string{"Authorization", basicAuth(clientID, clientSecret)}},
		"refresh_token":      {"tokens", []string{"Rt", refresh}},
	}
}

func TestNodesShareWhatTheIdPSaid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"introspection", "password", "client_credentials", "refresh_token"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := clusterConfig("introspection", "tokens")
			if name == "client_credentials" {
				config["auth_methods"] = []any{"client_credentials"}
			}
			n := newNodes(t, config, nil)
			c := n.credentials(t)[name]
			first := n.one.admitted(n.one.call(http.MethodGet, "/", "", c.headers...))
			if n.calls() != 1 || len(n.cluster.keys()) != 1 {
				t.Fatalf("%d calls, keys %q", n.calls(), n.cluster.keys())
			}
			second := n.other.admitted(n.other.call(http.MethodGet, "/", "", c.headers...))
			if n.calls() != 1 {
				t.Errorf("%d calls to the IdP for two nodes", n.calls())
			}
			if a, b := first.header("Authorization"), second.header("Authorization"); a != b || a == "" {
				t.Errorf("the nodes tell the upstream %q and %q", a, b)
			}
			n.one.meter.expect(t, "first node", withoutLoads(n.one.meter, map[string]int{"cluster cache get miss": 1, "cluster cache put stored": 1}))
			n.other.meter.expect(t, "second node", withoutLoads(n.other.meter, map[string]int{"cluster cache get hit": 1}))
			// What is local comes first.
			asked := n.cluster.asked
			n.other.admitted(n.other.call(http.MethodGet, "/", "", c.headers...))
			if n.cluster.asked != asked {
				t.Error("the shared cache is asked for what is there already")
			}
		})
	}
}

// withoutLoads adds to want what was counted of other things than the cache.
func withoutLoads(m *meter, want map[string]int) map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for what, n := range m.counts {
		if !strings.HasPrefix(what, "cluster cache") {
			want[what] = n
		}
	}
	return want
}

func TestOnlyListedItemsAreShared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config map[string]any
		shared map[string]bool
	}{
		"introspection":            {clusterConfig("introspection"), map[string]bool{"introspection": true}},
		"tokens":                   {clusterConfig("tokens"), map[string]bool{"password": true}},
		"nothing":                  {clusterConfig(), nil},
		"off":                      {with(clusterConfig("introspection", "tokens"), one("cluster_cache_strategy", "off")), nil},
		"cache_introspection: off": {with(clusterConfig("introspection", "tokens"), one("cache_introspection", false)), map[string]bool{"password": true}},
		"cache_tokens: off":        {with(clusterConfig("introspection", "tokens"), one("cache_tokens", false)), map[string]bool{"introspection": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: c.config})
			n := &nodes{one: r}
			for method, credential := range n.credentials(t) {
				if method != "introspection" && method != "password" {
					continue
				}
				before := len(r.cluster.keys())
				r.admitted(r.call(http.MethodGet, "/", "", credential.headers...))
				if got := len(r.cluster.keys()) > before; got != c.shared[method] {
					t.Errorf("%s shared: %t", method, got)
				}
			}
		})
	}
}

func TestSharedAnswersAreNotReadable(t *testing.T) {
	t.Parallel()
	n := newNodes(t, clusterConfig("introspection", "tokens"), nil)
	all := n.credentials(t)
	secrets := []string{"lovelace", clientSecret, userName, clientID}
	for _, c := range all {
		secrets = append(secrets, strings.TrimPrefix(c.headers[1], "Bearer "))
		n.one.call(http.MethodGet, "/", "", c.headers...)
	}
	if len(n.cluster.keys()) < 3 {
		t.Fatalf("keys %q", n.cluster.keys())
	}
	n.cluster.change(func(key string, value []byte) []byte {
		for _, s := range secrets {
			if strings.Contains(key+string(value), s) {
				t.Errorf("the shared cache shows %.20q", s)
			}
		}
		for _, word := range []string{"active", "access_token", "until"} {
			if bytes.Contains(value, []byte(word)) {
				t.Errorf("the shared cache shows %q", word)
			}
		}
		return value
	})
}

func TestSharedValuesThatDoNotOpenAreMisses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		apart  map[string]any
		tamper func(n *nodes)
	}{
		"a changed byte": {nil, func(n *nodes) {
			n.cluster.change(func(_ string, v []byte) []byte { v[len(v)-1] ^= 1; return v })
		}},
		"cut":   {nil, func(n *nodes) { n.cluster.change(func(_ string, v []byte) []byte { return v[:10] }) }},
		"empty": {nil, func(n *nodes) { n.cluster.change(func(string, []byte) []byte { return []byte{} }) }},
		"one that was put under another name": {nil, func(n *nodes) {
			other := n.one.accessToken()
			n.one.admitted(n.one.bearer(other))
			keys := n.cluster.keys()
			values := map[string][]byte{}
			n.cluster.change(func(k string, v []byte) []byte { values[k] = v; return v })
			n.cluster.change(func(k string, _ []byte) []byte {
				if k == keys[0] {
					return values[keys[1]]
				}
				return values[keys[0]]
			})
		}},
		"another secret":   {one("session_secret", "another-session-secret"), nil},
		"another setting":  {one("leeway", 1), nil},
		"flushed meantime": {nil, func(n *nodes) { n.cluster.change(func(string, []byte) []byte { return nil }) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNodes(t, clusterConfig("introspection"), c.apart)
			access := n.one.accessToken()
			n.one.admitted(n.one.bearer(access))
			if c.tamper != nil {
				c.tamper(n)
			}
			before := n.calls()
			n.other.admitted(n.other.bearer(access))
			if n.calls() != before+1 {
				t.Errorf("%d calls to the IdP by the other node", n.calls()-before)
			}
		})
	}
}

// Redis that puts an old value back, or does not remove it in time, brings
// nobody in.
func TestSharedAnswersEndByThemselves(t *testing.T) {
	t.Parallel()
	n := newNodes(t, with(clusterConfig("introspection"), one("cache_ttl_max", 60)), nil)
	access := n.one.accessToken()
	n.one.admitted(n.one.bearer(access))
	if ttl := n.cluster.lifetime(t); ttl > time.Minute || ttl < 50*time.Second {
		t.Errorf("it lives for %v in Redis", ttl)
	}
	n.other.clock.advance(40 * time.Second)
	n.other.admitted(n.other.bearer(access))
	if n.calls() != 1 {
		t.Fatalf("%d calls", n.calls())
	}
	n.other.clock.advance(25 * time.Second) // it would count for a minute more, were it the node's own
	n.other.admitted(n.other.bearer(access))
	if n.calls() != 2 {
		t.Errorf("an answer counts beyond its time at another node: %d calls", n.calls())
	}
}

func TestSharedTokensKeepTheirEnd(t *testing.T) {
	t.Parallel()
	config := with(clusterConfig("tokens"), map[string]any{"auth_methods": []any{"password", "session"}, "cache_ttl_max": nil})
	n := newNodes(t, config, nil)
	n.token.respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"opaque","token_type":"Bearer","expires_in":100}`)
	})
	basic := []string{"Authorization", basicAuth(userName, "lovelace")}
	n.one.admitted(n.one.call(http.MethodGet, "/", "", basic...))
	n.other.clock.advance(90 * time.Second)
	n.other.admitted(n.other.call(http.MethodGet, "/", "", basic...))
	if n.token.calls() != 1 {
		t.Fatalf("%d calls", n.token.calls())
	}
	n.other.clock.advance(11 * time.Second) // expires_in would begin anew
	n.other.admitted(n.other.call(http.MethodGet, "/", "", basic...))
	if n.token.calls() != 2 {
		t.Errorf("tokens count beyond their end at another node: %d calls", n.token.calls())
	}
}

func TestRefusalsAreNotShared(t *testing.T) {
	t.Parallel()
	n := newNodes(t, clusterConfig("introspection", "tokens"), nil)
	if a := n.one.bearer("nobody-issued-this"); a.status != http.StatusUnauthorized {
		t.Fatalf("got %d", a.status)
	}
	if a := n.one.call(http.MethodGet, "/", "", "Rt", "nobody-issued-this"); a.status != http.StatusUnauthorized {
		t.Fatalf("got %d", a.status)
	}
	if keys := n.cluster.keys(); len(keys) != 0 {
		t.Errorf("shared: %q", keys)
	}
	n.one.admitted(n.one.bearer(n.one.accessToken()))
	if len(n.cluster.keys()) != 1 {
		t.Error("a good answer is not shared")
	}
}

// What a node shares is held to the other node's view once more.
func TestSharedTokensThatDoNotVerifyAnyMoreAreAskedForAnew(t *testing.T) {
	t.Parallel()
	n := newNodes(t, clusterConfig("tokens"), nil)
	basic := []string{"Authorization", basicAuth(userName, "lovelace")}
	n.one.admitted(n.one.call(http.MethodGet, "/", "", basic...))
	if err := n.one.idp.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	n.other.admitted(n.other.call(http.MethodGet, "/", "", basic...))
	if n.token.calls() != 2 {
		t.Errorf("%d calls: the tokens were signed by keys that are gone", n.token.calls())
	}
}

func TestSharedCacheThatFailsIsPassedBy(t *testing.T) {
	t.Parallel()
	n := newNodes(t, clusterConfig("introspection"), nil)
	access := n.one.accessToken()
	n.cluster.fail(fmt.Errorf("%w: planted", cache.ErrUnavailable))
	for i, r := range []*rig{n.one, n.other} {
		r.admitted(r.bearer(access))
		if n.calls() != i+1 {
			t.Errorf("%d calls to the IdP", n.calls())
		}
	}
	n.one.meter.expect(t, "failing", withoutLoads(n.one.meter, map[string]int{"cluster cache get failed": 1, "cluster cache put failed": 1}))
	if got := strings.Count(n.one.log.String(), "cluster cache cannot be used"); got != 1 {
		t.Errorf("%d log lines about two failures at once", got)
	}
	n.cluster.fail(cache.ErrPaused)
	n.one.admitted(n.one.bearer(n.one.accessToken()))
	n.one.meter.expect(t, "pause", withoutLoads(n.one.meter, map[string]int{"cluster cache get skipped": 1, "cluster cache put skipped": 1}))
}

// Lesson 45 of the plugin's own history.
func TestSwitchingTheClusterCacheOnStartsFillingIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(clusterConfig("introspection"), one("cluster_cache_strategy", "off"))})
	access := r.accessToken()
	r.admitted(r.bearer(access))
	if keys := r.cluster.keys(); len(keys) != 0 {
		t.Fatalf("off, and it holds %q", keys)
	}
	r.change(one("cluster_cache_strategy", "redis"))
	r.admitted(r.bearer(access))
	if keys := r.cluster.keys(); len(keys) != 1 {
		t.Errorf("on, and it holds %q", keys)
	}
}

// What a request adds to a call shapes the answer, so it is part of the name.
func TestSharedAnswersAreApartByWhatShapedThem(t *testing.T) {
	t.Parallel()
	n := newNodes(t, with(clusterConfig("introspection", "tokens"), map[string]any{
		"introspection_post_args_client_headers": []any{"x-tenant"}, "token_post_args_client": []any{"resource"},
	}), nil)
	access := n.one.accessToken()
	for _, tenant := range []string{"a", "b"} {
		n.one.admitted(n.one.bearer(access, "X-Tenant", tenant))
		n.one.admitted(n.one.call(http.MethodGet, "/?resource="+url.QueryEscape(tenant), "", "Authorization", basicAuth(userName, "lovelace")))
	}
	keys := n.cluster.keys()
	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 4 || strings.Count(string(text), "introspection:") != 2 || strings.Count(string(text), "password:") != 2 {
		t.Errorf("keys %s", text)
	}
}
