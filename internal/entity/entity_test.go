package entity

import (
	"testing"

	"sallyport/internal/schema"
)

// testKinds has one plugin, "door", with an automatic field, and a sibling
// that allows no consumer.
func testKinds(t *testing.T) map[string]*Kind {
	t.Helper()
	config := func() *schema.Record {
		return &schema.Record{Fields: []*schema.Field{
			schema.String("key", nil).Required(),
			schema.Strings("words", nil, "a", "b"),
			schema.String("salt", nil).Auto(),
			schema.RecordOf("store", schema.String("host", nil, "localhost"), schema.Int("port", nil, 6379)),
		}}
	}
	kinds := Kinds(func(name string) (PluginType, bool) {
		switch name {
		case "door":
			return PluginType{Config: config(), Prepare: func(c map[string]any) {
				if _, said := c["salt"]; !said {
					c["salt"] = "generated"
				}
			}}, true
		case "gate":
			return PluginType{Config: config(), NoConsumer: true, Protocols: []string{"https"}}, true
		}
		return PluginType{}, false
	})
	out := make(map[string]*Kind)
	for _, k := range kinds {
		out[k.Name] = k
	}
	return out
}

// rule is one row: the object, and the message that it gives; empty for none.
type rule struct {
	name string
	in   map[string]any
	want string
}

func checkRules(t *testing.T, k *Kind, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if errs := k.Validate(r.in); errs != nil {
				got = errs.Message()
			}
			if got != r.want {
				t.Errorf("got  %q\nwant %q", got, r.want)
			}
		})
	}
}

func texter(words ...string) []any { return list(words) }

const uuid1 = "11111111-1111-4111-8111-111111111111"

func ref(id string) map[string]any { return map[string]any{"id": id} }
