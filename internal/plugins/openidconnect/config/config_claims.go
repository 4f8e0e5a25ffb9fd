package config

import (
	"strings"

	"sallyport/internal/schema"
)

// ClaimsConfig says which claims of the access token let a request in. It is
// asked for every request, sessions included.
type ClaimsConfig struct {
	// Rules must all hold.
	Rules []ClaimRule
	// Forbidden are claims that must not be there.
	Forbidden []string
	// Domains are the values of hd of which one is demanded; nil for any.
	Domains []string

	scopes, audience, groups, roles claimSetting
}

// The names of the rules.
const (
	ScopesRequired   = "scopes_required"
	AudienceRequired = "audience_required"
	GroupsRequired   = "groups_required"
	RolesRequired    = "roles_required"
)

// ClaimRule demands values of one claim.
type ClaimRule struct {
	// Name is the setting, for example "scopes_required".
	Name string
	// Path leads to the claim, outermost first.
	Path []string
	// Alternatives: all words of one of them must be among the claim's values.
	Alternatives [][]string
}

// Holds tells whether values meet the rule. No values meet none.
func (r *ClaimRule) Holds(values []string) bool {
	for _, words := range r.Alternatives {
		if containsAll(values, words) {
			return true
		}
	}
	return false
}

// ScopesPath leads to the claim that holds scopes, outermost first.
func (g *ClaimsConfig) ScopesPath() []string { return g.scopes.path }

func containsAll(values, words []string) bool {
	for _, w := range words {
		found := false
		for _, v := range values {
			found = found || v == w
		}
		if !found {
			return false
		}
	}
	return true
}

// claimSetting is a pair of fields, x_claim and x_required.
type claimSetting struct{ path, required []string }

func (g *ClaimsConfig) compile() {
	for _, s := range []struct {
		name string
		claimSetting
	}{
		{ScopesRequired, g.scopes},
		{AudienceRequired, g.audience},
		{GroupsRequired, g.groups},
		{RolesRequired, g.roles},
	} {
		if len(s.required) == 0 {
			continue
		}
		rule := ClaimRule{Name: s.name, Path: s.path}
		for _, words := range s.required {
			rule.Alternatives = append(rule.Alternatives, strings.Fields(words))
		}
		g.Rules = append(g.Rules, rule)
	}
}

func (g *ClaimsConfig) fields() []*schema.Field {
	const required = ": array entries are alternatives (OR), space-separated words inside one entry must all match (AND)."
	return []*schema.Field{
		schema.Strings("scopes_claim", &g.scopes.path, "scope").LenMin(1).
			Doc("Path to the claim holding scopes; several elements descend into nested objects."),
		schema.Strings("scopes_required", &g.scopes.required).CheckEach(words).
			Doc("Required scopes" + required),
		schema.Strings("audience_claim", &g.audience.path, "aud").LenMin(1).
			Doc("Path to the claim holding audiences; several elements descend into nested objects."),
		schema.Strings("audience_required", &g.audience.required).CheckEach(words).
			Doc("Required audiences" + required),
		schema.Strings("groups_claim", &g.groups.path, "groups").LenMin(1).
			Doc("Path to the claim holding groups; several elements descend into nested objects."),
		schema.Strings("groups_required", &g.groups.required).CheckEach(words).
			Doc("Required groups" + required),
		schema.Strings("roles_claim", &g.roles.path, "roles").LenMin(1).
			Doc("Path to the claim holding roles; several elements descend into nested objects."),
		schema.Strings("roles_required", &g.roles.required).CheckEach(words).
			Doc("Required roles" + required),
		schema.Strings("claims_forbidden", &g.Forbidden).
			Doc("Claim names that must not appear in the token payload; presence makes the request forbidden."),
		schema.Strings("domains", &g.Domains).
			Doc("Accepted hosted-domain (hd) claim values; whoever has another or none is forbidden, on every request."),
	}
}
