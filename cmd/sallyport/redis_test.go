package main

import (
	"testing"
	"time"

	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/redis"
	"sallyport/internal/session/redisstore"
)

// redisSetting is a row: what a connection is opened with, by default and with a
// setting.
type redisSetting struct {
	without, with map[string]any
	get           func(o redis.Options) any
	want          [2]any
}

// redisSettings has a row for each field that both Redis records have and that
// does something.
func redisSettings() map[string]redisSetting {
	tls := func(more map[string]any) map[string]any {
		more["ssl"] = true
		return more
	}
	return map[string]redisSetting{
		"host":            {nil, map[string]any{"host": "r.test"}, func(o redis.Options) any { return o.Host }, [2]any{"127.0.0.1", "r.test"}},
		"port":            {nil, map[string]any{"port": 7}, func(o redis.Options) any { return o.Port }, [2]any{6379, 7}},
		"username":        {nil, map[string]any{"username": "u"}, func(o redis.Options) any { return o.Username }, [2]any{"", "u"}},
		"password":        {nil, map[string]any{"password": "p"}, func(o redis.Options) any { return o.Password.Reveal() }, [2]any{"", "p"}},
		"database":        {nil, map[string]any{"database": 3}, func(o redis.Options) any { return o.Database }, [2]any{0, 3}},
		"connect_timeout": {nil, map[string]any{"connect_timeout": 100}, func(o redis.Options) any { return o.ConnectTimeout }, [2]any{2 * time.Second, 100 * time.Millisecond}},
		"send_timeout":    {nil, map[string]any{"send_timeout": 5000}, func(o redis.Options) any { return o.Timeout }, [2]any{2 * time.Second, 5 * time.Second}},
		"read_timeout":    {nil, map[string]any{"read_timeout": 5000}, func(o redis.Options) any { return o.Timeout }, [2]any{2 * time.Second, 5 * time.Second}},
		"ssl":             {nil, tls(map[string]any{}), func(o redis.Options) any { return o.TLS != nil }, [2]any{false, true}},
		"ssl_verify":      {tls(map[string]any{}), tls(map[string]any{"ssl_verify": false}), func(o redis.Options) any { return o.TLS.InsecureSkipVerify }, [2]any{false, true}},
		"server_name":     {tls(map[string]any{}), tls(map[string]any{"server_name": "n.test"}), func(o redis.Options) any { return o.TLS.ServerName }, [2]any{"", "n.test"}},
	}
}

func compiledConfig(t *testing.T, values map[string]any) *config.Config {
	t.Helper()
	values["issuer"] = "https://idp.test"
	normalized, errs := config.Record().Normalize(values)
	if errs != nil {
		t.Fatal(errs)
	}
	c, err := config.New(normalized, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryRedisSettingReachesTheStore(t *testing.T) {
	t.Parallel()
	opened := func(t *testing.T, record map[string]any) redisstore.Options {
		t.Helper()
		return storeOptions(compiledConfig(t, map[string]any{"session_storage": "redis", "redis": record}).Store.Redis)
	}
	for name, c := range redisSettings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := [2]any{c.get(opened(t, c.without).Redis), c.get(opened(t, c.with).Redis)}; got != c.want {
				t.Errorf("opened with %v, want %v", got, c.want)
			}
		})
	}
	for name, get := range map[string]func(o redisstore.Options) string{
		"socket": func(o redisstore.Options) string { return o.Redis.Socket },
		"prefix": func(o redisstore.Options) string { return o.Prefix },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := get(opened(t, nil)) + "," + get(opened(t, map[string]any{name: "/x"})); got != ",/x" {
				t.Errorf("opened with %q", got)
			}
		})
	}
}

func TestEveryRedisSettingReachesTheClusterCache(t *testing.T) {
	t.Parallel()
	for name, c := range redisSettings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened := func(record map[string]any) redis.Options {
				values := map[string]any{"cluster_cache_strategy": "redis", "cluster_cache_redis": record}
				return redisOptions(compiledConfig(t, values).Cache.Cluster.Redis)
			}
			if got := [2]any{c.get(opened(c.without)), c.get(opened(c.with))}; got != c.want {
				t.Errorf("opened with %v, want %v", got, c.want)
			}
		})
	}
}
