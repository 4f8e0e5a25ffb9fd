package config

import (
	"crypto/sha256"

	"sallyport/internal/schema"
)

// Config is a compiled configuration. It is made by New and immutable, and may
// be used concurrently.
type Config struct {
	Issuer        IssuerConfig
	Client        ClientConfig
	Method        MethodConfig
	Credential    CredentialConfig
	Authorization AuthorizationConfig
	Callback      CallbackConfig
	Login         LoginConfig
	Logout        LogoutConfig
	Session       SessionConfig
	Store         StoreConfig
	Token         TokenConfig
	Exchange      ExchangeConfig
	Verification  VerificationConfig
	Claims        ClaimsConfig
	Consumer      ConsumerConfig
	Introspection IntrospectionConfig
	UserInfo      UserInfoConfig
	Header        HeaderConfig
	Error         ErrorConfig
	HTTP          HTTPConfig
	Cache         CacheConfig
	Possession    PossessionConfig
	Own           OwnConfig

	// Clients are the configured clients, at least one unless no client_id is
	// set; the first is the one to use where nothing chooses another.
	Clients []Client
	// Fingerprint is a hash of every setting, references resolved, but for the
	// salt of the token cache: what equal ones make of a credential is equal.
	Fingerprint [sha256.Size]byte
	// Warnings are findings that do not stop the plugin, such as references
	// that do not resolve, for one log line each. They hold no secret.
	Warnings []string
}

// Record describes the config record of the plugin. It is not bound to a
// Config that anyone reads: use New for that.
func Record() *schema.Record { return new(Config).record() }

func (c *Config) record() *schema.Record {
	return &schema.Record{
		Fields:     fieldsOf(c.sections()),
		Checks:     checks(),
		Shorthands: aliases(),
	}
}
