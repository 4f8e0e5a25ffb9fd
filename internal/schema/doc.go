// Package schema declares fields once and derives everything else from that
// declaration: strict normalisation with Kong's defaults and error texts, PATCH
// merging, reading of form bodies, the description that GET /schemas answers,
// resolving of vault references, and binding to Go variables in the manner of
// the flag package.
//
//	var c struct{ Name string; Timeout time.Duration }
//	r := schema.Record{Fields: []*schema.Field{
//		schema.String("name", &c.Name).Required(),
//		schema.Seconds("timeout", &c.Timeout, time.Minute),
//	}}
//	values, errs := r.Normalize(in) // what is stored and returned
//	err := r.Bind(values)           // what the program uses
//
// It owns the value model: objects are map[string]any, arrays []any, texts
// string, booleans bool, integers int64, numbers int64 when integral and
// float64 otherwise, null nil. It must not know any entity, plugin or store.
//
// Nothing here keeps or changes its input, and every walk over foreign data is
// bounded in depth.
package schema
