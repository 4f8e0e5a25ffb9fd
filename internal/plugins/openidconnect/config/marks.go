package config

// Why a field is unsupported or inert: the reason that a refusal gives, after
// the name of the field.
const (
	noFragment     = "a fragment never reaches a server"
	noSymmetricKey = "client_secret is the symmetric key"
	noOtherPrimes  = "keys of more than two primes are not used"
	noRemember     = "there is no remember cookie"
	noMemcached    = "there is no memcached storage"
	noCluster      = "Redis Cluster is not available"
	noSentinel     = "Redis Sentinel is not available"
	noCloud        = "cloud logins to Redis are not available"
	noRedisProxy   = "a proxy in front of Redis is not available"
	noPrincipals   = "principals are not looked up"
	noLoginAction  = "an API client that is let in goes to the upstream"
)
