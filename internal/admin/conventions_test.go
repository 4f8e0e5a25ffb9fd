package admin

import (
	"strconv"
	"strings"
	"testing"
)

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	id := n.walkthrough()
	const absent = "99999999-9999-4999-8999-999999999999"
	for _, test := range []struct {
		rule, method, path string
		status             int
	}{
		{"trailing slash on a collection", "GET", "/services/", 200},
		{"trailing slash on an entity", "GET", "/services/anything/", 200},
		{"two trailing slashes", "GET", "/services//", 404},
		{"doubled slash", "GET", "//services", 404},
		{"dot segments are not resolved", "GET", "/config/../services", 404},
		{"names are exact", "GET", "/Services", 404},
		{"unknown path", "GET", "/nothing", 404},
		{"method the path does not have", "DELETE", "/services", 405},
		{"POST on an entity", "POST", "/services/anything", 405},
		{"POST on the root", "POST", "/", 405},
		{"unknown method", "BREW", "/services", 405},
		{"by id", "GET", "/plugins/" + id, 200},
		{"an upper-case UUID is no id", "GET", "/plugins/" + strings.ToUpper(id), 404},
		{"by name", "GET", "/services/anything", 200},
		{"percent-encoded name", "GET", "/services/an%79thing", 200},
		{"an encoded slash is part of the key", "GET", "/services%2Fanything", 404},
		{"absent by id", "GET", "/services/" + absent, 404},
		{"absent by name", "GET", "/services/nobody", 404},
		{"PATCH of an absent entity", "PATCH", "/services/nobody", 404},
		{"DELETE of an absent entity", "DELETE", "/services/nobody", 204},
		{"nested collection", "GET", "/services/anything/plugins", 200},
		{"nested entity", "GET", "/services/anything/plugins/" + id, 200},
		{"nested collection of an absent parent", "GET", "/services/nobody/plugins", 404},
		{"child of another parent", "GET", "/routes/anything/plugins/" + id, 404},
		{"DELETE of an absent child", "DELETE", "/services/anything/plugins/" + absent, 404},
		{"singular parent", "GET", "/routes/anything/service", 200},
		{"singular parent of a plugin", "GET", "/plugins/" + id + "/service", 200},
		{"null parent", "GET", "/plugins/" + id + "/route", 404},
		{"DELETE of a parent", "DELETE", "/routes/anything/service", 405},
		{"DELETE of a null parent", "DELETE", "/plugins/" + id + "/route", 404},
		{"endpoint of a plugin", "GET", "/openid-connect/issuers", 200},
		{"below the endpoint of a plugin", "GET", "/openid-connect/issuers/x", 200},
		{"beside the endpoint of a plugin", "GET", "/openid-connect/issuersx", 404},
		{"a collection that clients must be able to read", "GET", "/certificates?size=1000", 200},
		{"writing to it", "POST", "/upstreams", 405},
		{"writing to a member of it", "PUT", "/upstreams/" + absent, 405},
		{"deleting what is not there", "DELETE", "/upstreams/x", 204},
		{"a collection that clients may miss", "GET", "/vaults", 404},
		{"the certificate of a server name, disabled on purpose", "GET", "/snis/" + absent + "/certificate", 404},
		{"an endpoint of the enterprise edition", "GET", "/workspaces/default", 404},
		{"disabled on purpose", "GET", "/targets", 404},
		{"cache entries do not exist", "GET", "/cache/x", 404},
	} {
		contentType, body := "", ""
		if test.method == "PATCH" {
			contentType, body = jsonType, "{}"
		}
		a := n.ask(test.method, test.path, contentType, body)
		if a.status != test.status {
			t.Errorf("%s: %s %s = %d, want %d: %s", test.rule, test.method, test.path, a.status, test.status, a.raw)
		}
		switch {
		case test.status == 404 && a.message() != "Not found":
			t.Errorf("%s: body %s", test.rule, a.raw)
		case test.status == 204 && a.raw != "":
			t.Errorf("%s: 204 with a body", test.rule)
		}
	}
}

func TestTooManyQueryArguments(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.must(200, "GET", "/services?a=1"+strings.Repeat("&a=1", 999), "", "")
	if a := n.get("/services?a=1" + strings.Repeat("&a=1", 1000)); a.status != 400 || a.message() != "Too many arguments" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
}

func TestOptionsListsMethods(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for path, want := range map[string]string{
		"/":                         "GET, HEAD, OPTIONS",
		"/services":                 "GET, HEAD, OPTIONS, POST",
		"/services/x":               "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
		"/services/x/routes":        "GET, HEAD, OPTIONS, POST",
		"/schemas/plugins/validate": "OPTIONS, POST",
	} {
		a := n.must(204, "OPTIONS", path, "", "")
		for _, name := range []string{"Allow", "Access-Control-Allow-Methods"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("OPTIONS %s: %s = %q, want %q", path, name, got, want)
			}
		}
		if got := a.header.Get("Access-Control-Allow-Headers"); got != "Content-Type" {
			t.Errorf("Access-Control-Allow-Headers = %q", got)
		}
	}
	if a := n.ask("PUT", "/services", jsonType, "{}"); a.header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("405 without its Allow: %q", a.header.Get("Allow"))
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.walkthrough()
	for _, path := range []string{"/", "/services", "/services/anything", "/services/nobody", "/schemas/services"} {
		get, head := n.ask("GET", path, "", ""), n.ask("HEAD", path, "", "")
		if head.status != get.status || head.raw != "" {
			t.Errorf("HEAD %s = %d with %d bytes, GET %d", path, head.status, len(head.raw), get.status)
		}
		if got, want := head.header.Get("Content-Length"), strconv.Itoa(len(get.raw)); got != want {
			t.Errorf("HEAD %s: Content-Length = %s, want %s", path, got, want)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for _, path := range []string{"/", "/services", "/nothing"} {
		a := n.get(path)
		for name, want := range map[string]string{
			"Server": "sallyport/0.1.0", "X-Kong-Admin-Latency": "0", "Content-Type": "application/json; charset=utf-8",
			"Content-Length": strconv.Itoa(len(a.raw)), "Access-Control-Allow-Origin": "", "Cache-Control": "no-store",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", path, name, got, want)
			}
		}
	}
}
