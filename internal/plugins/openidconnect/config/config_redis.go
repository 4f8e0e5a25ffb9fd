package config

import (
	"time"

	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// RedisConfig is the connection to one Redis node.
type RedisConfig struct {
	// Host and Port name the node; Socket, when set, wins over them.
	Host   string
	Port   int
	Socket string
	// Username empty means the default user; Password empty means no AUTH.
	Username string
	Password secret.String
	Database int
	TLS      bool
	// Verify checks the server's certificate, against ServerName or else Host.
	Verify     bool
	ServerName string
	// Prefix goes in front of every key, with a colon between.
	Prefix         string
	ConnectTimeout time.Duration
	SendTimeout    time.Duration
	ReadTimeout    time.Duration
}

// fields are those of the Redis for sessions.
func (g *RedisConfig) fields() []*schema.Field {
	return append(g.nodeFields("session"),
		schema.String("socket", &g.Socket).
			Doc("Unix socket of the session Redis; wins over host and port."),
		schema.String("prefix", &g.Prefix).
			Doc("Prefix prepended to session keys in Redis."),
	)
}

// nodeFields are what both Redis records have; purpose is a word of their
// descriptions.
func (g *RedisConfig) nodeFields(purpose string) []*schema.Field {
	return append([]*schema.Field{
		schema.String("host", &g.Host, "127.0.0.1").Referenceable().
			Doc("Host name of a single-node " + purpose + " Redis."),
		schema.Int("port", &g.Port, 6379).Referenceable().Between(0, 65535).
			Doc("TCP port of a single-node " + purpose + " Redis."),
		schema.String("username", &g.Username).Referenceable().
			Doc("ACL user for the " + purpose + " Redis; unset skips ACL authentication."),
		schema.Secret("password", &g.Password).Referenceable().
			Doc("Password for the " + purpose + " Redis; unset sends no AUTH."),
		schema.Int("database", &g.Database, 0).Between(0, 2147483646).
			Doc("Database number selected on the " + purpose + " Redis."),
		schema.Bool("ssl", &g.TLS, false).
			Doc("Connects to the " + purpose + " Redis with TLS."),
		schema.Bool("ssl_verify", &g.Verify, true).
			Doc("Verifies the server certificate of the " + purpose + " Redis."),
		schema.String("server_name", &g.ServerName).Referenceable().
			Doc("TLS SNI name for the " + purpose + " Redis."),
		schema.Millis("connect_timeout", &g.ConnectTimeout, 2*time.Second).Between(0, 2147483646).Integer().
			Doc("Connect timeout in milliseconds for the " + purpose + " Redis."),
		schema.Millis("send_timeout", &g.SendTimeout, 2*time.Second).Between(0, 2147483646).Integer().
			Doc("Send timeout in milliseconds for the " + purpose + " Redis."),
		schema.Millis("read_timeout", &g.ReadTimeout, 2*time.Second).Between(0, 2147483646).Integer().
			Doc("Read timeout in milliseconds for the " + purpose + " Redis."),
		schema.Int("keepalive_pool_size", nil, 256).Between(1, 2147483646).
			Inert("requests share a few pipelined connections").
			Doc("Idle connection pool size per worker and server for the " + purpose + " Redis."),
		schema.OptInt("keepalive_backlog", nil).Between(0, 2147483646).
			Inert("requests share a few pipelined connections").
			Doc("Queue length for waiting connections once the " + purpose + " Redis connection pool is full."),
		schema.Bool("connection_is_proxied", nil, false).
			Unsupported(noRedisProxy).
			Doc("Declares that host and port point at a proxy (for example Envoy) in front of the " + purpose + " Redis."),
	}, redisTopologyFields(purpose)...)
}

// redisTopologyFields are the ways to more than one node, which both Redis
// records have; purpose is a word of their descriptions.
func redisTopologyFields(purpose string) []*schema.Field {
	return []*schema.Field{
		schema.RecordOf("cloud_authentication", cloudFields(purpose)...).
			Doc("Cloud-provider IAM login settings for the " + purpose + " Redis, replacing static passwords."),
		schema.Array("cluster_nodes", schema.RecordOf("",
			schema.String("ip", nil, "127.0.0.1").
				Doc("Address or host name of one Redis cluster node."),
			schema.Int("port", nil, 6379).Between(0, 65535).
				Doc("TCP port of one Redis cluster node."),
		)).LenMin(1).Unsupported(noCluster).
			Doc("Seed nodes of the " + purpose + " Redis; presence selects Redis Cluster mode."),
		schema.Int("cluster_max_redirections", nil, 5).
			Unsupported(noCluster).
			Doc("Maximum MOVED/ASK redirections followed on a clustered " + purpose + " Redis."),
		schema.String("sentinel_master", nil).
			Unsupported(noSentinel).
			Doc("Master set name to resolve; presence selects Sentinel mode for the " + purpose + " Redis."),
		schema.Array("sentinel_nodes", schema.RecordOf("",
			schema.String("host", nil, "127.0.0.1").
				Doc("Host name of one Sentinel guarding the Redis."),
			schema.Int("port", nil, 6379).Between(0, 65535).
				Doc("TCP port of one Sentinel guarding the Redis."),
		)).LenMin(1).Unsupported(noSentinel).
			Doc("Sentinel addresses for the " + purpose + " Redis; presence selects Sentinel mode."),
		schema.String("sentinel_role", nil).OneOf("any", "master", "slave").
			Unsupported(noSentinel).
			Doc("Role of the node to connect to when Sentinels resolve the " + purpose + " Redis."),
		schema.String("sentinel_username", nil).Referenceable().
			Unsupported(noSentinel).
			Doc("ACL user for the Sentinels themselves, separate from the " + purpose + " Redis user."),
		schema.String("sentinel_password", nil).Referenceable().Encrypted().
			Unsupported(noSentinel).
			Doc("Password for the Sentinels themselves, separate from the " + purpose + " Redis password."),
	}
}

func cloudFields(purpose string) []*schema.Field {
	return []*schema.Field{
		schema.String("auth_provider", nil).OneOf("aws", "azure", "gcp").Referenceable().
			Unsupported(noCloud).
			Doc("Which cloud issues login tokens for the " + purpose + " Redis."),
		schema.String("aws_access_key_id", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("AWS key id for generating " + purpose + " Redis login tokens; otherwise the ambient credential chain."),
		schema.String("aws_secret_access_key", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("AWS secret key paired with the key id for the " + purpose + " Redis."),
		schema.String("aws_assume_role_arn", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("IAM role assumed before generating ElastiCache tokens for the " + purpose + " Redis."),
		schema.String("aws_role_session_name", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("Session name used when assuming the IAM role for the " + purpose + " Redis."),
		schema.String("aws_cache_name", nil).Referenceable().
			Unsupported(noCloud).
			Doc("ElastiCache cluster name signed into " + purpose + " Redis login tokens."),
		schema.String("aws_region", nil).Referenceable().
			Unsupported(noCloud).
			Doc("AWS region of the ElastiCache behind the " + purpose + " Redis."),
		schema.Bool("aws_is_serverless", nil, true).
			Unsupported(noCloud).
			Doc("Tells whether the ElastiCache behind the " + purpose + " Redis is serverless, which changes token signing."),
		schema.String("azure_client_id", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("Azure application id for " + purpose + " Redis login tokens."),
		schema.String("azure_client_secret", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("Azure application secret for " + purpose + " Redis login tokens."),
		schema.String("azure_tenant_id", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("Azure tenant for " + purpose + " Redis login tokens."),
		schema.String("gcp_service_account_json", nil).Referenceable().Encrypted().
			Unsupported(noCloud).
			Doc("Google service-account JSON for " + purpose + " Redis login tokens."),
	}
}
