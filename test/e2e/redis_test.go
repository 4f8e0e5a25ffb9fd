//go:build integration

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"sallyport/test/process"
)

// redisServer is a Redis with a password, empty at first, for one test.
type redisServer struct {
	*process.Process
	port, password string
	client         rueidis.Client
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	r := &redisServer{port: mustFreePort(t), password: plant("the Redis password")}
	var err error
	r.Process, err = process.Start(process.Program{Path: "redis-server", Args: []string{
		"--bind", "127.0.0.1", "--port", r.port,
		"--requirepass", r.password, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	err = r.WaitFor(10*time.Second, func() bool {
		r.client, err = rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{"127.0.0.1:" + r.port}, Password: r.password, DisableCache: true,
		})
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	return r
}

// contents is everything that Redis holds: key → its value as text, and fails
// the test for a key that never expires.
func (r *redisServer) contents(t *testing.T) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	do := func(words ...string) rueidis.RedisResult {
		return r.client.Do(ctx, r.client.B().Arbitrary(words...).Build())
	}
	keys, err := do("KEYS", "*").AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, key := range keys {
		if ttl, err := do("PTTL", key).AsInt64(); err != nil || ttl == -1 {
			t.Errorf("Redis key %q never expires (%v)", key, err)
		}
		kind, err := do("TYPE", key).ToString()
		if err != nil {
			t.Fatal(err)
		}
		read := map[string][]string{
			"string": {"GET", key}, "hash": {"HGETALL", key}, "set": {"SMEMBERS", key},
			"zset": {"ZRANGE", key, "0", "-1"}, "list": {"LRANGE", key, "0", "-1"}, "stream": {"XRANGE", key, "-", "+"},
		}[kind]
		if read == nil {
			continue // expired in the meantime
		}
		value, err := do(read...).ToAny()
		if err != nil && !rueidis.IsRedisNil(err) {
			t.Fatal(err)
		}
		all[key] = fmt.Sprint(value)
	}
	return all
}

// holds lists the keys under which a text stands, in key or value.
func holds(contents map[string]string, text string) []string {
	var keys []string
	for key, value := range contents {
		if text != "" && (strings.Contains(key, text) || strings.Contains(value, text)) {
			keys = append(keys, key)
		}
	}
	return keys
}
