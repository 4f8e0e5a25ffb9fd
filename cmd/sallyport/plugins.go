package main

import (
	"crypto/tls"
	"log/slog"

	"sallyport/internal/cache"
	"sallyport/internal/cache/rediscache"
	"sallyport/internal/entity"
	"sallyport/internal/flow"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/acl"
	"sallyport/internal/plugins/keyauth"
	"sallyport/internal/plugins/openidconnect"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/redis"
	"sallyport/internal/session"
	"sallyport/internal/session/redisstore"
)

// definitions are all plugins of the program.
func definitions(logger *slog.Logger, m measured) []plugin.Definition {
	return []plugin.Definition{
		acl.Definition(version),
		keyauth.Definition(keyauth.Deps{Version: version}),
		openidconnect.Definition(openidconnect.Deps{
			Version:     version,
			Logger:      logger,
			Events:      flow.Tee{flow.Log{Logger: logger}, m.Flows},
			Meter:       m.Calls,
			OpenStore:   m.openStore,
			OpenCluster: openCluster,
		}),
	}
}

// kindsOf are the kinds of entities, with what definitions say of plugins.
func kindsOf(definitions []plugin.Definition) []*entity.Kind {
	types := make(map[string]entity.PluginType, len(definitions))
	for _, d := range definitions {
		types[d.Name] = entity.PluginType{
			Config: d.Config(), Protocols: d.Protocols, NoConsumer: d.NoConsumer, Prepare: d.Prepare,
		}
	}
	return entity.Kinds(func(name string) (entity.PluginType, bool) {
		t, ok := types[name]
		return t, ok
	})
}

// openStore opens the session store that a plugin asks for.
func openStore(c config.StoreConfig) (openidconnect.Store, error) {
	if c.Storage == config.StorageMemory {
		return memoryStore{session.NewMemory(session.MemoryOptions{})}, nil
	}
	return redisstore.New(storeOptions(c.Redis))
}

// openCluster opens the cache that nodes share.
func openCluster(r config.RedisConfig) (cache.Shared, error) {
	return rediscache.New(redisOptions(r), nil)
}

// storeOptions are the settings of a plugin's Redis as the store takes them.
func storeOptions(r config.RedisConfig) redisstore.Options {
	return redisstore.Options{Redis: redisOptions(r), Prefix: r.Prefix}
}

// redisOptions are the settings of a connection to Redis.
func redisOptions(r config.RedisConfig) redis.Options {
	options := redis.Options{
		Host: r.Host, Port: r.Port, Socket: r.Socket,
		Username: r.Username, Password: r.Password, Database: r.Database,
		ConnectTimeout: r.ConnectTimeout, Timeout: max(r.SendTimeout, r.ReadTimeout),
	}
	if r.TLS {
		options.TLS = &tls.Config{
			MinVersion: tls.VersionTLS12, ServerName: r.ServerName,
			InsecureSkipVerify: !r.Verify, //nolint:gosec // ssl_verify of the record, true by default
		}
	}
	return options
}

// memoryStore is a store that needs no closing.
type memoryStore struct{ *session.Memory }

// Close implements openidconnect.Store.
func (memoryStore) Close() {}
