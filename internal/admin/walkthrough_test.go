package admin

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first two steps of the login walkthrough, as a user of HTTPie types
// them: an empty node gets a service, a route and a plugin with a chosen id,
// and the plugin is changed by a form that repeats a key.
func TestWalkthroughPatchByFormWithRepeatedKeys(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	service := n.must(201, "POST", "/services", httpieForm,
		"name=openid-connect&url=http%3A%2F%2Fhttpbin.test%2Fanything")
	if got := service.in("path"); got != "/anything" {
		t.Fatalf("path of the service = %v", got)
	}
	n.must(201, "POST", "/routes", jsonType,
		`{"name":"openid-connect","service":{"name":"openid-connect"},"hosts":["service.test"],"paths":["/"]}`)
	const id = "5f1d7e76-2fed-4806-a6af-869984f025cb"
	before := n.must(200, "PUT", "/plugins/"+id, httpieForm,
		"name=openid-connect&service.name=openid-connect&config.issuer=https%3A%2F%2Fidp.test%2Frealms%2Fdemo"+
			"&config.client_id=kong&config.client_secret=planted-secret&config.auth_methods=bearer&tags=login")

	after := n.must(200, "PATCH", "/plugins/"+id, httpieForm,
		"config.auth_methods=authorization_code&config.auth_methods=session&config.response_mode=form_post"+
			"&config.preserve_query_args=true&config.login_action=redirect&config.login_tokens=")

	want := before.body
	config, _ := want["config"].(map[string]any)
	config["auth_methods"] = []any{"authorization_code", "session"}
	config["response_mode"] = "form_post"
	config["preserve_query_args"] = true
	config["login_action"] = "redirect"
	config["login_tokens"] = nil
	if diff := cmp.Diff(want, after.body); diff != "" {
		t.Errorf("the whole plugin, only the sent fields changed (-want +got):\n%s", diff)
	}
	if got := after.in("service", "id"); got != service.id() {
		t.Errorf("service.id = %v, want %s", got, service.id())
	}
	if diff := cmp.Diff(after.body, n.get("/plugins/"+id).body); diff != "" {
		t.Errorf("GET gives what PATCH answered (-patch +get):\n%s", diff)
	}
}

// Bytes as a person without HTTPie may send them: brackets, encoded brackets,
// numbers in brackets, multipart.
func TestPatchAcceptsEverySpellingOfAList(t *testing.T) {
	t.Parallel()
	const boundary = "multipart/form-data; boundary=x"
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	for name, test := range map[string]struct{ contentType, body string }{
		"plain key":        {httpieForm, "config.auth_methods=authorization_code&config.auth_methods=session"},
		"empty brackets":   {httpieForm, "config.auth_methods[]=authorization_code&config.auth_methods[]=session"},
		"encoded brackets": {httpieForm, "config.auth_methods%5B%5D=authorization_code&config.auth_methods%5B%5D=session"},
		"positions":        {httpieForm, "config.auth_methods[2]=session&config.auth_methods[1]=authorization_code"},
		"JSON":             {jsonType, `{"config":{"auth_methods":["authorization_code","session"]}}`},
		"multipart": {boundary, part("config.auth_methods", "authorization_code") +
			part("config.auth_methods", "session") + "--x--\r\n"},
		"multipart with a JSON part": {boundary, "--x\r\nContent-Disposition: form-data; name=\"config.auth_methods\"\r\n" +
			"Content-Type: application/json\r\n\r\n[\"authorization_code\",\"session\"]\r\n--x--\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			id := n.walkthrough()
			a := n.must(200, "PATCH", "/plugins/"+id, test.contentType, test.body)
			if diff := cmp.Diff([]any{"authorization_code", "session"}, a.in("config", "auth_methods")); diff != "" {
				t.Error(diff)
			}
			if got := a.in("config", "client_secret"); !cmp.Equal(got, []any{"planted-secret"}) {
				t.Errorf("client_secret = %v, want it unchanged", got)
			}
		})
	}
}
