package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/certificate/certtest"
	"sallyport/internal/server"
)

// These tests do to a node what decK does, as far as it depends on the node.
// decK writes objects without nulls under ids of its own. Later it fills what
// it did not write with the defaults of the schemas, and reports a difference
// at every sync unless it reads exactly that.

const (
	deckService  = "11111111-1111-4111-8111-111111111111"
	deckRoute    = "22222222-2222-4222-8222-222222222222"
	deckConsumer = "33333333-3333-4333-8333-333333333333"
	deckPlugin   = "44444444-4444-4444-8444-444444444444"
)

// adminAPI is the address of the Admin API of a node that runs until the test
// ends.
func adminAPI(t *testing.T) string {
	t.Helper()
	var s settings
	s.flags("start")
	s.proxyListen, s.adminListen = []server.Listen{{Addr: "127.0.0.1:0"}}, []server.Listen{{Addr: "127.0.0.1:0"}}
	n, err := newNode(s, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := n.listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.run(ctx, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		n.close()
	})
	return "http://" + n.admin.Addrs()[0].String()
}

// ask sends a JSON object, or nothing, and reads one.
func ask(t testing.TB, method, target string, body map[string]any) (int, map[string]any) {
	t.Helper()
	var text io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, text)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil && resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s: %d: %v", method, target, resp.StatusCode, err)
	}
	return resp.StatusCode, answer
}

// filled is what decK expects to read after it wrote written, by the schema of
// a record.
func filled(schema, written map[string]any) map[string]any {
	out := map[string]any{}
	for name, attributes := range schemaFields(schema) {
		value, given := written[name]
		record, isRecord := value.(map[string]any)
		list, isList := value.([]any)
		elements, _ := attributes["elements"].(map[string]any)
		switch {
		case attributes["type"] == "record" && (isRecord || (value == nil && attributes["required"] == true)):
			out[name] = filled(attributes, record)
		case isList && elements["type"] == "record":
			all := make([]any, len(list))
			for i, e := range list {
				element, _ := e.(map[string]any)
				all[i] = filled(elements, element)
			}
			out[name] = all
		case given:
			out[name] = value
		default:
			out[name] = attributes["default"]
		}
	}
	return out
}

// schemaFields are the fields of a schema's answer: a list of objects with one
// member.
func schemaFields(schema map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	list, _ := schema["fields"].([]any)
	for _, f := range list {
		one, _ := f.(map[string]any)
		for name, attributes := range one {
			out[name], _ = attributes.(map[string]any)
		}
	}
	return out
}

// object decodes JSON, so that numbers have the type that answers have.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// parents creates the service and the route that the tests refer to.
func parents(t *testing.T, api string) {
	t.Helper()
	if status, answer := ask(t, http.MethodPut, api+"/services/"+deckService, object(t, `{"host":"h"}`)); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	body := object(t, `{"paths":["/"],"service":{"id":"`+deckService+`"}}`)
	if status, answer := ask(t, http.MethodPut, api+"/routes/"+deckRoute, body); status != http.StatusOK {
		t.Fatal(status, answer)
	}
}

func TestDeckReadsEntitiesAsItExpects(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	for _, tc := range []struct{ rule, kind, id, written string }{
		{"the least of a service", "services", deckService, `{"host":"h"}`},
		{
			"a service", "services", deckService,
			`{"name":"s","protocol":"https","host":"h","port":8443,"path":"/p","retries":1,"tls_verify":true,"tags":["a","b c"]}`,
		},
		{"a service whose defaults were cleared", "services", deckService, `{"host":"h","retries":null}`},
		{"the least of a route", "routes", deckRoute, `{"paths":["/"]}`},
		{"a route", "routes", deckRoute, `{"name":"r","hosts":["a.test","*.b.test"],"paths":["/","~/i/\\d+$"],"methods":["GET"],
			"headers":{"x-a":["1","2"]},"protocols":["https"],"regex_priority":7,"strip_path":false,"https_redirect_status_code":302}`},
		{"an authority", "ca_certificates", deckConsumer, `{"cert":` + quoted(root.Cert) + `,"cert_digest":"` + digest(root) + `","tags":["a"]}`},
		{"a consumer", "consumers", deckConsumer, `{"username":"u","custom_id":"c","tags":["ünï"]}`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			api := adminAPI(t)
			written := object(t, tc.written)
			written["id"] = tc.id
			if status, answer := ask(t, http.MethodPut, api+"/"+tc.kind+"/"+tc.id, written); status != http.StatusOK {
				t.Fatalf("status %d: %v", status, answer)
			}
			_, schema := ask(t, http.MethodGet, api+"/schemas/"+tc.kind, nil)
			_, got := ask(t, http.MethodGet, api+"/"+tc.kind+"/"+tc.id, nil)
			want := filled(schema, written)
			want["created_at"], want["updated_at"] = got["created_at"], got["updated_at"]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decK would find a difference (-expected +read):\n%s", diff)
			}
		})
	}
}

func quoted(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // texts are JSON
	}
	return string(data)
}

func digest(p *certtest.Pair) string {
	sum := sha256.Sum256(p.Leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// TestDeckWritesCertificatesAndTheirNamesApart: decK compares certificates
// without their snis, writes them without, and manages the names as entities.
func TestDeckWritesCertificatesAndTheirNamesApart(t *testing.T) {
	t.Parallel()
	api := adminAPI(t)
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two"}})
	must := func(method, path string, body map[string]any, want int) map[string]any {
		t.Helper()
		status, answer := ask(t, method, api+path, body)
		if status != want {
			t.Fatalf("%s %s: status %d: %v", method, path, status, answer)
		}
		return answer
	}
	// Before it creates a certificate with an id decK looks whether it is there.
	must(http.MethodGet, "/certificates/"+deckService, nil, http.StatusNotFound)
	written := map[string]any{"id": deckService, "cert": one.Cert, "key": one.Key, "tags": []any{"a"}}
	must(http.MethodPut, "/certificates/"+deckService, written, http.StatusOK)
	name := map[string]any{"id": deckRoute, "name": "*.shop.test", "certificate": map[string]any{"id": deckService}}
	must(http.MethodPut, "/snis/"+deckRoute, name, http.StatusOK)

	_, schema := ask(t, http.MethodGet, api+"/schemas/certificates", nil)
	same := func() {
		t.Helper()
		got := must(http.MethodGet, "/certificates?size=1000&tags=a", nil, http.StatusOK)
		read, _ := got["data"].([]any)[0].(map[string]any)
		if diff := cmp.Diff([]any{"*.shop.test"}, read["snis"]); diff != "" {
			t.Error(diff)
		}
		want := filled(schema, written)
		want["created_at"], want["updated_at"], want["snis"] = read["created_at"], read["updated_at"], read["snis"]
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("decK would find a difference (-expected +read):\n%s", diff)
		}
	}
	same()
	written["cert"], written["key"] = two.Cert, two.Key
	must(http.MethodPut, "/certificates/"+deckService, written, http.StatusOK)
	same()
	_, schema = ask(t, http.MethodGet, api+"/schemas/snis", nil)
	read := must(http.MethodGet, "/snis/"+deckRoute, nil, http.StatusOK)
	want := filled(schema, name)
	want["created_at"], want["updated_at"] = read["created_at"], read["updated_at"]
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("decK would find a difference (-expected +read):\n%s", diff)
	}
	must(http.MethodDelete, "/snis/"+deckRoute, nil, http.StatusNoContent)
	must(http.MethodDelete, "/certificates/"+deckService, nil, http.StatusNoContent)
}

func TestDeckReadsPluginsAsItExpects(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ rule, config string }{
		{"the least", `{"issuer":"{vault://env/issuer}","cache_tokens_salt":"s"}`},
		{"what decK adds for a field that the server would generate", `{"issuer":"{vault://env/issuer}","cache_tokens_salt":null}`},
		{"a cleared default", `{"issuer":"{vault://env/issuer}","cache_tokens_salt":"s","login_tokens":null,"scopes":null}`},
		{"arrays, numbers and flags", `{"issuer":"https://idp.test/realm","cache_tokens_salt":"s","client_id":["c"],"client_secret":["{vault://env/s}"],
			"auth_methods":["authorization_code","session"],"scopes":["openid","email"],"session_rolling_timeout":3600.5,"preserve_query_args":true}`},
		{"an optional record in part", `{"issuer":"https://idp.test/realm","cache_tokens_salt":"s","session_storage":"redis","redis":{"host":"r.test","ssl":true}}`},
		{"an array of records", `{"issuer":"https://idp.test/realm","cache_tokens_salt":"s",
			"upstream_headers":[{"header":"x-a","path":["sub"]},{"header":"x-b","path":["realm_access","roles"]}]}`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			api := adminAPI(t)
			parents(t, api)
			config := object(t, tc.config)
			written := map[string]any{
				"id": deckPlugin, "name": "openid-connect", "enabled": true, "config": config,
				"protocols": []any{"grpc", "grpcs", "http", "https"},
				"service":   map[string]any{"id": deckService, "name": "s"},
			}
			if status, answer := ask(t, http.MethodPut, api+"/plugins/"+deckPlugin, written); status != http.StatusOK {
				t.Fatalf("status %d: %v", status, answer)
			}
			_, schema := ask(t, http.MethodGet, api+"/schemas/plugins/openid-connect", nil)
			_, got := ask(t, http.MethodGet, api+"/plugins/"+deckPlugin, nil)
			if diff := cmp.Diff(filled(schemaFields(schema)["config"], config), got["config"]); diff != "" {
				t.Errorf("decK would find a difference (-expected +read):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]any{"id": deckService}, got["service"]); diff != "" {
				t.Errorf("service:\n%s", diff)
			}
		})
	}
}

// TestDeckReadsEveryList: some lists must be there even if they are always
// empty; for the others decK takes 404, and nothing else, for empty.
func TestDeckReadsEveryList(t *testing.T) {
	t.Parallel()
	api := adminAPI(t)
	for _, name := range []string{"services", "routes", "plugins", "certificates", "snis", "ca_certificates", "consumers", "consumer_groups", "acls", "key-auths", "oauth2", "upstreams"} {
		status, answer := ask(t, http.MethodGet, api+"/"+name+"?size=1000&tags=a%2Cb", nil)
		if diff := cmp.Diff(map[string]any{"data": []any{}, "next": nil}, answer); status != http.StatusOK || diff != "" {
			t.Errorf("%s: status %d\n%s", name, status, diff)
		}
	}
	for _, name := range []string{
		"vaults", "partials", "keys", "key-sets", "filter-chains", "degraphql_routes",
		"graphql-rate-limiting-advanced/costs", "hmac-auths", "jwts", "basic-auths", "mtls-auths",
		"custom-plugins", "cloned-plugins", "licenses",
		"schemas/upstreams", "schemas/targets", "schemas/consumer_group_plugins",
	} {
		if status, answer := ask(t, http.MethodGet, api+"/"+name+"?size=1000", nil); status != http.StatusNotFound {
			t.Errorf("%s: status %d %v", name, status, answer)
		}
	}
}

// TestDeckWritesConsumersAndWhatGoesWithThem: credentials come below their
// consumer, under ids of decK's own; groups are read one by one, wrapped.
func TestDeckWritesConsumersAndWhatGoesWithThem(t *testing.T) {
	t.Parallel()
	api := adminAPI(t)
	const group, key, acl = "55555555-5555-4555-8555-555555555555", "66666666-6666-4666-8666-666666666666", "77777777-7777-4777-8777-777777777777"
	const application = "88888888-8888-4888-8888-888888888888"
	must := func(method, path, body string, want int) map[string]any {
		t.Helper()
		var v map[string]any
		if body != "" {
			v = object(t, body)
		}
		status, answer := ask(t, method, api+path, v)
		if status != want {
			t.Fatalf("%s %s: status %d: %v", method, path, status, answer)
		}
		return answer
	}
	const owner = `"consumer":{"id":"` + deckConsumer + `","username":"u"}`
	must(http.MethodPut, "/consumers/"+deckConsumer, `{"id":"`+deckConsumer+`","username":"u"}`, http.StatusOK)
	must(http.MethodPut, "/consumer_groups/"+group, `{"id":"`+group+`","name":"gold"}`, http.StatusOK)
	for _, one := range []struct{ path, flat, schema, written string }{
		{"/consumers/" + deckConsumer + "/key-auth/" + key, "/key-auths/" + key, "keyauth_credentials", `{"id":"` + key + `","key":"k","tags":["a"],` + owner + `}`},
		{
			"/consumers/" + deckConsumer + "/oauth2/" + application, "/oauth2/" + application, "oauth2_credentials",
			`{"id":"` + application + `","name":"app","client_id":"c","client_secret":"s","redirect_uris":["https://app.test/cb"],` + owner + `}`,
		},
		{"/consumers/" + deckConsumer + "/acls/" + acl, "/acls/" + acl, "acls", `{"id":"` + acl + `","group":"admins",` + owner + `}`},
	} {
		must(http.MethodPut, one.path, one.written, http.StatusOK)
		read := must(http.MethodGet, one.flat, "", http.StatusOK)
		want := filled(must(http.MethodGet, "/schemas/"+one.schema, "", http.StatusOK), object(t, one.written))
		want["created_at"], want["consumer"] = read["created_at"], map[string]any{"id": deckConsumer}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("decK would find a difference (-expected +read):\n%s", diff)
		}
		must(http.MethodPut, one.path, one.written, http.StatusOK) // an update is the same
	}
	must(http.MethodPost, "/consumer_groups/"+group+"/consumers", `{"consumer":"`+deckConsumer+`"}`, http.StatusCreated)
	must(http.MethodPut, "/plugins/"+deckPlugin, `{"id":"`+deckPlugin+`","name":"key-auth"}`, http.StatusOK)
	wrapped := must(http.MethodGet, "/consumer_groups/gold", "", http.StatusOK)
	members, _ := wrapped["consumers"].([]any)
	if about, _ := wrapped["consumer_group"].(map[string]any); about["id"] != group || len(members) != 1 {
		t.Errorf("the group reads %v", wrapped)
	}
	for _, path := range []string{
		"/consumer_groups/" + group + "/consumers/" + deckConsumer, "/consumers/" + deckConsumer + "/acls/" + acl,
		"/consumers/" + deckConsumer + "/oauth2/" + application, "/consumers/" + deckConsumer + "/key-auth/" + key, "/consumer_groups/" + group, "/consumers/" + deckConsumer,
	} {
		must(http.MethodDelete, path, "", http.StatusNoContent)
	}
}

// TestDeckReadsTheOtherPluginsAsItExpects is the same for the plugins beside
// openid-connect.
func TestDeckReadsTheOtherPluginsAsItExpects(t *testing.T) {
	t.Parallel()
	for name, configs := range map[string][]string{
		"key-auth": {`{}`, `{"key_names":["x-key"],"hide_credentials":true,"key_in_body":true,"anonymous":"guest","realm":"r"}`},
		"acl":      {`{"allow":["a","b"]}`, `{"deny":["a"],"hide_groups_header":true,"include_consumer_groups":true}`},
	} {
		for _, text := range configs {
			api := adminAPI(t)
			config := object(t, text)
			if status, answer := ask(t, http.MethodPut, api+"/plugins/"+deckPlugin, map[string]any{"name": name, "config": config}); status != http.StatusOK {
				t.Fatalf("%s %s: status %d: %v", name, text, status, answer)
			}
			_, schema := ask(t, http.MethodGet, api+"/schemas/plugins/"+name, nil)
			_, got := ask(t, http.MethodGet, api+"/plugins/"+deckPlugin, nil)
			if diff := cmp.Diff(filled(schemaFields(schema)["config"], config), got["config"]); diff != "" {
				t.Errorf("%s %s: decK would find a difference (-expected +read):\n%s", name, text, diff)
			}
		}
	}
}

// TestDeckDeletesWhatACascadeTook: decK deletes children and parents, and
// takes nothing but 2xx for a success.
func TestDeckDeletesWhatACascadeTook(t *testing.T) {
	t.Parallel()
	api := adminAPI(t)
	parents(t, api)
	plugin := object(t, `{"name":"openid-connect","config":{"issuer":"https://idp.test"},"route":{"id":"`+deckRoute+`"}}`)
	if status, answer := ask(t, http.MethodPut, api+"/plugins/"+deckPlugin, plugin); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	if status, answer := ask(t, http.MethodDelete, api+"/services/"+deckService, nil); status != http.StatusBadRequest {
		t.Errorf("a service with routes: status %d %v", status, answer)
	}
	for _, path := range []string{"/routes/" + deckRoute, "/plugins/" + deckPlugin, "/services/" + deckService} {
		if status, answer := ask(t, http.MethodDelete, api+path, nil); status != http.StatusNoContent {
			t.Errorf("DELETE %s: status %d %v", path, status, answer)
		}
		if status, _ := ask(t, http.MethodGet, api+path, nil); status != http.StatusNotFound {
			t.Errorf("GET %s afterwards: status %d", path, status)
		}
	}
}
