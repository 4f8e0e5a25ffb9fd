package config

// Why a field is unsupported or inert: the reason that a refusal gives, after
// the name of the field.
const (
	onlyLogin       = "only authorization_code and session credentials are recognised"
	noIntrospection = "tokens are not introspected"
	noFragment      = "a fragment never reaches a server"
	noMutualTLS     = "mutual TLS with the provider is not available"
	noSymmetricKey  = "client_secret is the symmetric key"
	noOtherPrimes   = "keys of more than two primes are not used"
	noRemember      = "there is no remember cookie"
	noMemcached     = "there is no memcached storage"
	noCluster       = "Redis Cluster is not available"
	noSentinel      = "Redis Sentinel is not available"
	noCloud         = "cloud logins to Redis are not available"
	noRedisProxy    = "a proxy in front of Redis is not available"
	noClusterCache  = "nodes share no cache"
	noTokenCache    = "answers of the token endpoint are not cached"
	noExchange      = "tokens are not exchanged"
	noClaimRules    = "there is no ACL plugin that would read authenticated groups"
	noConsumers     = "tokens are not mapped to consumers"
	noPrincipals    = "principals are not looked up"
	noPossession    = "proof of possession is not available"
	noKeyHeaders    = "keys are not passed on"
	noUserInfoJWT   = "user info is read as JSON only"
	noDownstream    = "tokens and claims are not sent to the user agent in headers"
	noReplay        = "headers of the token endpoint are not replayed"
	noClientValues  = "values of the user agent are not passed on"
)
