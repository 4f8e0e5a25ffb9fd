package config

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"sallyport/internal/oidc"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// weakSecret is the length of a session secret below which a warning is due.
const weakSecret = 16

// New compiles normalised values (of Record().Normalize). resolve turns
// {vault://…} references into values; nil is secret.Resolver's Resolve. A
// reference that does not resolve counts as empty and gives a warning. An
// error is a schema.Errors that names the field, as in "config.redis.port: …".
//
// New does no I/O besides resolve and keeps nothing of normalized.
func New(normalized map[string]any, resolve func(reference string) (string, error)) (*Config, error) {
	if resolve == nil {
		resolve = secret.Resolver{}.Resolve
	}
	c := new(Config)
	r := c.record()
	values, unresolved, err := r.Resolve(normalized, resolve)
	if err != nil {
		return nil, violation(err)
	}
	for _, u := range unresolved {
		c.Warnings = append(c.Warnings, fmt.Sprintf("config.%v", u))
	}
	if err := recheck(r, values); err != nil {
		return nil, err
	}
	if err := r.Bind(values); err != nil {
		return nil, violation(err)
	}
	if c.Fingerprint, err = fingerprint(values); err != nil {
		return nil, err
	}
	c.compile()
	return c, nil
}

// fingerprint hashes values, by name, so that no setting can be forgotten.
func fingerprint(values map[string]any) ([sha256.Size]byte, error) {
	values = maps.Clone(values)
	delete(values, "cache_tokens_salt")
	text, err := json.Marshal(values)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("config: %w", err)
	}
	return sha256.Sum256(text), nil
}

// violation turns an error about a field into the form of Normalize's.
func violation(err error) error {
	errs := schema.Errors{}
	if at, ok := errors.AsType[*schema.FieldError](err); ok {
		errs.Add(schema.Violation{Field: "config." + at.Path, Message: at.Err.Error()})
	} else {
		errs.Add(schema.Violation{Field: "config", Message: err.Error()})
	}
	return errs
}

// recheck applies the rules between fields to what references resolved to.
func recheck(r *schema.Record, values map[string]any) error {
	errs := schema.Errors{}
	for _, check := range r.Checks {
		for _, v := range check.Run(values) {
			errs.Add(v)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return schema.Errors{"config": errs}
}

func (c *Config) compile() {
	c.Issuer.compile()
	c.Credential.compile()
	c.Authorization.compile()
	c.Token.compile()
	c.Exchange.compile(&c.Authorization)
	c.Claims.compile()
	c.Introspection.compile()
	c.UserInfo.compile()
	c.Header.compile()
	c.HTTP.compile()
	c.Cache.compile()
	c.Clients = c.clients()
	c.warn()
}

func (c *Config) warn() {
	say := func(when bool, text string) {
		if when {
			c.Warnings = append(c.Warnings, text)
		}
	}
	say(len(c.Method.Enabled) == 0, "config.auth_methods: no credential is recognised, so that every request is refused")
	say(len(c.Clients) == 0 && (c.Method.Has(MethodAuthorizationCode) || len(c.Method.Enabled) == 0),
		"config.client_id: no client is configured, so that nobody can log in")
	say(len(c.Clients) == 0 && (c.Method.Has(MethodPassword) || c.Method.Has(MethodRefreshToken) || c.Method.Has(MethodIntrospection)),
		"config.client_id: no client is configured, so that no token can be introspected and no password or refresh token redeemed")
	say(c.Method.Has(MethodAuthorizationCode) && !c.Method.Has(MethodSession) && c.Login.Action == LoginRedirect,
		"config.auth_methods: authorization_code without session and login_action redirect send every user agent round in circles")
	say(!c.Session.Secret.Empty() && len(c.Session.Secret.Reveal()) < weakSecret,
		"config.session_secret: shorter than 16 bytes, which can be guessed")
	say(!c.Verification.Signature, "config.verify_signature: signatures of ID Tokens are not verified")
	say(!c.Verification.Claims, "config.verify_claims: standard claims of ID Tokens are not verified")
	say(!c.Verification.Nonce, "config.verify_nonce: the nonce of ID Tokens is not verified")
	say(len(c.Verification.IgnoreSignature) > 0, "config.ignore_signature: signatures of access tokens and answers of these methods are not verified")
	say(c.Method.Has(MethodBearer) && len(c.Claims.Rules) == 0,
		"config.audience_required: neither this nor another claims rule is set, so that a token that the issuer made for any other resource is accepted as a bearer token")
	c.warnOfBearers(say)
	say(!c.Introspection.CheckActive, "config.introspection_check_active: tokens that the provider calls inactive are accepted")
	say(!c.HTTP.Verify, "config.ssl_verify: certificates of the provider are not verified")
	say(!c.Client.VerifyMutualTLS, "config.tls_client_auth_ssl_verify: the certificate of the provider is not verified where ours is shown")
	say(c.Store.Storage == StorageRedis && c.Store.Redis.TLS && !c.Store.Redis.Verify,
		"config.redis.ssl_verify: the certificate of Redis is not verified")
	c.warnOfCluster(say)
}

// warnOfBearers says what a token of an API client is not held to, or not used for.
func (c *Config) warnOfBearers(say func(when bool, text string)) {
	c.Possession.warn(say)
	say(c.Possession.DPoP != PossessionOff && c.Possession.UseNonce && c.Session.Secret.Empty(),
		"config.session_secret: not set, so that other nodes refuse the DPoP nonces of this one")
	say(len(c.Exchange.Subjects) > 0 && !c.Method.Has(MethodBearer),
		"config.token_exchange: auth_methods has no bearer, so that nothing is exchanged")
}

// warnOfCluster says what keeps nodes from sharing, or Redis from being who it is.
func (c *Config) warnOfCluster(say func(when bool, text string)) {
	cluster := &c.Cache.Cluster
	say(cluster.On() && cluster.Redis.TLS && !cluster.Redis.Verify,
		"config.cluster_cache_redis.ssl_verify: the certificate of Redis is not verified")
	say(cluster.On() && c.Session.Secret.Empty(),
		"config.session_secret: not set, so that no other node can open what this one puts into the cluster cache")
	say(cluster.Shares(ClusterIntrospection) && !c.Cache.Introspection, "config.cluster_cache_items: introspection is not shared, as cache_introspection is off")
	say(cluster.Shares(ClusterTokens) && !c.Cache.Tokens, "config.cluster_cache_items: tokens are not shared, as cache_tokens is off")
}

// Provider returns the settings of the provider and of the calls to it. The
// clock is left out.
func (c *Config) Provider() oidc.Options {
	return oidc.Options{
		Issuer:              c.Issuer.Issuer,
		UsingPseudoIssuer:   c.Issuer.Pseudo,
		IssuersAllowed:      c.Verification.IssuersAllowed,
		Endpoints:           c.Issuer.Endpoints,
		ExtraJWKSURIs:       c.Issuer.ExtraJWKS,
		DiscoveryHeaders:    c.Issuer.DiscoveryHeader,
		RediscoveryLifetime: c.Issuer.RediscoveryLifetime,
		CacheTTL:            max(c.Cache.TTL, time.Second),
		HTTP: oidc.HTTPOptions{
			Timeout:                c.HTTP.Timeout,
			InsecureSkipVerify:     !c.HTTP.Verify,
			DisableKeepAlive:       !c.HTTP.KeepAlive,
			HTTPProxy:              c.HTTP.HTTPProxy,
			HTTPSProxy:             c.HTTP.HTTPSProxy,
			HTTPProxyAuthorization: c.HTTP.HTTPProxyAuthorization, HTTPSProxyAuthorization: c.HTTP.HTTPSProxyAuthorization,
			NoProxy: c.HTTP.NoProxy,
		},
	}
}

// TokenExtra returns the fixed additions to token requests.
func (c *Config) TokenExtra() oidc.Extra {
	return oidc.Extra{Args: c.Token.Arguments, Header: c.Token.Header}
}
