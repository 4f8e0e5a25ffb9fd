package admin

import (
	"strings"
	"testing"
)

func TestSchemas(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for _, path := range []string{"/schemas/services", "/schemas/routes", "/schemas/consumers", "/schemas/plugins", "/schemas/plugins/openid-connect"} {
		a := n.must(200, "GET", path, "", "")
		fields, isList := a.body["fields"].([]any)
		if !isList || len(fields) == 0 {
			t.Fatalf("%s: %s", path, a.raw)
		}
		for _, f := range fields {
			if one, isObject := f.(map[string]any); !isObject || len(one) != 1 {
				t.Errorf("%s: each element has exactly one key: %v", path, f)
			}
		}
		if _, isList := a.body["entity_checks"].([]any); !isList {
			t.Errorf("%s: entity_checks: %v", path, a.body["entity_checks"])
		}
	}
	for path, message := range map[string]string{
		"/schemas/nothing":         "No entity named 'nothing'",
		"/schemas/plugins/nothing": "No plugin named 'nothing'",
		"/plugins/schema/nothing":  "No plugin named 'nothing'",
		"/schemas/upstreams":       "No entity named 'upstreams'",
	} {
		if a := n.get(path); a.status != 404 || a.message() != message {
			t.Errorf("%s: got %d %s", path, a.status, a.raw)
		}
	}
}

// decK fills defaults from protocols and config of a plugin's schema.
func TestPluginSchemaHasWhatDeckFillsFrom(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a := n.get("/schemas/plugins/openid-connect")
	found := map[string]map[string]any{}
	fields, _ := a.body["fields"].([]any)
	for _, f := range fields {
		one, _ := f.(map[string]any)
		for name, attributes := range one {
			found[name], _ = attributes.(map[string]any)
		}
	}
	if def, _ := found["protocols"]["default"].([]any); len(def) != 4 || found["protocols"]["type"] != "set" {
		t.Errorf("protocols: %v", found["protocols"])
	}
	if inner, _ := found["config"]["fields"].([]any); len(inner) == 0 || found["config"]["type"] != "record" || found["config"]["required"] != true {
		t.Errorf("config: %v", found["config"])
	}
	if eq, given := found["consumer"]["eq"]; !given || eq != nil {
		t.Errorf("a forbidden scope is eq null: %v", found["consumer"])
	}
	if a := n.must(200, "GET", "/plugins/schema/marker", "", ""); !strings.Contains(a.raw, `"level"`) {
		t.Errorf("config record alone: %s", a.raw)
	}
}

func TestValidateEndpoints(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	before := n.state()
	for _, test := range []struct {
		rule, path, contentType, body string
		status                        int
		message                       string
	}{
		{"a service", "/schemas/services/validate", jsonType, `{"host":"a.test"}`, 200, "schema validation successful"},
		{"as a form", "/schemas/services/validate", httpieForm, `host=a.test&port=1`, 200, "schema validation successful"},
		{"foreign keys are not looked up", "/schemas/routes/validate", jsonType, `{"hosts":["a.test"],"service":{"id":"` + chosen + `","name":"x"}}`, 200, ""},
		{"a plugin", "/schemas/plugins/validate", jsonType, `{"name":"openid-connect","config":{"issuer":"https://idp.test"}}`, 200, ""},
		{"its config", "/schemas/plugins/validate", jsonType, `{"name":"openid-connect","config":{"issuer":"https://idp.test","garbage":1}}`, 400, "schema violation (config.garbage: unknown field)"},
		{"a field", "/schemas/services/validate", jsonType, `{"host":"a.test","port":99999}`, 400, "schema violation (port: value should be between 0 and 65535)"},
		{"an unknown entity", "/schemas/nothing/validate", jsonType, `{}`, 404, "No entity named 'nothing'"},
	} {
		a := n.ask("POST", test.path, test.contentType, test.body)
		if a.status != test.status || (test.message != "" && a.message() != test.message) {
			t.Errorf("%s: got %d %s", test.rule, a.status, a.raw)
		}
	}
	if n.state() != before {
		t.Error("validating changed something")
	}
}
