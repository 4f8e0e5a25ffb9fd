package store

import (
	"maps"
	"slices"
	"strconv"

	"sallyport/internal/schema"
)

// flatten is the entry of flattened_errors for an entity.
func (en *entry) flatten() map[string]any {
	out := map[string]any{
		"entity_type": en.kind.Singular,
		"entity":      en.given,
		"errors":      flatErrors("", en.errs, []any{}),
	}
	if id, ok := en.given["id"].(string); ok {
		out["entity_id"] = id
	} else if en.id != "" {
		out["entity_id"] = en.id
	}
	for _, field := range []string{"name", "username"} {
		if name, ok := en.given[field].(string); ok {
			out["entity_name"] = name
			break
		}
	}
	if tags, ok := en.given["tags"].([]any); ok {
		out["entity_tags"] = tags
	}
	return out
}

// flatErrors lists findings as {type, field, message}.
func flatErrors(prefix string, errs schema.Errors, out []any) []any {
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		if name == "@entity" {
			out = flatEntity(prefix, errs[name], out)
			continue
		}
		out = flatField(join(prefix, name), errs[name], out)
	}
	return out
}

func flatEntity(prefix string, finding any, out []any) []any {
	for _, message := range messages(finding) {
		one := map[string]any{"type": "entity", "message": message}
		if prefix != "" {
			one["type"], one["field"] = "field", prefix
		}
		out = append(out, one)
	}
	return out
}

func flatField(path string, finding any, out []any) []any {
	switch finding := finding.(type) {
	case string:
		return append(out, map[string]any{"type": "field", "field": path, "message": finding})
	case schema.Errors:
		return flatErrors(path, finding, out)
	case []any:
		for i, item := range finding {
			if item != nil {
				out = flatField(join(path, strconv.Itoa(i+1)), item, out)
			}
		}
	}
	return out
}
