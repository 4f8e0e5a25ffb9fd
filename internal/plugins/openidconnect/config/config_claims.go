package config

import "sallyport/internal/schema"

// claimFields declares authorization by claims, which is not available: a rule
// that is not enforced must not be accepted.
func claimFields() []*schema.Field {
	return []*schema.Field{
		schema.Strings("scopes_claim", nil, "scope").
			Unsupported(noClaimRules).
			Doc("Path to the claim holding scopes; several elements descend into nested objects."),
		schema.Strings("scopes_required", nil).
			Unsupported(noClaimRules).
			Doc("Required scopes: array entries are alternatives (OR), space-separated words inside one entry must all match (AND)."),
		schema.Strings("audience_claim", nil, "aud").
			Unsupported(noClaimRules).
			Doc("Path to the claim holding audiences; several elements descend into nested objects."),
		schema.Strings("audience_required", nil).
			Unsupported(noClaimRules).
			Doc("Required audiences: array entries are alternatives (OR), space-separated words inside one entry must all match (AND)."),
		schema.Strings("groups_claim", nil, "groups").
			Unsupported(noClaimRules).
			Doc("Path to the claim holding groups; several elements descend into nested objects."),
		schema.Strings("groups_required", nil).
			Unsupported(noClaimRules).
			Doc("Required groups: array entries are alternatives (OR), space-separated words inside one entry must all match (AND)."),
		schema.Strings("roles_claim", nil, "roles").
			Unsupported(noClaimRules).
			Doc("Path to the claim holding roles; several elements descend into nested objects."),
		schema.Strings("roles_required", nil).
			Unsupported(noClaimRules).
			Doc("Required roles: array entries are alternatives (OR), space-separated words inside one entry must all match (AND)."),
		schema.Strings("claims_forbidden", nil).
			Unsupported(noClaimRules).
			Doc("Claim names that must not appear in the token payload; presence makes the request forbidden."),
		schema.Strings("authenticated_groups_claim", nil).
			Unsupported(noClaimRules).
			Doc("Path to the claim published as authenticated groups for the ACL plugin and X-Authenticated-Groups header; does not authorize itself."),
	}
}
