package entity

import (
	"crypto/rand"

	"sallyport/internal/schema"
)

// ownedByConsumer is the reference of everything that goes with its consumer.
func ownedByConsumer() []Foreign {
	return []Foreign{{Field: "consumer", Kind: Consumers, OnDelete: Cascade}}
}

func ownerField() *schema.Field {
	return schema.Foreign("consumer", Consumers).Required().Doc("The consumer to whom it belongs.")
}

func aclKind() *Kind {
	return &Kind{
		Name: ACLs, Singular: "acl", Collection: ACLs, NestedLookup: "group",
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(), ownerField(),
				schema.String("group", nil).Required().
					Doc("The name of a group in which the consumer is, for the acl plugin."),
				tagsField(),
			},
		},
		Foreign: ownedByConsumer(),
		Unique:  [][]string{{"consumer", "group"}},
	}
}

// maxTTL is Kong's limit for the life of a credential, in seconds.
const maxTTL = 100_000_000

func keyAuthKind() *Kind {
	return &Kind{
		Name: KeyAuths, Singular: "keyauth_credential", Collection: "key-auths", Nested: "key-auth", Lookup: "key",
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(), ownerField(),
				schema.String("key", nil).Unique().Auto().Encrypted().
					Doc("The key itself, generated when absent."),
				schema.Int("ttl", nil, 0).Default(nil).Between(0, maxTTL).
					Doc("Seconds from created_at after which the key is refused; null and 0 mean never."),
				tagsField(),
			},
		},
		Foreign: ownedByConsumer(),
		Unique:  [][]string{{"key"}},
		prepare: func(in, normalized map[string]any) {
			if _, given := in["key"]; !given {
				normalized["key"] = newCredential()
			}
		},
	}
}

// credentialLength is that of Kong's generated keys.
const credentialLength = 32

// newCredential makes a key that nobody guesses: 160 bits in 32 characters.
func newCredential() string { return (rand.Text() + rand.Text())[:credentialLength] }
