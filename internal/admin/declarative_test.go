package admin

import (
	"encoding/json"
	"strings"
	"testing"
)

const yamlDocument = `_format_version: "3.0"
services:
- name: one
  url: http://a.test/anything
  routes:
  - name: r
    hosts: [x.test]
  plugins:
  - name: openid-connect
    config:
      issuer: '{vault://env/issuer}'
`

func TestPostConfigAcceptsEveryWrapping(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal(yamlDocument)
	if err != nil {
		t.Fatal(err)
	}
	const jsonDocument = `{"_format_version":"3.0","services":[{"name":"one","host":"a.test"}]}`
	for name, test := range map[string]struct{ contentType, body string }{
		"JSON document":      {jsonType, jsonDocument},
		"YAML in JSON":       {jsonType, `{"config":` + string(quoted) + `}`},
		"YAML in a form":     {httpieForm, "config=" + strings.NewReplacer("\n", "%0A", "&", "%26", "+", "%2B").Replace(yamlDocument)},
		"raw YAML":           {"application/yaml", yamlDocument},
		"raw YAML, old type": {"text/yaml; charset=utf-8", yamlDocument},
		"multipart": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"config\"; filename=\"kong.yaml\"\r\n\r\n" +
			yamlDocument + "\r\n--x--\r\n"},
		"multipart with JSON": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"config\"; filename=\"kong.json\"\r\n" +
			"Content-Type: application/json\r\n\r\n" + jsonDocument + "\r\n--x--\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.must(201, "POST", "/consumers", jsonType, `{"username":"replaced"}`)
			a := n.must(201, "POST", "/config", test.contentType, test.body)
			services, _ := a.in("services").(map[string]any)
			if len(services) != 1 {
				t.Errorf("flattened entities: %s", a.raw)
			}
			for id, object := range services {
				if s, _ := object.(map[string]any); s["id"] != id || s["name"] != "one" {
					t.Errorf("entities by id: %s", a.raw)
				}
			}
			n.must(200, "GET", "/services/one", "", "")
			n.must(404, "GET", "/consumers/replaced", "", "")
		})
	}
}

func TestPostConfigIsAllOrNothing(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.must(201, "POST", "/config", "application/yaml", yamlDocument)
	before := n.state()
	for name, test := range map[string]struct {
		contentType, body string
		status            int
		code              float64
	}{
		"no body":                 {"", "", 400, 0},
		"empty object":            {jsonType, "{}", 400, 0},
		"empty text":              {"application/yaml", " \n", 400, 0},
		"empty field":             {httpieForm, "config=", 400, 0},
		"form without the field":  {httpieForm, "x=1", 400, 0},
		"no version":              {jsonType, `{"services":[]}`, 400, 14},
		"unknown key":             {"application/yaml", yamlDocument + "servces: []\n", 400, 14},
		"unknown field":           {"application/yaml", yamlDocument + "consumers:\n- usernam: x\n", 400, 14},
		"one wrong among many":    {"application/yaml", yamlDocument + "consumers:\n- username: ok\n- username: 3\n", 400, 14},
		"unknown reference":       {"application/yaml", "_format_version: \"3.0\"\nroutes:\n- hosts: [a.test]\n  service: nobody\n", 400, 14},
		"not YAML":                {"application/yaml", "a: [", 400, 14},
		"type that cannot be one": {"text/plain", yamlDocument, 415, 0},
	} {
		a := n.ask("POST", "/config", test.contentType, test.body)
		if code, _ := a.in("code").(float64); a.status != test.status || code != test.code {
			t.Errorf("%s: got %d %s", name, a.status, a.raw)
		}
		if test.status == 400 && test.code == 0 && a.message() != "expected a declarative configuration" {
			t.Errorf("%s: %s", name, a.raw)
		}
		if n.state() != before {
			t.Fatalf("%s changed something", name)
		}
	}
}

func TestPostConfigCheckHash(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.must(201, "POST", "/config?check_hash=1", "application/yaml", yamlDocument)
	if a := n.ask("POST", "/config?check_hash=1", "application/yaml", yamlDocument); a.status != 304 || a.raw != "" {
		t.Errorf("same text: got %d %s, want 304", a.status, a.raw)
	}
	n.must(201, "POST", "/config?check_hash=true", "application/yaml", yamlDocument)
	n.must(201, "POST", "/config", "application/yaml", yamlDocument)
	n.must(201, "POST", "/config?check_hash=1", "application/yaml", yamlDocument+"consumers: [{username: x}]\n")
	n.must(201, "POST", "/consumers", jsonType, `{"username":"y"}`)
	n.must(201, "POST", "/config?check_hash=1", "application/yaml", yamlDocument+"consumers: [{username: x}]\n")
	n.must(404, "GET", "/consumers/y", "", "")
}

func TestPostConfigFlattensErrors(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	const bad = `{"_format_version":"3.0","services":[{"name":"one","host":"a.test","port":99999}]}`
	a := n.ask("POST", "/config", jsonType, bad)
	if a.status != 400 || a.in("fields", "services") == nil || a.body["flattened_errors"] != nil {
		t.Errorf("not flattened: %s", a.raw)
	}
	a = n.ask("POST", "/config?flatten_errors=1", jsonType, bad)
	list, _ := a.body["flattened_errors"].([]any)
	if a.status != 400 || len(list) != 1 {
		t.Fatalf("flattened: %s", a.raw)
	}
	if first, _ := list[0].(map[string]any); first["entity_type"] != "service" || first["entity_name"] != "one" {
		t.Errorf("flattened: %s", a.raw)
	}
}

func TestGetConfigGivesADocumentThatLoads(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.walkthrough()
	text, _ := n.get("/config").in("config").(string)
	other := newNode(t)
	other.must(201, "POST", "/config", "application/yaml", text)
	again, _ := other.get("/config").in("config").(string)
	if text != again || !strings.Contains(text, "openid-connect") {
		t.Errorf("exported:\n%s\nand loaded and exported again:\n%s", text, again)
	}
}

func TestOneLoadAtATime(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.api.loading.Lock()
	a := n.ask("POST", "/config", "application/yaml", yamlDocument)
	if a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	n.api.loading.Unlock()
	n.must(201, "POST", "/config", "application/yaml", yamlDocument)
}
