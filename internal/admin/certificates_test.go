package admin

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/certificate/certtest"
	"sallyport/internal/entity"
)

// pem is the body of a certificate: members of p, then more.
func pem(t *testing.T, p *certtest.Pair, more map[string]any) string {
	t.Helper()
	body := map[string]any{"cert": p.Cert, "key": p.Key}
	maps.Copy(body, more)
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// names are the server names that exist, and the certificates that they have.
func (n *node) names() map[string]string {
	n.t.Helper()
	found := map[string]string{}
	for _, sni := range n.store.View().Entities()[entity.SNIs] {
		name, _ := sni["name"].(string)
		found[name] = foreignID(sni, "certificate")
	}
	return found
}

func wantNames(t *testing.T, a answer, want ...any) {
	t.Helper()
	if want == nil {
		want = []any{}
	}
	if diff := cmp.Diff(any(want), a.in("snis")); diff != "" {
		t.Errorf("snis (-want +got):\n%s", diff)
	}
}

func TestCertificatesHaveTheirServerNames(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	a := n.must(201, "POST", "/certificates", jsonType, pem(t, one, map[string]any{"snis": []string{"b.test", "a.test"}, "tags": []string{"x"}}))
	id := a.id()
	wantNames(t, a, "a.test", "b.test")
	if a.in("cert") != one.Cert || a.in("cert_alt") != nil {
		t.Errorf("got %s", a.raw)
	}
	bare := n.must(201, "POST", "/certificates", jsonType, pem(t, one, nil))
	wantNames(t, bare)
	if diff := cmp.Diff(map[string]string{"a.test": id, "b.test": id}, n.names()); diff != "" {
		t.Error(diff)
	}

	for _, key := range []string{id, "a.test"} {
		wantNames(t, n.must(200, "GET", "/certificates/"+key, "", ""), "a.test", "b.test")
	}
	list := n.must(200, "GET", "/certificates?tags=x", "", "")
	if data, _ := list.body["data"].([]any); len(data) != 1 || cmp.Diff([]any{"a.test", "b.test"}, data[0].(map[string]any)["snis"]) != "" {
		t.Errorf("list: %s", list.raw)
	}

	wantNames(t, n.must(200, "PATCH", "/certificates/a.test", jsonType, `{"snis":["a.test","c.test"]}`), "a.test", "c.test")
	wantNames(t, n.must(200, "PATCH", "/certificates/"+id, jsonType, `{"tags":["y"]}`), "a.test", "c.test")
	// decK writes the certificate and its names apart: one must not undo the other.
	wantNames(t, n.must(200, "PUT", "/certificates/"+id, jsonType, pem(t, one, nil)), "a.test", "c.test")
}

func TestWritingServerNamesIsAllOrNothing(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	id := n.must(201, "POST", "/certificates", jsonType, pem(t, one, map[string]any{"snis": []string{"a.test"}})).id()
	before := n.state()
	for name, tc := range map[string]struct{ method, target, body, want string }{
		"a name of another": {
			"POST", "/certificates", pem(t, one, map[string]any{"snis": []string{"free.test", "a.test"}}),
			"schema violation (snis: a.test already associated with existing certificate '" + id + "')",
		},
		"a name twice": {
			"POST", "/certificates", pem(t, one, map[string]any{"snis": []string{"x.test", "x.test"}}),
			"schema violation (snis: x.test is duplicated)",
		},
		"no name": {
			"PATCH", "/certificates/" + id, `{"snis":["x.test","a:b:c"]}`,
			"schema violation (snis: invalid value: a:b:c)",
		},
		"a mismatch": {
			"PATCH", "/certificates/" + id, pem(t, certtest.SelfSigned(t, certtest.Spec{Names: []string{"two.test"}}), map[string]any{"cert": one.Cert, "snis": []string{"x.test"}}),
			"2 schema violations (certificate does not match key; key: is not the key of cert)",
		},
	} {
		if a := n.ask(tc.method, tc.target, jsonType, tc.body); a.status != 400 || a.message() != tc.want || a.in("code") != 2.0 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
		if n.state() != before {
			t.Fatalf("%s: something was changed", name)
		}
	}
}

func TestServerNamesAsKeysOfCertificates(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		body, media := "", ""
		if method == "PATCH" {
			body, media = "{}", jsonType
		}
		if a := n.ask(method, "/certificates/new.test", media, body); a.status != 404 || a.message() != "SNI not found" {
			t.Errorf("%s: %d %s", method, a.status, a.raw)
		}
	}
	a := n.must(200, "PUT", "/certificates/new.test", jsonType, pem(t, one, map[string]any{"snis": []string{"other.test"}}))
	wantNames(t, a, "new.test", "other.test")
	again := n.must(200, "PUT", "/certificates/new.test", jsonType, pem(t, one, map[string]any{"snis": nil}))
	wantNames(t, again)
	if again.id() != a.id() {
		t.Errorf("PUT by name made another certificate: %s", again.raw)
	}
	n.must(200, "PUT", "/certificates/"+a.id(), jsonType, pem(t, one, map[string]any{"snis": []string{"new.test"}}))
	n.must(204, "DELETE", "/certificates/new.test", "", "")
	if len(n.names()) != 0 || len(n.store.View().Entities()[entity.Certificates]) != 0 {
		t.Errorf("left: %s", n.state())
	}
	n.must(204, "DELETE", "/certificates/"+a.id(), "", "")
}

func TestServerNamesAsEntities(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	id := n.must(201, "POST", "/certificates", jsonType, pem(t, one, nil)).id()
	reference := `"certificate":{"id":"` + id + `"}`
	a := n.must(201, "POST", "/snis", jsonType, `{"name":"a.test",`+reference+`}`)
	if a := n.ask("POST", "/snis", jsonType, `{"name":"a.test",`+reference+`}`); a.status != 409 || a.in("code") != 5.0 {
		t.Errorf("a name twice: %d %s", a.status, a.raw)
	}
	if a := n.ask("POST", "/snis", jsonType, `{"name":"b.test","certificate":{"id":"`+chosen+`"}}`); a.status != 400 || a.in("code") != 4.0 {
		t.Errorf("no such certificate: %d %s", a.status, a.raw)
	}
	n.must(200, "PUT", "/snis/b.test", jsonType, "{"+reference+"}")
	n.must(200, "PATCH", "/snis/b.test", jsonType, `{"tags":["x"]}`)
	n.must(201, "POST", "/certificates/a.test/snis", httpieForm, "name=c.test")
	wantNames(t, n.get("/certificates/c.test"), "a.test", "b.test", "c.test")
	if got := n.must(200, "GET", "/certificates/"+id+"/snis", "", ""); !strings.Contains(got.raw, a.id()) {
		t.Errorf("nested list: %s", got.raw)
	}
	n.must(204, "DELETE", "/certificates/"+id+"/snis/a.test", "", "")
	n.must(204, "DELETE", "/snis/b.test", "", "")
	wantNames(t, n.get("/certificates/"+id), "c.test")
	n.must(204, "DELETE", "/certificates/"+id, "", "")
	n.must(404, "GET", "/snis/c.test", "", "")
}

func TestCertificatesByForm(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	form := url.Values{"cert": {one.Cert}, "key": {one.Key}, "snis": {"a.test"}}
	wantNames(t, n.must(201, "POST", "/certificates", httpieForm, form.Encode()), "a.test")
	form = url.Values{"cert": {one.Cert}, "key": {one.Key}, "snis[]": {"b.test", "c.test"}}
	wantNames(t, n.must(201, "POST", "/certificates", httpieForm, form.Encode()), "b.test", "c.test")
	wantNames(t, n.must(200, "PATCH", "/certificates/b.test", httpieForm, "snis="))
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root := certtest.Root(t, "root")
	body := func(p *certtest.Pair) string {
		text, err := json.Marshal(map[string]any{"cert": p.Cert})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	a := n.must(201, "POST", "/ca_certificates", jsonType, body(root))
	if digest, _ := a.in("cert_digest").(string); len(digest) != 64 {
		t.Errorf("digest %q", digest)
	}
	if twice := n.ask("POST", "/ca_certificates", jsonType, body(root)); twice.status != 409 {
		t.Errorf("the same authority twice: %d %s", twice.status, twice.raw)
	}
	if named := n.ask("PUT", "/ca_certificates/root", jsonType, body(certtest.Root(t, "other"))); named.status != 400 || named.in("code") != 1.0 {
		t.Errorf("by another key than the id: %d %s", named.status, named.raw)
	}
	n.must(404, "GET", "/ca_certificates/root", "", "")
	service := n.must(201, "POST", "/services", jsonType, `{"url":"https://a.test","ca_certificates":["`+a.id()+`"]}`).id()
	used := n.ask("DELETE", "/ca_certificates/"+a.id(), "", "")
	if want := "ca certificate " + a.id() + " is still referenced by services (id = " + service + ")"; used.status != 400 ||
		used.in("code") != 19.0 || used.message() != want {
		t.Errorf("deleting one in use: %d %s", used.status, used.raw)
	}
	n.must(200, "PATCH", "/services/"+service, jsonType, `{"ca_certificates":null}`)
	n.must(204, "DELETE", "/ca_certificates/"+a.id(), "", "")
}

func TestACertificateOfAServiceIsNotDeleted(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	id := n.must(201, "POST", "/certificates", jsonType, pem(t, one, map[string]any{"snis": []string{"a.test"}})).id()
	n.must(201, "POST", "/services", jsonType, `{"name":"s","url":"https://a.test","client_certificate":{"id":"`+id+`"}}`)
	before := n.state()
	a := n.ask("DELETE", "/certificates/a.test", "", "")
	if a.status != 400 || a.message() != "an existing 'services' entity references this 'certificates' entity" || n.state() != before {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if list := n.get("/certificates/" + id + "/services"); !strings.Contains(list.raw, `"name":"s"`) {
		t.Errorf("services of the certificate: %s", list.raw)
	}
}

func TestReadOnlyCertificates(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *Options) { o.ReadOnly = true })
	a := n.ask("PUT", "/certificates/a.test", jsonType, "{}")
	if a.status != 405 || a.message() != "cannot create or update 'certificates' entities by 'snis' when not using a database" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
