package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
)

func parse(t *testing.T, text string) *Document {
	t.Helper()
	doc, err := ParseDeclarative("kong.yaml", []byte(text), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func loaded(t *testing.T, b *bench, text string) Loaded {
	t.Helper()
	l, err := b.Load(t.Context(), parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const nested = `
_format_version: "3.0"
_transform: true
_comment: everything in its place
services:
  - name: echo
    url: http://echo.test/anything
    _comment: the upstream
    routes:
      - name: all
        hosts: [service.test]
        plugins:
          - name: door
            _ignore: [this, that]
            config:
              key: "{vault://env/KEY}"
    plugins:
      - name: gate
        config: {key: k}
consumers:
  - username: bob
    plugins:
      - name: door
        config: {key: bob}
`

const flat = `
_format_version: "3.0"
plugins:
- {name: door, route: all, config: {key: "{vault://env/KEY}"}}
- {name: gate, service: echo, config: {key: k}}
- {name: door, consumer: bob, config: {key: bob}}
routes:
- {name: all, service: echo, hosts: [service.test]}
services:
- {name: echo, url: "http://echo.test/anything"}
consumers:
- username: bob
`

func TestNestedAndFlatDocumentsSayTheSame(t *testing.T) {
	t.Parallel()
	var all []map[string]map[string]Object
	for _, text := range []string{nested, flat} {
		b := newBench(t)
		loaded(t, b, text)
		all = append(all, b.View().Entities())
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Error(diff)
	}
	set := 0
	for kind, want := range map[string]int{"services": 1, "routes": 1, "plugins": 3, "consumers": 1} {
		if got := len(all[0][kind]); got != want {
			t.Errorf("%d %s, want %d", got, kind, want)
		}
		set += want
	}
	if n := parse(t, nested).Len(); n != set {
		t.Errorf("document of %d entities", n)
	}
}

func TestReferencesByVaultStayAsTheyAre(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, flat)
	route, _ := b.View().Lookup(entity.Routes, "all")
	plugin := b.View().ByField(entity.Plugins, "route", route["id"])[0]
	if key := plugin["config"].(map[string]any)["key"]; key != "{vault://env/KEY}" {
		t.Errorf("key is %v", key)
	}
}

func TestJSONDocument(t *testing.T) {
	t.Parallel()
	text := "{\n\t\"_format_version\": \"3.0\",\n\t\"services\": [{\"name\": \"smile\", \"host\": \"a.test\", \"tags\": [\"\\ud83d\\ude00 \\/ok\"]}]}"
	_, err := ParseDeclarative("kong.json", []byte(text), testKinds())
	const want = "kong.json:3: services.1.tags.1: invalid tag '😀 /ok': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	b := newBench(t)
	loaded(t, b, strings.ReplaceAll(text, " \\/ok", ""))
	if tags := b.View().Set().Services[0].Tags; cmp.Diff([]string{"😀"}, tags) != "" {
		t.Errorf("tags %q", tags)
	}
}

func TestIDsAreStable(t *testing.T) {
	t.Parallel()
	first, second := newBench(t), newBench(t)
	loaded(t, first, nested)
	loaded(t, second, strings.Replace(nested, "{key: k}", "{key: other, words: [x]}", 1))
	keys := func(b *bench) map[string]bool {
		out := make(map[string]bool)
		for kind, all := range b.View().Entities() {
			for id := range all {
				if !isUUID(id) || id[14] != '5' {
					t.Errorf("%s is no UUIDv5", id)
				}
				out[kind+id] = true
			}
		}
		return out
	}
	if diff := cmp.Diff(keys(first), keys(second)); diff != "" {
		t.Errorf("a change of settings changed ids: %s", diff)
	}
}

func TestEntitiesWithoutANameGetIDs(t *testing.T) {
	t.Parallel()
	text := `
_format_version: "3.0"
services:
- host: a.test
  routes: [{paths: [/]}, {paths: [/]}, {paths: [/x]}]
- host: a.test
`
	first, second := newBench(t), newBench(t)
	loaded(t, first, text)
	loaded(t, second, text)
	a, b := first.View().Set(), second.View().Set()
	if len(a.Services) != 2 || len(a.Routes) != 3 {
		t.Fatalf("%d services, %d routes", len(a.Services), len(a.Routes))
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("ids differ: %s", diff)
	}
}

func TestGivenIDsAreUsed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, `
_format_version: "3.0"
services: [{id: 00000000-0000-4000-8000-000000000001, host: a.test, created_at: 5, updated_at: 6}]
routes: [{service: 00000000-0000-4000-8000-000000000001, paths: [/]}]
`)
	v, _ := b.View().Get(entity.Services, id(1))
	if v["created_at"] != int64(5) || v["updated_at"] != int64(6) {
		t.Errorf("times: %v", v)
	}
	if r := b.View().Set().Routes[0]; r.ServiceID != id(1) {
		t.Errorf("route of %s", r.ServiceID)
	}
}

func TestYAMLAnchorsAndMergeKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, `
_format_version: "3.0"
_ignore:
- &base {host: a.test, retries: 1}
- &more {port: 81, retries: 2}
services:
- {<<: *base, name: one}
- {<<: [*base, *more], name: two, host: b.test}
- <<: *base
  tags: &tags [x]
- host: c.test
  tags: *tags
`)
	got := make(map[string]any)
	for _, s := range b.View().Set().Services {
		got[s.Name+"@"+s.Host] = []any{s.Port, s.Retries, strings.Join(s.Tags, ",")}
	}
	want := map[string]any{
		"one@a.test": []any{80, 1, ""}, "two@b.test": []any{81, 1, ""},
		"@a.test": []any{80, 1, "x"}, "@c.test": []any{80, 5, "x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOldDocumentsGetTheirRegexesMarked(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]string{
		"1.1": {"/plain", `~/a/\d+`}, "2.1": {"/plain", `~/a/\d+`}, "3.0": {"/plain", `/a/\d+`},
	} {
		b := newBench(t)
		loaded(t, b, `{"_format_version": "`+version+`", "routes": [{"paths": ["/plain", "/a/\\d+"]}]}`)
		if diff := cmp.Diff(want, b.View().Set().Routes[0].Paths); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
	}
}

func TestDocumentFaults(t *testing.T) {
	t.Parallel()
	v3 := "_format_version: \"3.0\"\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "kong.yaml: the document is empty"},
		{"blank", " \n\n", "kong.yaml: the document is empty"},
		{"a comment only", "# nothing\n", "kong.yaml: the document is empty"},
		{"not YAML", "a: [1\nb: 2", "kong.yaml:1: did not find expected ',' or ']'"},
		{"not UTF-8", "a: \xff", "kong.yaml: the text is not UTF-8"},
		{"two documents", v3 + "---\n" + v3, "kong.yaml:2: a second YAML document begins here; only one is read"},
		{"a list", "- a\n", "kong.yaml:1: error: expected an object with _format_version and lists of entities"},
		{"a text", "hello\n", "kong.yaml:1: error: expected an object with _format_version and lists of entities"},
		{"duplicate keys", v3 + "services: []\nservices: []\n", `kong.yaml:3: duplicate key "services"`},
		{"duplicate keys in JSON", "{\"_format_version\": \"3.0\",\n\"a\": 1, \"a\": 2}", `kong.yaml:2: duplicate key "a"`},
		{"a foreign tag", v3 + "services: !!binary aGk=\n", `kong.yaml:2: tag "!!binary" is not supported`},
		{"an own tag", v3 + "services: !env FOO\n", `kong.yaml:2: tag "!env" is not supported`},
		{"no number", v3 + "services: [{host: a, port: .nan}]\n", "kong.yaml:2: the value does not fit its tag !!float"},
		{"a key that is a list", v3 + "? [a]\n: b\n", "kong.yaml:2: a key must be a plain text"},
		{"an anchor in itself", v3 + "services: &a [*a]\n", "kong.yaml:2: an anchor contains itself"},
		{"a merged text", v3 + "services: [{<<: x}]\n", "kong.yaml:2: only an object can be merged"},
		{"no version", "services: []\n", "kong.yaml:1: _format_version: required field missing"},
		{"version as a number", "_format_version: 3.0\n", "kong.yaml:1: _format_version: expected a string"},
		{"another version", "_format_version: \"4.0\"\n", "kong.yaml:1: _format_version: expected one of: 1.1, 2.1, 3.0"},
		{"_transform", v3 + "_transform: 1\n", "kong.yaml:2: _transform: expected a boolean"},
		{"_comment", v3 + "_comment: 1\n", "kong.yaml:2: _comment: expected a string"},
		{"_ignore", v3 + "_ignore: 1\n", "kong.yaml:2: _ignore: expected an array"},
		{"an unknown key", v3 + "servicse: []\n", "kong.yaml:2: servicse: unknown field"},
		{"a key of decK", v3 + "_info: {}\n", "kong.yaml:2: _info: unknown field (decK reads it and takes it out before it uploads)"},
		{"a kind that is not here", v3 + "upstreams:\n- name: u\n", "kong.yaml:2: upstreams: entities of this kind are not supported yet"},
		{
			"credentials that are not here", v3 + "consumers:\n- username: bob\n  jwt_secrets:\n  - key: x\n",
			"kong.yaml:4: consumers.1.jwt_secrets: entities of this kind are not supported yet",
		},
		{"no list", v3 + "services: {}\n", "kong.yaml:2: services: expected an array"},
		{"no nested list", v3 + "services:\n- host: a.test\n  routes: x\n", "kong.yaml:4: services.1.routes: expected an array"},
		{"no entity", v3 + "services:\n- host: a.test\n- x\n", "kong.yaml:4: services.2: expected a record"},
		{"an unknown field", v3 + "services:\n- host: a.test\n  hots: x\n", "kong.yaml:4: services.1.hots: unknown field"},
		{
			"an unknown field in a config", v3 + "plugins:\n- name: door\n  config:\n    key: k\n    place:\n      hots: h\n",
			"kong.yaml:7: plugins.1.config.place.hots: unknown field",
		},
		{"a missing field", v3 + "services:\n- name: a\n", "kong.yaml:3: services.1.host: required field missing"},
		{
			"an element", v3 + "services:\n- host: a.test\n  routes:\n  - paths:\n    - /ok\n    - bad\n",
			"kong.yaml:7: services.1.routes.1.paths.2: should start with: / (fixed path) or ~/ (regex path)",
		},
		{
			"a header", v3 + "routes:\n- headers:\n    x-a: [a]\n    host: [b]\n",
			"kong.yaml:5: routes.1.headers.host: cannot contain 'host' header, which must be specified in the 'hosts' attribute",
		},
		{
			"an entity check", v3 + "routes:\n- name: r\n",
			"kong.yaml:3: routes.1: must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'",
		},
		{"numbers are not texts", v3 + "services:\n- host: a.test\n  name: 1\n", "kong.yaml:4: services.1.name: expected a string"},
		{"words are not booleans", v3 + "services:\n- host: a.test\n  enabled: yes\n", "kong.yaml:4: services.1.enabled: expected a boolean"},
		{
			"an unknown plugin", v3 + "plugins:\n- name: x\n",
			"kong.yaml:3: plugins.1.name: plugin 'x' not enabled; add it to the 'plugins' configuration property",
		},
		{
			"a reference to nothing", v3 + "routes:\n- service: x\n  paths: [/]\n",
			"kong.yaml:3: routes.1.service: invalid reference 'service: x' (no such entry in 'services')",
		},
		{
			"a reference to a kind that is not here", v3 + "services:\n- host: a.test\n  client_certificate: x\n",
			"kong.yaml:4: services.1.client_certificate: invalid reference 'client_certificate: x' (no such entry in 'certificates')",
		},
		{
			"a reference as a record", v3 + "routes:\n- service: {name: x}\n  paths: [/]\n",
			"kong.yaml:3: routes.1.service: expected a string",
		},
		{
			"a reference beside the nesting", v3 + "services:\n- name: a\n  host: a.test\n  routes:\n  - paths: [/]\n    service: a\n",
			"kong.yaml:7: services.1.routes.1.service: value must be null",
		},
		{
			"nesting that makes no sense", v3 + "consumers:\n- username: a\n  routes:\n  - paths: [/]\n",
			"kong.yaml:4: consumers.1.routes: unknown field",
		},
		{
			"a forbidden scope", v3 + "consumers:\n- username: bob\n  plugins:\n  - name: gate\n    config: {key: k}\n",
			"kong.yaml:5: consumers.1.plugins.1.consumer: value must be null",
		},
		{
			"a name twice", v3 + "services:\n- {name: a, host: a.test}\n- {name: a, host: b.test}\n",
			"kong.yaml:4: services.2: uniqueness violation: 'services' entity with name set to 'a' already declared",
		},
		{
			"a name twice in the file", v3 + "services:\n- name: a\n  host: a.test\n  routes:\n  - {name: r, paths: [/]}\nroutes:\n- {name: r, paths: [/]}\n",
			"kong.yaml:8: routes.1: uniqueness violation: 'routes' entity with name set to 'r' already declared",
		},
		{
			"an id twice", v3 + "services:\n- {id: " + id(1) + ", host: a.test}\n- {id: " + id(1) + ", host: b.test}\n",
			"kong.yaml:4: services.2: uniqueness violation: 'services' entity with primary key set to '" + id(1) + "' already declared",
		},
		{
			"a plugin twice in one scope", v3 + "plugins:\n- {name: door, config: {key: k}}\n- {name: door, config: {key: k}}\n",
			`kong.yaml:4: plugins.2: uniqueness violation: 'plugins' entity with {consumer=null,consumer_group=null,name="door",route=null,service=null} already declared`,
		},
		{"an id that is none", v3 + "services:\n- {id: x, host: a.test}\n", "kong.yaml:3: services.1.id: expected a valid UUID"},
		{"a null id", v3 + "services:\n- {id: null, host: a.test}\n", "kong.yaml:3: services.1.id: required field missing"},
		{
			"protocols apart", v3 + "services:\n- host: a.test\n  routes: [{paths: [/]}]\n  plugins:\n  - name: door\n    protocols: [grpc]\n    config: {key: k}\n",
			"kong.yaml:7: services.1.plugins.1.protocols: must match the protocols of at least one route pointing to this Plugin's service",
		},
		{
			"every fault, in the order of the file", v3 + "plugins:\n- name: door\n  consumer: eve\nservices:\n- port: x\n  host: a.test\n  tags: [a, b/c, d, 5]\n",
			"kong.yaml:3: plugins.1.config.key: required field missing\n" +
				"kong.yaml:4: plugins.1.consumer: invalid reference 'consumer: eve' (no such entry in 'consumers')\n" +
				"kong.yaml:6: services.1.port: expected an integer\n" +
				"kong.yaml:8: services.1.tags.2: invalid tag 'b/c': expected printable ascii (except `,` and `/`) or valid utf-8 sequences\n" +
				"kong.yaml:8: services.1.tags.4: expected a string",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseDeclarative("kong.yaml", []byte(c.text), testKinds())
			var e *DocumentError
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if got := e.Error(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestDocumentsThatAreFine(t *testing.T) {
	t.Parallel()
	v3 := "_format_version: \"3.0\"\n"
	for name, text := range map[string]string{
		"nothing but the version":      v3,
		"empty and null lists":         v3 + "services: []\nroutes: null\nupstreams: []\ncertificates:\n",
		"nulls that say nothing":       v3 + "services:\n- host: a.test\n  name: null\n  routes:\n  jwt_secrets: []\n",
		"times that YAML recognises":   v3 + "services:\n- host: a.test\n  name: 2026-01-01\n",
		"another scope beside nesting": v3 + "consumers: [{username: bob}]\nservices:\n- host: a.test\n  plugins:\n  - {name: door, consumer: bob, config: {key: k}}\n",
	} {
		if _, err := ParseDeclarative("", []byte(text), testKinds()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	v3 := "_format_version: \"3.0\"\n"
	bomb := v3 + "_ignore:\n- &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'j'; i++ {
		prev := string(i - 1)
		bomb += "- &" + string(i) + " [" + strings.Repeat("*"+prev+",", 10) + "]\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"size":               {v3 + strings.Repeat("# filler\n", maxDocument/9), "larger than 10 MB"},
		"values":             {v3 + "_ignore: [" + strings.Repeat("x,", 2*maxNodes) + "]\n", "more than 500000 values"},
		"values in JSON":     {`{"_ignore": [` + strings.Repeat("0,", maxNodes) + "0]}", "line 1: more than 500000 values"},
		"aliases":            {bomb, "more than 500000 values"},
		"depth":              {v3 + "_ignore: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\n", "line 2: nested more than 64 levels deep"},
		"depth in JSON":      {`{"_ignore": ` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}", "line 1: nested more than 64 levels deep"},
		"absurd depth":       {v3 + "_ignore: " + strings.Repeat("[", 100_000), "exceeded max depth"},
		"absurd JSON depth":  {`{"a": ` + strings.Repeat("[", 100_000), "exceeded max depth"},
		"depth of a setting": {v3 + "plugins: [{name: door, config: " + strings.Repeat("{a: ", 50) + strings.Repeat("}", 50) + "}]\n", "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseDeclarative("", []byte(c.text), testKinds())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.200v, want %s", err, c.want)
			}
		})
	}
	// Told before anything is built, when no line is known yet.
	_, err := parseYAML([]byte(v3 + "_ignore: [" + strings.Repeat("x,", 2*maxNodes) + "]\n"))
	if want := "more than 500000 values"; err == nil || err.Error() != want {
		t.Errorf("got %.200v, want %s", err, want)
	}
}
