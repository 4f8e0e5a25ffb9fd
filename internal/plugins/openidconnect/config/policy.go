package config

import (
	"fmt"
	"slices"
	"strings"
)

// Policy is a canonical text of every setting on which the trust in a login
// depends: two plugins accept each other's sessions only when it is equal
// (C5). It holds no secret.
func (c *Config) Policy() string {
	v := c.Verification
	list := []string{
		fmt.Sprintf("signature=%t claims=%t nonce=%t hs=%t", v.Signature, v.Claims, v.Nonce, v.EnableHS),
		fmt.Sprintf("leeway=%s tls=%t pseudo=%t", v.Leeway, c.HTTP.Verify, c.Issuer.Pseudo),
		fmt.Sprintf("issuers=%q algs=%q", sorted(v.IssuersAllowed), sorted(c.Own.SigningAlgs)),
		fmt.Sprintf("jwks=%q extra=%q", c.Issuer.Endpoints.JWKS, sorted(c.Issuer.ExtraJWKS)),
		fmt.Sprintf("token=%q userinfo=%q", c.Issuer.Endpoints.Token, c.Issuer.Endpoints.UserInfo),
		fmt.Sprintf("proxy=%q,%q", c.HTTP.HTTPProxy, c.HTTP.HTTPSProxy),
		fmt.Sprintf("max_age=%s pkce=%s", optional(c.Authorization.MaxAge), optional(c.Authorization.PKCE)),
	}
	// What is named only where it is set leaves the sessions of others alone.
	a := c.Authorization
	for _, x := range []struct {
		set  bool
		text string
	}{
		{!c.Client.VerifyMutualTLS, "mtls=unverified"},
		{c.Issuer.Endpoints.MutualTLS.Token != "", fmt.Sprintf("mtls_token=%q", c.Issuer.Endpoints.MutualTLS.Token)},
		{a.ResponseMode.Signed(), "response=signed"},
		{a.PAR != nil, "par=" + optional(a.PAR)},
		{a.RequestObject != nil, "request=" + optional(a.RequestObject)},
		{c.Possession.On(), fmt.Sprintf("possession=%s,%s", c.Possession.MTLS, c.Possession.DPoP)},
	} {
		if x.set {
			list = append(list, x.text)
		}
	}
	if len(v.IgnoreSignature) > 0 {
		methods := make([]string, len(v.IgnoreSignature))
		for i, m := range v.IgnoreSignature {
			methods[i] = string(m)
		}
		list = append(list, fmt.Sprintf("unsigned=%q", sorted(methods)))
	}
	if len(c.Own.AccessAlgs) > 0 {
		list = append(list, fmt.Sprintf("access_algs=%q", sorted(c.Own.AccessAlgs)))
	}
	if !c.Introspection.CheckActive {
		list = append(list, "inactive=true")
	}
	if endpoint := c.Issuer.Endpoints.Introspection; endpoint != "" {
		list = append(list, fmt.Sprintf("introspection=%q", endpoint))
	}
	if endpoint := c.Issuer.Endpoints.MutualTLS.Introspection; endpoint != "" {
		list = append(list, fmt.Sprintf("mtls_introspection=%q", endpoint))
	}
	return strings.Join(list, " ")
}

func optional[T any](v *T) string {
	if v == nil {
		return "unset"
	}
	return fmt.Sprint(*v)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
