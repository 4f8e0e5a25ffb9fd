package config

import (
	"time"

	"sallyport/internal/schema"
)

// CacheConfig bounds how long something from the provider is kept.
type CacheConfig struct {
	// TTL is the lifetime of what does not say its own, already between Min
	// and Max.
	TTL time.Duration
	// Min and Max bound every lifetime; nil means no bound. Nothing is kept
	// longer than it is valid.
	Min, Max *time.Duration
	// Negative is for how long it counts that a credential was refused.
	Negative time.Duration
	// Resurrect is for how long a value that is not fresh any more stands in
	// for one that cannot be had.
	Resurrect time.Duration
	// Tokens, Introspection and UserInfo switch the caches of these answers on.
	Tokens, Introspection, UserInfo bool
	// Exchange keeps the tokens of token_exchange_endpoint.
	Exchange bool
	// Salt is part of the key of Tokens.
	Salt string

	negative, resurrect *time.Duration
}

// defaultNegative is Negative unless set: long enough to spare the provider a
// flood of one bad credential, short enough that nobody waits for it.
const defaultNegative = 5 * time.Second

// Bound puts d between Min and Max; Max wins.
func (g *CacheConfig) Bound(d time.Duration) time.Duration {
	if g.Min != nil {
		d = max(d, *g.Min)
	}
	if g.Max != nil {
		d = min(d, *g.Max)
	}
	return d
}

func (g *CacheConfig) compile() {
	g.TTL = g.Bound(g.TTL)
	g.Negative = defaultNegative
	if g.negative != nil {
		g.Negative = *g.negative
	}
	if g.resurrect != nil {
		g.Resurrect = *g.resurrect
	}
}

func (g *CacheConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Seconds("cache_ttl", &g.TTL, time.Hour).
			Doc("Seconds to cache an item whose own expiry is unknown; also the discovery cache lifetime."),
		schema.OptSeconds("cache_ttl_min", &g.Min).
			Doc("Hard lower bound in seconds on any cached item's lifetime."),
		schema.OptSeconds("cache_ttl_max", &g.Max).
			Doc("Hard upper bound in seconds on any cached item's lifetime."),
		schema.OptSeconds("cache_ttl_neg", &g.negative).
			Doc("Seconds for which a credential that was refused is refused again unasked; unset means 5."),
		schema.OptSeconds("cache_ttl_resurrect", &g.resurrect).
			Doc("Seconds for which a cached answer still counts when the provider cannot be reached, never beyond the expiry of its token; unset means none."),
		schema.Bool("cache_tokens", &g.Tokens, true).
			Doc("Caches token endpoint results, so repeated password, client-credentials or refresh credentials skip the provider."),
		schema.String("cache_tokens_salt", &g.Salt).Auto().
			Doc("Salt in token cache keys; auto-generated per plugin instance, equal values let instances share entries."),
		schema.Bool("token_cache_key_include_scope", nil, false).
			Inert("the scopes are always part of the key").
			Doc("Adds requested scopes, including those from the scopes setting, to token cache keys."),
		schema.Bool("cache_introspection", &g.Introspection, true).
			Doc("Caches introspection responses; disable for immediate revocation awareness."),
		schema.Bool("cache_token_exchange", &g.Exchange, true).Deprecated("token_exchange.cache").
			Doc("Keeps the tokens that token_exchange_endpoint gives; those of token_exchange have their own setting."),
		schema.Bool("cache_user_info", &g.UserInfo, true).
			Doc("Caches user info responses; a login fetches user info once in any case."),
		schema.String("cluster_cache_strategy", nil, "off").OneOf("off", "redis").
			Unsupported(noClusterCache).
			Doc("Backend sharing cached items between nodes; off keeps caching node-local."),
		schema.Strings("cluster_cache_items", nil, "introspection").OneOf("introspection", "tokens").
			Unsupported(noClusterCache).
			Doc("Item kinds written to the cluster cache; tokens are AES-encrypted first; empty disables sharing."),
		schema.RecordOf("cluster_cache_redis", clusterCacheFields()...).
			Doc("Connection settings of the cluster-cache Redis; used only when cluster_cache_strategy is redis."),
	}
}

func clusterCacheFields() []*schema.Field {
	return append([]*schema.Field{
		schema.String("host", nil, "127.0.0.1").Referenceable().
			Unsupported(noClusterCache).
			Doc("Host name of a single-node cluster-cache Redis."),
		schema.Int("port", nil, 6379).Referenceable().Between(0, 65535).
			Unsupported(noClusterCache).
			Doc("TCP port of a single-node cluster-cache Redis."),
		schema.String("username", nil).Referenceable().
			Unsupported(noClusterCache).
			Doc("ACL user for the cluster-cache Redis; unset skips ACL authentication."),
		schema.String("password", nil).Referenceable().Encrypted().
			Unsupported(noClusterCache).
			Doc("Password for the cluster-cache Redis; unset sends no AUTH."),
		schema.Int("database", nil, 0).
			Unsupported(noClusterCache).
			Doc("Database number selected on the cluster-cache Redis."),
		schema.Bool("ssl", nil, false).
			Unsupported(noClusterCache).
			Doc("Connects to the cluster-cache Redis with TLS."),
		schema.Bool("ssl_verify", nil, true).
			Unsupported(noClusterCache).
			Doc("Verifies the server certificate of the cluster-cache Redis."),
		schema.String("server_name", nil).Referenceable().
			Unsupported(noClusterCache).
			Doc("TLS SNI name for the cluster-cache Redis."),
		schema.Int("connect_timeout", nil, 2000).Between(0, 2147483646).
			Unsupported(noClusterCache).
			Doc("Connect timeout in milliseconds for the cluster-cache Redis."),
		schema.Int("send_timeout", nil, 2000).Between(0, 2147483646).
			Unsupported(noClusterCache).
			Doc("Send timeout in milliseconds for the cluster-cache Redis."),
		schema.Int("read_timeout", nil, 2000).Between(0, 2147483646).
			Unsupported(noClusterCache).
			Doc("Read timeout in milliseconds for the cluster-cache Redis."),
		schema.Int("keepalive_pool_size", nil, 256).Between(1, 2147483646).
			Unsupported(noClusterCache).
			Doc("Idle connection pool size per worker and server for the cluster-cache Redis."),
		schema.OptInt("keepalive_backlog", nil).Between(0, 2147483646).
			Unsupported(noClusterCache).
			Doc("Queue length for waiting connections once the cluster-cache Redis connection pool is full."),
		schema.Bool("connection_is_proxied", nil, false).
			Unsupported(noClusterCache).
			Doc("Declares that host and port point at a proxy (for example Envoy) in front of the cluster-cache Redis."),
	}, redisTopologyFields("cluster-cache")...)
}
