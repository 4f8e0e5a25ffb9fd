package entity

import "sallyport/internal/schema"

func consumerKind() *Kind {
	return &Kind{
		Name: Consumers, Singular: "consumer", Collection: Consumers, Lookup: "username",
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(), updatedField(),
				schema.String("username", nil).Unique().
					Doc("The consumer's unique name."),
				schema.String("custom_id", nil).Unique().
					Doc("The consumer's unique id elsewhere, for example at an identity provider."),
				tagsField(),
			},
			Checks: []schema.Check{atLeastOneOf("custom_id", "username")},
		},
		Unique: [][]string{{"username"}, {"custom_id"}},
	}
}
