package entity

import (
	"slices"
	"strings"

	"sallyport/internal/schema"
)

// protocols are all that Kong knows, in the order of its messages.
var protocols = [...]string{"grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp"}

const (
	maxMillis             = 1<<31 - 2
	defaultMillis         = 60000
	defaultRetries        = 5
	defaultRedirectStatus = 426
)

func idField() *schema.Field {
	return schema.String("id", nil).UUID().Auto().Doc("The entity's UUID, generated when absent.")
}

func createdField() *schema.Field {
	return schema.Int64("created_at", nil).Timestamp().Auto().Check(checkTimestamp).
		Doc("When the entity was created, in seconds since 1970.")
}

func updatedField() *schema.Field {
	return schema.Int64("updated_at", nil).Timestamp().Auto().Check(checkTimestamp).
		Doc("When the entity was last changed, in seconds since 1970.")
}

func checkTimestamp(v any) error {
	if n, ok := v.(int64); !ok || n <= 0 {
		return constError("expected a valid timestamp")
	}
	return nil
}

func nameField(name, doc string) *schema.Field {
	return schema.String(name, nil).Unique().Check(checkName).Doc(doc)
}

func tagsField() *schema.Field {
	return schema.Set("tags", nil).CheckEach(checkTag).
		Doc("Words by which entities can be grouped and lists filtered.")
}

func protocolsField(def []string) *schema.Field {
	return schema.Set("protocols", nil, def...).OneOf(protocols[:]...).Required()
}

// millis is a time span as Kong's services have it.
func millis(name, doc string) *schema.Field {
	f := schema.Int(name, nil, defaultMillis).Between(1, maxMillis)
	return f.Doc(doc)
}

// conditionalOnProtocol is Kong's check conditional with if_field protocol:
// when holds of the entity, field must be null.
func conditionalOnProtocol(field string, when func(v map[string]any) bool) schema.Check {
	return schema.Check{
		Fields: []string{"protocol", field},
		Describe: map[string]any{"conditional": map[string]any{
			"if_field": "protocol", "then_field": field, "then_match": map[string]any{"eq": nil},
		}},
		Run: func(v map[string]any) []schema.Violation {
			if v[field] == nil || !when(v) {
				return nil
			}
			return []schema.Violation{
				{Message: "failed conditional validation given value of field 'protocol'"},
				{Field: field, Message: "value must be null"},
			}
		},
	}
}

// atLeastOneOf is Kong's check of that name.
func atLeastOneOf(fields ...string) schema.Check {
	return schema.Check{
		Fields:   fields,
		Describe: map[string]any{"at_least_one_of": list(fields)},
		Run: func(v map[string]any) []schema.Violation {
			if anySet(v, fields...) {
				return nil
			}
			return []schema.Violation{{
				Message: "at least one of these fields must be non-empty: " + quoted(fields),
			}}
		},
	}
}

// anySet reports whether one of fields holds more than null or nothing.
func anySet(v map[string]any, fields ...string) bool {
	return slices.ContainsFunc(fields, func(name string) bool { return isSet(v[name]) })
}

func isSet(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

func quoted(words []string) string { return "'" + strings.Join(words, "', '") + "'" }

func list(words []string) []any {
	out := make([]any, 0, len(words))
	for _, w := range words {
		out = append(out, w)
	}
	return out
}
