package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/schema"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	r := &schema.Record{
		Fields: []*schema.Field{
			schema.String("id", nil).Required().Auto().UUID(),
			schema.Int("port", nil, 80).Between(0, 65535).Doc("A port."),
			schema.Set("protocols", nil, "http").OneOf("http", "https").LenMin(1),
			schema.Strings("none", nil).Default([]any{}),
			schema.Foreign("service", "services"),
			schema.Map("headers", schema.String("", nil), schema.Strings("", nil)),
			schema.RecordOf("config", schema.Strings("client_secret", nil).Referenceable().Encrypted()).Required(),
			schema.Bool("old", nil, false).Deprecated("new").Unsupported("gone"),
			schema.String("mode", nil).OneOf("a", "b").UnsupportedValues("no", "b"),
			schema.RecordOf("empty"),
		},
		Shorthands: []schema.Shorthand{
			{Name: "url", Type: schema.TypeString},
			{Name: "was", Type: schema.TypeString, ReplacedWith: []string{"config", "is"}},
		},
		Checks: []schema.Check{{Describe: map[string]any{"at_least_one_of": []any{"a"}}}, {}},
	}
	text, err := json.Marshal(r.Describe())
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `{
		"fields": [
			{"id": {"type":"string","required":true,"auto":true,"uuid":true}},
			{"port": {"type":"integer","default":80,"between":[0,65535],"description":"A port."}},
			{"protocols": {"type":"set","default":["http"],"len_min":1,"elements":{"type":"string","one_of":["http","https"]}}},
			{"none": {"type":"array","default":[],"elements":{"type":"string"}}},
			{"service": {"type":"foreign","reference":"services"}},
			{"headers": {"type":"map","keys":{"type":"string"},"values":{"type":"array","elements":{"type":"string"}}}},
			{"config": {"type":"record","required":true,"fields":[
				{"client_secret": {"type":"array","encrypted":true,"elements":{"type":"string","referenceable":true}}}]}},
			{"old": {"type":"boolean","default":false,"deprecation":{"message":"use new"},"mark":"unsupported","mark_reason":"gone"}},
			{"mode": {"type":"string","one_of":["a","b"],"unsupported_values":{"b":"no"}}},
			{"empty": {"type":"record","fields":[]}}
		],
		"shorthand_fields": [
			{"url": {"type":"string"}},
			{"was": {"type":"string","deprecation":{"message":"was is deprecated","replaced_with":[{"path":["config","is"]}]}}}
		],
		"entity_checks": [{"at_least_one_of":["a"]}]
	}`)
	if diff := cmp.Diff(want, parse(t, string(text))); diff != "" {
		t.Errorf("description (-want +got):\n%s", diff)
	}
}

func TestDescribeOfAnEmptyRecordKeepsItsLists(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(new(schema.Record).Describe())
	if err != nil || string(text) != `{"entity_checks":[],"fields":[]}` {
		t.Errorf("%s, %v", text, err)
	}
}
