package config

import (
	"slices"
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
	// Cluster is what nodes share of it.
	Cluster ClusterConfig

	negative, resurrect *time.Duration
}

// ClusterStrategy is how nodes share a cache.
type ClusterStrategy string

// The strategies by Kong's names.
const (
	ClusterOff   ClusterStrategy = "off"
	ClusterRedis ClusterStrategy = "redis"
)

// ClusterItem is a kind of answers that nodes may share.
type ClusterItem string

// The items by Kong's names: answers of the introspection endpoint, and of the
// token endpoint.
const (
	ClusterIntrospection ClusterItem = "introspection"
	ClusterTokens        ClusterItem = "tokens"
)

// ClusterConfig says what nodes share, and through which Redis.
type ClusterConfig struct {
	Strategy ClusterStrategy
	Items    []ClusterItem
	Redis    RedisConfig
}

// Shares tells whether nodes share items of a kind.
func (g *ClusterConfig) Shares(item ClusterItem) bool {
	return g.Strategy == ClusterRedis && slices.Contains(g.Items, item)
}

// On tells whether nodes share anything.
func (g *ClusterConfig) On() bool { return g.Strategy == ClusterRedis && len(g.Items) > 0 }

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
		schema.Enum("cluster_cache_strategy", &g.Cluster.Strategy, ClusterOff, ClusterOff, ClusterRedis).
			Doc("Whether nodes share what they keep of the provider's answers, through a Redis; off keeps caching node-local."),
		schema.Enums("cluster_cache_items", &g.Cluster.Items, []ClusterItem{ClusterIntrospection, ClusterTokens}, ClusterIntrospection).
			Doc("What nodes share: introspection answers, token endpoint results, or nothing when empty. It is sealed under session_secret, which the nodes must have in common."),
		schema.RecordOf("cluster_cache_redis", g.Cluster.Redis.nodeFields("cluster-cache")...).
			Doc("Connection settings of the cluster-cache Redis; used only when cluster_cache_strategy is redis."),
	}
}
