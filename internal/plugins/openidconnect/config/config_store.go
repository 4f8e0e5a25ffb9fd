package config

import "sallyport/internal/schema"

// Storage is where sessions are kept.
type Storage string

// The storages by Kong's names; StorageMemory is our own and keeps sessions in
// the memory of this process.
const (
	StorageCookie    Storage = "cookie"
	StorageMemory    Storage = "memory"
	StorageRedis     Storage = "redis"
	storageMemcache  Storage = "memcache"
	storageMemcached Storage = "memcached"
)

// StoreConfig says where sessions are kept.
type StoreConfig struct {
	Storage Storage
	// Redis is used when Storage is StorageRedis.
	Redis RedisConfig
}

func (g *StoreConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Enum("session_storage", &g.Storage, StorageCookie, StorageCookie, storageMemcache, storageMemcached, StorageRedis, StorageMemory).
			UnsupportedValues(noMemcached, string(storageMemcache), string(storageMemcached)).
			Doc("Where session data lives: inside the cookie, in Redis, or in the memory of this one process (memory, our own)."),
		schema.RecordOf("redis", g.Redis.fields()...).
			Doc("Connection settings of the session Redis; used only when session_storage is redis."),
		schema.String("session_memcached_host", nil, "127.0.0.1").
			Unsupported(noMemcached).
			Doc("Memcached host for sessions."),
		schema.Int("session_memcached_port", nil, 11211).Between(0, 65535).
			Unsupported(noMemcached).
			Doc("Memcached TCP port for sessions."),
		schema.String("session_memcached_prefix", nil).
			Unsupported(noMemcached).
			Doc("Prefix prepended to memcached session keys."),
		schema.String("session_memcached_socket", nil).
			Unsupported(noMemcached).
			Doc("Unix socket of memcached; wins over host and port."),
		schema.OptBool("session_memcached_ssl", nil).Accepts(false).
			Unsupported(noMemcached).
			Doc("Connects to memcached with TLS."),
		schema.Bool("session_memcached_ssl_verify", nil, true).
			Unsupported(noMemcached).
			Doc("Verifies the memcached server certificate; cannot be disabled while the global TLS-verify option is on."),
	}
}
