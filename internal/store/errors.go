package store

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// Codes of Error, as the Admin API numbers them.
const (
	CodeInvalidPrimaryKey   = 1
	CodeSchemaViolation     = 2
	CodePrimaryKeyViolation = 3
	CodeForeignKeyViolation = 4
	CodeUniqueViolation     = 5
	CodeNotFound            = 6
	CodeInvalidOffset       = 7
	CodeInvalidSize         = 9
	CodeInvalidOptions      = 11
	CodeUnsupported         = 12
	CodeForeignUnresolved   = 13
	CodeDeclarative         = 14
	CodeReferencedByOthers  = 19
)

// Error is a refusal with Kong's code, name and message.
type Error struct {
	Code    int
	Name    string
	Message string
	// Fields says which fields are at fault; may be nil.
	Fields schema.Errors
	// Status is the HTTP status that fits.
	Status int
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Body is the JSON object that tells a client of the Admin API about e.
func (e *Error) Body() map[string]any {
	body := map[string]any{"code": e.Code, "name": e.Name, "message": e.Message}
	fields := any(e.Fields)
	if e.Fields == nil {
		fields = map[string]any{}
	}
	if e.Code == CodeInvalidOptions {
		body["options"] = fields
	} else {
		body["fields"] = fields
	}
	return body
}

// SchemaViolation makes the error for an entity whose fields are not valid.
func SchemaViolation(fields schema.Errors) *Error {
	return &Error{
		Code: CodeSchemaViolation, Name: "schema violation", Message: fields.Message(),
		Fields: fields, Status: http.StatusBadRequest,
	}
}

// NotFound makes the error for an entity that does not exist.
func NotFound(id string) *Error {
	return &Error{
		Code: CodeNotFound, Name: "not found", Status: http.StatusNotFound,
		Message: fmt.Sprintf("could not find the entity with primary key '%s'", pretty(Object{"id": id})),
		Fields:  schema.Errors{"id": id},
	}
}

func primaryKeyViolation(id string) *Error {
	return &Error{
		Code: CodePrimaryKeyViolation, Name: "primary key violation", Status: http.StatusBadRequest,
		Message: fmt.Sprintf("primary key violation on key '%s'", pretty(Object{"id": id})),
		Fields:  schema.Errors{"id": id},
	}
}

func uniqueViolation(key Object) *Error {
	return &Error{
		Code: CodeUniqueViolation, Name: "unique constraint violation", Status: http.StatusConflict,
		Message: fmt.Sprintf("UNIQUE violation detected on '%s'", pretty(key)),
		Fields:  schema.Errors(key),
	}
}

func invalidPrimaryKey(id string) *Error {
	return &Error{
		Code: CodeInvalidPrimaryKey, Name: "invalid primary key", Status: http.StatusBadRequest,
		Message: fmt.Sprintf("invalid primary key: '%s'", pretty(Object{"id": id})),
		Fields:  schema.Errors{"id": "expected a valid UUID"},
	}
}

// stillReferenced is about an id that another entity holds in a list.
func stillReferenced(k *entity.Kind, id, by, byID string) *Error {
	return &Error{
		Code: CodeReferencedByOthers, Name: "referenced by others", Status: http.StatusBadRequest,
		Message: fmt.Sprintf("%s %s is still referenced by %s (id = %s)", strings.ReplaceAll(k.Singular, "_", " "), id, by, byID),
		Fields:  schema.Errors{"@referenced_by": by},
	}
}

func referencedBy(child, kind string) *Error {
	return &Error{
		Code: CodeForeignKeyViolation, Name: "foreign key violation", Status: http.StatusBadRequest,
		Message: fmt.Sprintf("an existing '%s' entity references this '%s' entity", child, kind),
		Fields:  schema.Errors{"@referenced_by": child},
	}
}

func foreignMissing(f entity.Foreign, id string) *Error {
	key := Object{"id": id}
	return &Error{
		Code: CodeForeignKeyViolation, Name: "foreign key violation", Status: http.StatusBadRequest,
		Message: fmt.Sprintf("the foreign key '%s' does not reference an existing '%s' entity.", pretty(key), f.Kind),
		Fields:  schema.Errors{f.Field: schema.Errors(key)},
	}
}

func foreignUnresolved(f entity.Foreign, lookup, value string) *Error {
	reason := fmt.Sprintf("the foreign key cannot be resolved with '%s' for an existing '%s' entity",
		pretty(Object{lookup: value}), f.Kind)
	return &Error{
		Code: CodeForeignUnresolved, Name: "foreign keys unresolved", Status: http.StatusBadRequest,
		Message: fmt.Sprintf("foreign key unresolved (%s.%s: %s)", f.Field, lookup, reason),
		Fields:  schema.Errors{f.Field: schema.Errors{lookup: reason}},
	}
}

// pretty prints key="value" pairs in braces, keys sorted, null as null; lists
// print their members, those behind a gap with their position.
func pretty(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return `"` + strings.ReplaceAll(v, `"`, `\"`) + `"`
	case schema.Errors:
		return pretty(map[string]any(v))
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, prettyKey(key)+"="+pretty(v[key]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		parts := make([]string, 0, len(v))
		for i, e := range v {
			switch {
			case e == nil:
			case len(parts) == i:
				parts = append(parts, pretty(e))
			default:
				parts = append(parts, fmt.Sprintf("[%d]=%s", i+1, pretty(e)))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	default:
		return fmt.Sprint(v)
	}
}

func prettyKey(key string) string {
	for i, c := range key {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return `["` + key + `"]`
		}
	}
	return key
}
