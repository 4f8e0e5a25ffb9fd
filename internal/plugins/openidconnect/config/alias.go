package config

import (
	"fmt"

	"sallyport/internal/schema"
)

// aliases are former names of fields. They are accepted, stored under the new
// name, and never returned.
func aliases() []schema.Shorthand {
	out := []schema.Shorthand{{
		Name: "consumer_claim", Type: schema.TypeArray, ReplacedWith: []string{"consumer_claims"},
		Expand: func(v any) (map[string]any, error) {
			if v == nil {
				return map[string]any{"consumer_claims": nil}, nil
			}
			return map[string]any{"consumer_claims": []any{v}}, nil
		},
	}}
	for _, a := range redisAliases() {
		out = append(out, alias(a.name, a.kind, "redis", a.field))
	}
	for _, a := range topAliases() {
		out = append(out, alias(a.name, a.kind, a.field))
	}
	return out
}

type former struct {
	name  string
	kind  schema.Type
	field string
}

func topAliases() []former {
	return []former{
		{"authorization_cookie_lifetime", schema.TypeNumber, "authorization_rolling_timeout"},
		{"authorization_cookie_samesite", schema.TypeString, "authorization_cookie_same_site"},
		{"authorization_cookie_httponly", schema.TypeBoolean, "authorization_cookie_http_only"},
		{"session_cookie_lifetime", schema.TypeNumber, "session_rolling_timeout"},
		{"session_cookie_idletime", schema.TypeNumber, "session_idling_timeout"},
		{"session_cookie_samesite", schema.TypeString, "session_cookie_same_site"},
		{"session_cookie_httponly", schema.TypeBoolean, "session_cookie_http_only"},
		{"session_memcache_host", schema.TypeString, "session_memcached_host"},
		{"session_memcache_port", schema.TypeInteger, "session_memcached_port"},
		{"session_memcache_prefix", schema.TypeString, "session_memcached_prefix"},
		{"session_memcache_socket", schema.TypeString, "session_memcached_socket"},
	}
}

func redisAliases() []former {
	return []former{
		{"session_redis_host", schema.TypeString, "host"},
		{"session_redis_port", schema.TypeInteger, "port"},
		{"session_redis_socket", schema.TypeString, "socket"},
		{"session_redis_username", schema.TypeString, "username"},
		{"session_redis_password", schema.TypeString, "password"},
		{"session_redis_auth", schema.TypeString, "password"},
		{"session_redis_prefix", schema.TypeString, "prefix"},
		{"session_redis_ssl", schema.TypeBoolean, "ssl"},
		{"session_redis_ssl_verify", schema.TypeBoolean, "ssl_verify"},
		{"session_redis_server_name", schema.TypeString, "server_name"},
		{"session_redis_connect_timeout", schema.TypeInteger, "connect_timeout"},
		{"session_redis_send_timeout", schema.TypeInteger, "send_timeout"},
		{"session_redis_read_timeout", schema.TypeInteger, "read_timeout"},
		{"session_redis_cluster_nodes", schema.TypeArray, "cluster_nodes"},
		{"session_redis_cluster_max_redirections", schema.TypeInteger, "cluster_max_redirections"},
		{"session_redis_cluster_maxredirections", schema.TypeInteger, "cluster_max_redirections"},
	}
}

// alias stores a value under path.
func alias(name string, kind schema.Type, path ...string) schema.Shorthand {
	return schema.Shorthand{Name: name, Type: kind, ReplacedWith: path, Expand: func(v any) (map[string]any, error) {
		switch len(path) {
		case 1:
			return map[string]any{path[0]: v}, nil
		case 2:
			return map[string]any{path[0]: map[string]any{path[1]: v}}, nil
		}
		return nil, fmt.Errorf("%s has no place", name)
	}}
}
