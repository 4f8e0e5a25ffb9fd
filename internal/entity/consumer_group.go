package entity

import "sallyport/internal/schema"

func consumerGroupKind() *Kind {
	return &Kind{
		Name: ConsumerGroups, Singular: "consumer_group", Collection: ConsumerGroups, Lookup: "name",
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(), updatedField(),
				nameField("name", "The group's unique name.").Required(),
				tagsField(),
			},
		},
		Unique: [][]string{{"name"}},
	}
}

// membershipKind says which consumers a group has. The Admin API shows it below
// groups and consumers only.
func membershipKind() *Kind {
	return &Kind{
		Name: Memberships, Singular: "consumer_group_consumer", Internal: true,
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(),
				schema.Foreign("consumer", Consumers).Required().Doc("The member."),
				schema.Foreign("consumer_group", ConsumerGroups).Required().Doc("The group."),
			},
		},
		Foreign: []Foreign{
			{Field: "consumer", Kind: Consumers, OnDelete: Cascade},
			{Field: "consumer_group", Kind: ConsumerGroups, OnDelete: Cascade},
		},
		Unique: [][]string{{"consumer", "consumer_group"}},
	}
}
