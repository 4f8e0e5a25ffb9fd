package config

import "sallyport/internal/schema"

// consumerFields declares the mapping of tokens to consumers, which is not
// available.
func consumerFields() []*schema.Field {
	return []*schema.Field{
		schema.String("anonymous", nil).
			Unsupported(noConsumers).
			Doc("Consumer id or username applied when authentication fails or required consumer mapping misses, instead of rejecting; never matched against custom_id."),
		schema.Paths("consumer_claims", nil).
			Unsupported(noConsumers).
			Doc("Ordered claim paths; the first one found supplies the value used to look up a Consumer."),
		schema.Strings("consumer_by", nil, "custom_id", "username").OneOf("custom_id", "id", "username").
			Unsupported(noConsumers).
			Doc("Consumer attributes compared with the mapped claim value."),
		schema.Bool("by_username_ignore_case", nil, false).
			Unsupported(noConsumers).
			Doc("Makes username matching case-insensitive when username is among consumer_by."),
		schema.Bool("consumer_optional", nil, false).
			Unsupported(noConsumers).
			Doc("When true, a failed consumer lookup does not reject the request."),
		schema.Strings("consumer_groups_claim", nil).
			Unsupported(noConsumers).
			Doc("Path to the claim whose values name Consumer Groups to attach to the request."),
		schema.Bool("consumer_groups_optional", nil, false).
			Unsupported(noConsumers).
			Doc("When true, a failed consumer-group lookup does not reject the request."),
		schema.Strings("credential_claim", nil, "sub").
			Unsupported(noConsumers).
			Doc("Path to the claim becoming the virtual credential id when no Consumer is mapped; resolved access token first."),
		schema.RecordOf("principals",
			schema.Bool("enabled", nil, false).
				Unsupported(noPrincipals).
				Doc("Turns principal lookup on."),
			schema.String("directory", nil, "default").
				Unsupported(noPrincipals).
				Doc("Kong Identity directory in which the principal is searched."),
			schema.String("principal_by", nil).LenMin(1).
				Unsupported(noPrincipals).
				Doc("Custom identity key name; its presence switches the lookup from oidc to custom type."),
			schema.Strings("principal_claim", nil).LenMin(1).
				Unsupported(noPrincipals).
				Doc("Claim path whose value is looked up instead of sub; with principal_by it feeds a custom lookup."),
			schema.Bool("match_consumer", nil, true).
				Unsupported(noPrincipals).
				Doc("Loads the Consumer attached to the matched principal, taking precedence over consumer_by mapping."),
			schema.Bool("match_consumer_groups", nil, true).
				Unsupported(noPrincipals).
				Doc("Loads Consumer Groups attached to the matched principal, taking precedence over consumer_groups_claim."),
			schema.Bool("error_on_miss", nil, true).
				Unsupported(noPrincipals).
				Doc("True answers 401 when no principal matches; false continues without a principal."),
		).Doc("Settings for looking up a Kong Identity principal after the token has been verified."),
	}
}
