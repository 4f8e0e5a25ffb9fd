package config

import (
	"errors"

	"sallyport/internal/schema"
)

// ConsumerConfig says whose requests are which consumer's, and what else of a
// token becomes part of a request's identity.
type ConsumerConfig struct {
	// Anonymous is the id or username of the consumer that stands in where
	// others are refused with 401 or 403; empty for none.
	Anonymous string
	// Claims are paths of which the first that is there names the consumer; nil
	// maps nobody.
	Claims [][]string
	// By are the attributes that it is compared with, in this order.
	By []ConsumerAttribute
	// FoldUsername ignores upper and lower case of usernames.
	FoldUsername bool
	// Optional lets requests pass that name no known consumer.
	Optional bool
	// Groups leads to the names of consumer groups; nil for none.
	Groups []string
	// GroupsOptional lets requests pass that name no known group.
	GroupsOptional bool
	// Credential leads to what stands for a credential where no consumer is
	// mapped; nil for none.
	Credential []string
	// AuthenticatedGroups leads to the groups for the acl plugin; nil for none.
	AuthenticatedGroups []string
}

// ConsumerAttribute is an attribute of a consumer, as in consumer_by.
type ConsumerAttribute string

// The attributes.
const (
	ConsumerID       ConsumerAttribute = "id"
	ConsumerUsername ConsumerAttribute = "username"
	ConsumerCustomID ConsumerAttribute = "custom_id"
)

func (g *ConsumerConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.String("anonymous", &g.Anonymous).LenMin(1).
			Doc("Consumer id or username applied when authentication fails or required consumer mapping misses, instead of rejecting; never matched against custom_id."),
		schema.Paths("consumer_claims", &g.Claims).CheckEach(claimPath).
			Doc("Ordered claim paths; the first one found supplies the value used to look up a Consumer."),
		schema.Enums("consumer_by", &g.By, []ConsumerAttribute{ConsumerCustomID, ConsumerID, ConsumerUsername}, ConsumerCustomID, ConsumerUsername).
			Doc("Consumer attributes compared with the mapped claim value."),
		schema.Bool("by_username_ignore_case", &g.FoldUsername, false).
			Doc("Makes username matching case-insensitive when username is among consumer_by."),
		schema.Bool("consumer_optional", &g.Optional, false).
			Doc("When true, a failed consumer lookup does not reject the request."),
		schema.Strings("consumer_groups_claim", &g.Groups).
			Doc("Path to the claim whose values name Consumer Groups to attach to the request."),
		schema.Bool("consumer_groups_optional", &g.GroupsOptional, false).
			Doc("When true, a failed consumer-group lookup does not reject the request."),
		schema.Strings("credential_claim", &g.Credential, "sub").
			Doc("Path to the claim becoming the virtual credential id when no Consumer is mapped; resolved access token first."),
		schema.Strings("authenticated_groups_claim", &g.AuthenticatedGroups).
			Doc("Path to the claim published as authenticated groups for the ACL plugin and X-Authenticated-Groups header; does not authorize itself."),
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

func claimPath(v any) error {
	if path, _ := v.([]any); len(path) == 0 {
		return errors.New("expected a path of at least one step")
	}
	return nil
}
