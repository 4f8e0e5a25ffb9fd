package store

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const faulty = `
_format_version: "3.0"
upstreams: [{name: u}]
services:
- host: fine.test
- name: s
  host: a.test:1
  tags: [one, two]
  routes:
  - name: r
    paths: [/ok, bad, /ok, bad]
  - name: empty
consumers:
- {username: bob, colour: red}
`

// body is what a client gets to see.
func body(t *testing.T, text string, flatten bool) map[string]any {
	t.Helper()
	_, err := ParseDeclarative("", []byte(text), testKinds())
	var e *DocumentError
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	encoded, err := json.Marshal(e.Body(flatten))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(encoded, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func wantJSON(t *testing.T, got map[string]any, want string) {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(want), &decoded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded, got); diff != "" {
		t.Error(diff)
	}
}

const (
	badPath  = "should start with: / (fixed path) or ~/ (regex path)"
	badRoute = "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'"
)

func TestAnswerToAFaultyDocument(t *testing.T) {
	t.Parallel()
	got := body(t, faulty, false)
	if want := `declarative config is invalid: {consumers={{colour="unknown field"}},` +
		`services={[2]={host="must not have a port",routes={{paths={[2]="` + badPath + `",[4]="` + badPath + `"}},` +
		`{["@entity"]={"` + badRoute + `"}}}}},upstreams="entities of this kind are not supported yet"}`; got["message"] != want {
		t.Errorf("got  %s\nwant %s", got["message"], want)
	}
	delete(got, "message")
	wantJSON(t, got, `{
		"code": 14, "name": "invalid declarative configuration",
		"fields": {
			"upstreams": "entities of this kind are not supported yet",
			"services": [null, {
				"host": "must not have a port",
				"routes": [{"paths": [null, "`+badPath+`", null, "`+badPath+`"]}, {"@entity": ["`+badRoute+`"]}]
			}],
			"consumers": [{"colour": "unknown field"}]
		}
	}`)
}

func TestFlattenedAnswerToAFaultyDocument(t *testing.T) {
	t.Parallel()
	got := body(t, faulty, true)
	delete(got, "message")
	for _, e := range got["flattened_errors"].([]any) {
		one := e.(map[string]any)
		if id, _ := one["entity_id"].(string); !isUUID(id) {
			t.Errorf("entity_id is %q", id)
		}
		delete(one, "entity_id")
	}
	wantJSON(t, got, `{
		"code": 14, "name": "invalid declarative configuration",
		"fields": {"upstreams": "entities of this kind are not supported yet"},
		"flattened_errors": [
			{"entity_type": "service", "entity_name": "s", "entity_tags": ["one", "two"],
			 "entity": {"name": "s", "host": "a.test:1", "tags": ["one", "two"]},
			 "errors": [{"type": "field", "field": "host", "message": "must not have a port"}]},
			{"entity_type": "route", "entity_name": "r", "entity": {"name": "r", "paths": ["/ok", "bad", "/ok", "bad"]},
			 "errors": [{"type": "field", "field": "paths.2", "message": "`+badPath+`"},
			            {"type": "field", "field": "paths.4", "message": "`+badPath+`"}]},
			{"entity_type": "route", "entity_name": "empty", "entity": {"name": "empty"},
			 "errors": [{"type": "entity", "message": "`+badRoute+`"}]},
			{"entity_type": "consumer", "entity_name": "bob", "entity": {"username": "bob", "colour": "red"},
			 "errors": [{"type": "field", "field": "colour", "message": "unknown field"}]}
		]
	}`)
}

func TestAnswerToWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	wantJSON(t, body(t, "a: [", false), `{
		"code": 14, "name": "invalid declarative configuration",
		"message": "declarative config is invalid: {error=\"failed parsing declarative configuration: line 1: did not find expected node content\"}",
		"fields": {"error": "failed parsing declarative configuration: line 1: did not find expected node content"}
	}`)
}

func TestManyFaultsAreCutShort(t *testing.T) {
	t.Parallel()
	e := &DocumentError{}
	for range maxShown + 3 {
		e.Problems = append(e.Problems, Problem{Line: 1, Message: "x"})
	}
	text := e.Error()
	if want := "\n… and 3 more"; text[len(text)-len(want):] != want {
		t.Errorf("got %s", text)
	}
}
