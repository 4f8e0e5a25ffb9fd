package admin

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzFormBodyToStore sends a form to a plugin and a route. Whatever it is,
// nothing panics (a panic is answered with 500), what is refused changes
// nothing, and what is stored is JSON.
func FuzzFormBodyToStore(f *testing.F) {
	for _, seed := range []string{
		"config.auth_methods=authorization_code&config.auth_methods=session&config.response_mode=form_post" +
			"&config.preserve_query_args=true&config.login_action=redirect&config.login_tokens=",
		"config.auth_methods%5B%5D=a&config.auth_methods[3]=b&config.auth_methods=c",
		"config.redis.port=1&config.redis=&config.redis.host.x=1",
		"config=1&config.x=2&config[1]=3&config[a][b]=4",
		"headers.x-a=1&headers[x-b]=2&headers[1]=3", "paths[999999999999]=/&hosts[]=&hosts[0]=a",
		"name=&id=&created_at=1e400&tags=a,b", "a=%zz", "&&&", "=", "a..b=1&.=2&[]=3&a[=4&a]=5&[1]=6",
		strings.Repeat("a.", 300) + "=1", "service.id=x&service.name=y&service=", "config.leeway=99999999999999999999",
		"config.leeway=0x10&config.leeway=NaN", "name=openid-connect&name=marker&config.level=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, form string) {
		n := newNode(t)
		id := n.walkthrough()
		for _, request := range [][2]string{
			{"PATCH", "/plugins/" + id},
			{"PATCH", "/routes/anything"},
			{"POST", "/plugins"},
			{"PUT", "/services/fuzz"},
			{"POST", "/schemas/plugins/validate"},
		} {
			before := n.state()
			a := n.ask(request[0], request[1], httpieForm, form)
			if a.status >= 500 {
				t.Fatalf("%s %s: %d %s", request[0], request[1], a.status, a.raw)
			}
			if a.status >= 400 && n.state() != before {
				t.Fatalf("%s %s: refused with %d and changed something", request[0], request[1], a.status)
			}
			if a.status < 300 && !json.Valid([]byte(a.raw)) {
				t.Fatalf("%s %s: answer is no JSON: %s", request[0], request[1], a.raw)
			}
		}
		n.must(200, "GET", "/plugins", "", "")
	})
}

// FuzzJSONBodyToStore is the same for JSON.
func FuzzJSONBodyToStore(f *testing.F) {
	for _, seed := range []string{
		`{"config":{"auth_methods":["session"],"login_tokens":null}}`, `{"config":[]}`, `{"config":{"leeway":1e999}}`,
		`{"name":{"a":[]}}`, `{"service":"x"}`, `{"service":{"id":[]}}`, `{"tags":[null]}`, `[[[[]]]]`, `{"id":1}`, `{"":{}}`,
		`{"protocols":["http","http"]}`, `{"headers":{"a":[1]}}`, `{"paths":["~("]}`, `{"created_at":-1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := newNode(t)
		id := n.walkthrough()
		for _, request := range [][2]string{{"PATCH", "/plugins/" + id}, {"PUT", "/routes/anything"}, {"POST", "/services"}} {
			before := n.state()
			a := n.ask(request[0], request[1], jsonType, text)
			if a.status >= 500 || (a.status >= 400 && n.state() != before) {
				t.Fatalf("%s %s: %d %s", request[0], request[1], a.status, a.raw)
			}
		}
	})
}

// FuzzMultipart reads hostile parts; what comes out is bounded and UTF-8.
func FuzzMultipart(f *testing.F) {
	const head = "--x\r\nContent-Disposition: form-data; name="
	for _, seed := range []string{
		head + "\"a\"\r\n\r\nb\r\n--x--\r\n", head + "\"a\"\r\nContent-Type: application/json\r\n\r\n[[\r\n--x--",
		head + "\r\n\r\n--x--", "--x", "--x--", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseMultipart("multipart/form-data; boundary=x", []byte(text))
		if err != nil {
			return
		}
		if len(b.pairs)+len(b.parts) > maxArguments {
			t.Errorf("%d parts", len(b.pairs)+len(b.parts))
		}
		for _, p := range b.pairs {
			if p[0] == "" || len(p[0]) > maxKey || len(p[1]) > len(text) {
				t.Errorf("pair %q", p)
			}
		}
	})
}

// FuzzGuard: a Host that is let in is an address or a known name.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"localhost:8001", "127.0.0.1", "[::1]:8001", "evil.example", "localhost:x:y", "[", "]:1", "a@localhost"} {
		f.Add(seed, "http://localhost")
	}
	g, err := newGuard(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host, origin string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		r.Host = host
		r.Header["Origin"] = []string{origin}
		if g.check(r) != nil {
			return
		}
		if strings.ContainsAny(host, "/@?#") {
			t.Errorf("host %q passed", host)
		}
		if !strings.HasPrefix(strings.ToLower(origin), "http://") {
			t.Errorf("origin %q passed", origin)
		}
	})
}
