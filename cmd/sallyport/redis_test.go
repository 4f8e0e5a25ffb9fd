package main

import (
	"testing"
	"time"

	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session/redisstore"
)

// TestEveryRedisSettingReachesTheStore has a row for each field below redis
// that does something: what the store is opened with, by default and with it.
func TestEveryRedisSettingReachesTheStore(t *testing.T) {
	t.Parallel()
	opened := func(t *testing.T, redis map[string]any) redisstore.Options {
		t.Helper()
		values, errs := config.Record().Normalize(map[string]any{"issuer": "https://idp.test", "session_storage": "redis", "redis": redis})
		if errs != nil {
			t.Fatal(errs)
		}
		c, err := config.New(values, nil)
		if err != nil {
			t.Fatal(err)
		}
		return redisOptions(c.Store.Redis)
	}
	tls := func(more map[string]any) map[string]any {
		more["ssl"] = true
		return more
	}
	for name, c := range map[string]struct {
		without, with map[string]any
		get           func(o redisstore.Options) any
		want          [2]any
	}{
		"host":            {nil, map[string]any{"host": "r.test"}, func(o redisstore.Options) any { return o.Host }, [2]any{"127.0.0.1", "r.test"}},
		"port":            {nil, map[string]any{"port": 7}, func(o redisstore.Options) any { return o.Port }, [2]any{6379, 7}},
		"socket":          {nil, map[string]any{"socket": "/run/r"}, func(o redisstore.Options) any { return o.Socket }, [2]any{"", "/run/r"}},
		"username":        {nil, map[string]any{"username": "u"}, func(o redisstore.Options) any { return o.Username }, [2]any{"", "u"}},
		"password":        {nil, map[string]any{"password": "p"}, func(o redisstore.Options) any { return o.Password.Reveal() }, [2]any{"", "p"}},
		"database":        {nil, map[string]any{"database": 3}, func(o redisstore.Options) any { return o.Database }, [2]any{0, 3}},
		"prefix":          {nil, map[string]any{"prefix": "a"}, func(o redisstore.Options) any { return o.Prefix }, [2]any{"", "a"}},
		"connect_timeout": {nil, map[string]any{"connect_timeout": 100}, func(o redisstore.Options) any { return o.ConnectTimeout }, [2]any{2 * time.Second, 100 * time.Millisecond}},
		"send_timeout":    {nil, map[string]any{"send_timeout": 5000}, func(o redisstore.Options) any { return o.Timeout }, [2]any{2 * time.Second, 5 * time.Second}},
		"read_timeout":    {nil, map[string]any{"read_timeout": 5000}, func(o redisstore.Options) any { return o.Timeout }, [2]any{2 * time.Second, 5 * time.Second}},
		"ssl":             {nil, tls(map[string]any{}), func(o redisstore.Options) any { return o.TLS != nil }, [2]any{false, true}},
		"ssl_verify":      {tls(map[string]any{}), tls(map[string]any{"ssl_verify": false}), func(o redisstore.Options) any { return o.TLS.InsecureSkipVerify }, [2]any{false, true}},
		"server_name":     {tls(map[string]any{}), tls(map[string]any{"server_name": "n.test"}), func(o redisstore.Options) any { return o.TLS.ServerName }, [2]any{"", "n.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := [2]any{c.get(opened(t, c.without)), c.get(opened(t, c.with))}; got != c.want {
				t.Errorf("opened with %v, want %v", got, c.want)
			}
		})
	}
}
