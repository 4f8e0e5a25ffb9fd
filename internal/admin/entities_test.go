package admin

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

const chosen = "5f1d7e76-2fed-4806-a6af-869984f025cb"

func TestPutReplacesOrCreates(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a := n.must(200, "PUT", "/services/"+chosen, jsonType, `{"host":"a.test","retries":1,"created_at":1000}`)
	if a.id() != chosen || a.in("created_at") != 1000.0 {
		t.Errorf("created under the given id and time: %s", a.raw)
	}
	a = n.must(200, "PUT", "/services/"+chosen, jsonType, `{"host":"b.test"}`)
	if a.in("retries") != 5.0 || a.in("created_at") == 1000.0 {
		t.Errorf("omitted fields go back to their defaults, created_at included: %s", a.raw)
	}
	a = n.must(200, "PUT", "/services/by-name", httpieForm, "host=c.test")
	if a.in("name") != "by-name" || a.id() == "" {
		t.Errorf("PUT by name creates: %s", a.raw)
	}
	b := n.must(200, "PUT", "/services/by-name", jsonType, `{"host":"d.test"}`)
	if b.id() != a.id() || b.in("host") != "d.test" {
		t.Errorf("PUT by name keeps the id: %s", b.raw)
	}
}

func TestPatchMergesRecordsAndReplacesLists(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.must(201, "POST", "/plugins", jsonType, `{"id":"`+chosen+`","name":"openid-connect","instance_name":"login",
		"config":{"issuer":"https://idp.test","client_id":["a","b"],"redis":{"host":"r.test"}}}`)
	a := n.must(200, "PATCH", "/plugins/login", jsonType, `{"config":{"client_id":["c"],"redis":{"port":1}},"enabled":false}`)
	got := []any{a.in("config", "client_id"), a.in("config", "redis", "host"), a.in("config", "redis", "port"), a.in("enabled")}
	if diff := cmp.Diff([]any{[]any{"c"}, "r.test", 1.0, false}, got); diff != "" {
		t.Error(diff)
	}
	a = n.must(200, "PATCH", "/plugins/login", jsonType, `{"config":{"redis":null,"login_tokens":null}}`)
	if a.in("config", "redis") != nil || a.in("config", "login_tokens") != nil {
		t.Errorf("null clears: %s", a.raw)
	}
	a = n.ask("PATCH", "/plugins/login", jsonType, `{"config":{"issuer":null}}`)
	if a.status != 400 || a.message() != "schema violation (config.issuer: required field missing)" {
		t.Errorf("null on a required field: %d %s", a.status, a.raw)
	}
}

func TestKeysAndReferences(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	service := n.must(201, "POST", "/services", jsonType, `{"name":"one","host":"a.test"}`).id()
	n.must(201, "POST", "/consumers", jsonType, `{"username":"ann"}`)
	for _, test := range []struct {
		rule, method, path, body string
		status                   int
		code                     float64
		message                  string
	}{
		{"name twice", "POST", "/services", `{"name":"one","host":"b.test"}`, 409, 5, `UNIQUE violation detected on '{name="one"}'`},
		{"id twice", "POST", "/services", `{"id":"` + service + `","host":"b.test"}`, 400, 3, `primary key violation on key '{id="` + service + `"}'`},
		{"reference by name", "POST", "/routes", `{"name":"r","hosts":["a.test"],"service":{"name":"one"}}`, 201, 0, ""},
		{"reference by a bare text", "POST", "/routes", `{"hosts":["a.test"],"service":"one"}`, 400, 2, ""},
		{
			"unknown id", "POST", "/routes", `{"hosts":["a.test"],"service":{"id":"` + chosen + `"}}`, 400, 4,
			`the foreign key '{id="` + chosen + `"}' does not reference an existing 'services' entity.`,
		},
		{
			"unknown name", "POST", "/routes", `{"hosts":["a.test"],"service":{"name":"x"}}`, 400, 13,
			`foreign key unresolved (service.name: the foreign key cannot be resolved with '{name="x"}' for an existing 'services' entity)`,
		},
		{
			"service with routes", "DELETE", "/services/one", "", 400, 4,
			`an existing 'routes' entity references this 'services' entity`,
		},
		{"plugin", "POST", "/plugins", `{"name":"marker","service":{"name":"one"}}`, 201, 0, ""},
		{
			"same plugin in the same scope", "POST", "/plugins", `{"name":"marker","service":{"name":"one"}}`, 409, 5,
			`UNIQUE violation detected on '{consumer=null,consumer_group=null,name="marker",route=null,service={id="` + service + `"}}'`,
		},
		{
			"scope that the plugin forbids", "POST", "/plugins",
			`{"name":"openid-connect","config":{"issuer":"https://idp.test"},"consumer":{"username":"ann"}}`, 400, 2,
			"schema violation (consumer: value must be null)",
		},
		{
			"unknown plugin", "POST", "/plugins", `{"name":"x"}`, 400, 2,
			"schema violation (name: plugin 'x' not enabled; add it to the 'plugins' configuration property)",
		},
	} {
		contentType := jsonType
		if test.body == "" {
			contentType = ""
		}
		a := n.ask(test.method, test.path, contentType, test.body)
		if a.status != test.status {
			t.Errorf("%s: got %d %s, want %d", test.rule, a.status, a.raw, test.status)
			continue
		}
		if test.code != 0 && (a.in("code") != test.code || (test.message != "" && a.message() != test.message)) {
			t.Errorf("%s: got %s, want code %v %s", test.rule, a.raw, test.code, test.message)
		}
	}
}

func TestNestedPathsInjectTheParent(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := n.must(201, "POST", "/services", jsonType, `{"name":"one","host":"a.test"}`).id()
	two := n.must(201, "POST", "/services", jsonType, `{"name":"two","host":"b.test"}`).id()

	r := n.must(201, "POST", "/services/one/routes", jsonType, `{"name":"r","hosts":["x.test"],"service":{"id":"`+two+`"}}`)
	if r.in("service", "id") != one {
		t.Errorf("the path decides the parent: %s", r.raw)
	}
	a := n.must(200, "PUT", "/services/one/routes/"+chosen, jsonType, `{"hosts":["y.test"]}`)
	if a.id() != chosen || a.in("service", "id") != one {
		t.Errorf("PUT creates below the parent: %s", a.raw)
	}
	n.must(404, "PUT", "/services/two/routes/"+chosen, jsonType, `{"hosts":["z.test"]}`)
	n.must(404, "PATCH", "/services/two/routes/r", jsonType, `{"hosts":["z.test"]}`)
	n.must(404, "DELETE", "/services/two/routes/r", "", "")
	n.must(404, "POST", "/services/nobody/routes", jsonType, `{"hosts":["z.test"]}`)
	n.must(404, "PUT", "/services/nobody/routes/"+chosen, jsonType, `{"hosts":["z.test"]}`)
	a = n.must(200, "PATCH", "/services/one/routes/r", httpieForm, "hosts=p.test&hosts=q.test")
	if diff := cmp.Diff([]any{"p.test", "q.test"}, a.in("hosts")); diff != "" {
		t.Error(diff)
	}
	a = n.must(200, "PATCH", "/routes/r/service", jsonType, `{"retries":2}`)
	if a.id() != one || a.in("retries") != 2.0 {
		t.Errorf("PATCH of the one parent: %s", a.raw)
	}
	a = n.must(200, "PUT", "/routes/r/service", jsonType, `{"name":"one","host":"c.test"}`)
	if a.id() != one || a.in("retries") != 5.0 {
		t.Errorf("PUT of the one parent: %s", a.raw)
	}
	n.must(204, "DELETE", "/services/one/routes/r", "", "")
	n.must(404, "GET", "/routes/r", "", "")
}

func TestDeleteOfAParentTakesItsPlugins(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	id := n.walkthrough()
	n.must(204, "DELETE", "/routes/anything", "", "")
	n.must(204, "DELETE", "/services/anything", "", "")
	n.must(404, "GET", "/plugins/"+id, "", "")
	n.must(204, "DELETE", "/plugins/"+id, "", "")
}

// What the data plane refuses is a schema violation and changes nothing.
func TestARefusedCompileChangesNothing(t *testing.T) {
	t.Parallel()
	n := newNodeAccepting(t, func(set *entity.Set) (func(), error) {
		for _, p := range set.Plugins {
			if p.Config["issuer"] == "https://refused.test" {
				return nil, &entity.Invalid{Kind: "plugins", ID: p.ID, Errors: schema.Errors{"config": schema.Errors{"issuer": "no such thing"}}}
			}
			if p.Config["issuer"] == "https://broken.test" {
				return nil, errors.New("something about the whole")
			}
		}
		return func() {}, nil
	})
	id := n.walkthrough()
	before := n.state()
	a := n.ask("PATCH", "/plugins/"+id, httpieForm, "config.issuer=https://refused.test")
	if a.status != 400 || a.message() != "schema violation (config.issuer: no such thing)" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	a = n.ask("PATCH", "/plugins/"+id, httpieForm, "config.issuer=https://broken.test")
	if a.status != 400 || !strings.Contains(a.message(), "something about the whole") {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if n.state() != before {
		t.Error("something changed")
	}
	n.must(200, "PATCH", "/plugins/"+id, httpieForm, "config.issuer=https://fine.test")
}
