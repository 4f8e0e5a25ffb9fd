package schema

import "maps"

// Merge applies a PATCH: nested records are merged deeply, everything else is
// replaced whole, a null clears, and unknown names are kept for Normalize to
// refuse. Neither argument is changed; the result shares values with both.
func (r *Record) Merge(old, patch map[string]any) map[string]any {
	return r.merge(old, patch, 0)
}

func (r *Record) merge(old, patch map[string]any, depth int) map[string]any {
	out := maps.Clone(old)
	if out == nil {
		out = make(map[string]any, len(patch))
	}
	for name, v := range patch {
		out[name] = v
		f, known := r.Lookup(name)
		if !known || f.Type != TypeRecord || depth >= maxDepth {
			continue
		}
		before, hadRecord := old[name].(map[string]any)
		after, isRecord := v.(map[string]any)
		if hadRecord && isRecord {
			out[name] = f.Record.merge(before, after, depth+1)
		}
	}
	return out
}
