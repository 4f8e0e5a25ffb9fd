//go:build integration

package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// metric is the value of a series of the gateway, "0" where there is none.
func (g *gateway) metric(t *testing.T, series string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(send(t, &http.Client{Timeout: patience}, r).text) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return "0"
}

// asked is how often a node called an endpoint of Keycloak with success.
func (a *api) asked(t *testing.T, endpoint string) string {
	t.Helper()
	return a.metric(t, `sallyport_idp_calls_total{endpoint="`+endpoint+`",result="answered"}`)
}

func (a *api) cluster(t *testing.T, operation, result string) string {
	t.Helper()
	return a.metric(t, `sallyport_cluster_cache_calls_total{operation="`+operation+`",result="`+result+`"}`)
}

func TestClusterCacheExample(t *testing.T) {
	t.Parallel()
	r, redis := newAPIRealm(t), startRedis(t)
	env := append(r.env(), "SESSION_SECRET="+plant("the session secret of the cluster"), "REDIS_PASSWORD="+redis.password)
	one, other := startAPI(t, "cluster-cache", env), startAPI(t, "cluster-cache", env)
	for _, node := range []*api{one, other} {
		node.change(t, map[string]any{"cluster_cache_redis": map[string]any{"port": json.Number(redis.port)}})
	}
	token := r.accessToken(t)

	// One node asks Keycloak, and the other knows what it said.
	for _, node := range []*api{one, other} {
		node.admits(t, bearer(token))
		node.admits(t, basic(r.user, r.password))
	}
	if a, b := one.asked(t, "introspection")+one.asked(t, "token"), other.asked(t, "introspection")+other.asked(t, "token"); a != "11" || b != "00" {
		t.Errorf("introspections and grants of the first node %s, of the other %s", a, b)
	}
	if hits := other.cluster(t, "get", "hit"); hits != "2" {
		t.Errorf("%s hits", hits)
	}
	one.refuses(t, 401, bearer("garbage"))
	contents := redis.contents(t) // fails where a key has no end
	if len(contents) != 2 {
		t.Errorf("Redis holds %d values", len(contents))
	}
	for _, text := range []string{token, strings.Split(token, ".")[1], r.user, r.password, "active", "access_token"} {
		if keys := holds(contents, text); len(keys) > 0 {
			t.Errorf("Redis holds %.20q in the clear under %q", text, keys)
		}
	}

	// A value that was tampered with is none.
	second := r.accessToken(t)
	one.admits(t, bearer(second))
	ctx := t.Context()
	for key := range redis.contents(t) {
		if err := redis.client.Do(ctx, redis.client.B().Setrange().Key(key).Offset(20).Value("tampered").Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	other.admits(t, bearer(second))
	if n, unopened := other.asked(t, "introspection"), other.cluster(t, "get", "unopened"); n != "1" || unopened != "1" {
		t.Errorf("after tampering: %s introspections, %s values that do not open", n, unopened)
	}

	// After a flush it is filled again.
	if err := redis.client.Do(ctx, redis.client.B().Flushall().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	third := r.accessToken(t)
	one.admits(t, bearer(third))
	other.admits(t, bearer(third))
	if n := other.asked(t, "introspection"); n != "1" || len(redis.contents(t)) != 1 {
		t.Errorf("after a flush: %s introspections", n)
	}

	// A Redis that hangs or is gone costs no request.
	if err := redis.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	fourth := r.accessToken(t)
	one.admits(t, bearer(fourth))
	one.admits(t, bearer(r.accessToken(t)))
	if failed := one.cluster(t, "get", "failed"); failed != "1" {
		t.Errorf("%s failures: after one Redis is left alone", failed)
	}
	if err := redis.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	redis.Stop()
	other.admits(t, bearer(fourth))
	other.admits(t, bearer(r.accessToken(t)))
	other.refuses(t, 401, bearer(tampered(t, fourth)))
	if !strings.Contains(one.Output.String(), "cluster cache cannot be used") {
		t.Error("nothing is logged of a Redis that hangs")
	}
}

// Lesson 45 of the plugin's own history: a cluster cache that is switched on
// while the program runs starts being filled.
func TestClusterCacheThatIsSwitchedOnIsFilled(t *testing.T) {
	t.Parallel()
	r, redis := newAPIRealm(t), startRedis(t)
	a := startAPI(t, "introspection", r.env())
	token := r.accessToken(t)
	a.admits(t, bearer(token))
	a.change(t, map[string]any{
		"cluster_cache_strategy": "redis", "session_secret": plant("another session secret"),
		"cluster_cache_redis": map[string]any{"host": "127.0.0.1", "port": json.Number(redis.port), "password": redis.password},
	})
	a.admits(t, bearer(token))
	if n := len(redis.contents(t)); n != 1 {
		t.Errorf("Redis holds %d values", n)
	}
}
