package admin

import (
	"crypto/tls"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHostNamesThatCannotBeRebound(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *Options) { o.Hosts = []string{"Admin.Example"} })
	for host, want := range map[string]int{
		"127.0.0.1:8001":              200,
		"127.0.0.1":                   200,
		"10.1.2.3:8001":               200,
		"[::1]:8001":                  200,
		"[::1]":                       200,
		"localhost":                   200,
		"LOCALHOST:8001":              200,
		"localhost.:8001":             200,
		"admin.example:8001":          200,
		"ADMIN.example":               200,
		"evil.example":                421,
		"evil.example:8001":           421,
		"127.0.0.1.evil.example":      421,
		"localhost.evil.example":      421,
		"x.localhost":                 421,
		"x.admin.example":             421,
		"admin.example.evil.example":  421,
		"localhost@evil.example:8001": 421,
		"0x7f000001":                  421,
		"2130706433":                  421,
		"[::1%25evil.example]":        421,
		"[fe80::1%eth0]:8001":         421,
		"":                            421,
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/services", "/openid-connect/issuers"} {
				a := n.ask("GET", path, "", "", "Host", host)
				if a.status != want {
					t.Errorf("GET %s = %d, want %d: %s", path, a.status, want, a.raw)
				}
			}
		})
	}
}

func TestWritesFromForeignPagesAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	const form = "name=planted&host=evil.example"
	for name, test := range map[string]struct {
		header  []string
		allowed bool
	}{
		"no browser":                         {nil, true},
		"own origin":                         {[]string{"Origin", "http://localhost:8001", "Sec-Fetch-Site", "same-origin"}, true},
		"own origin, other spelling":         {[]string{"Origin", "HTTP://LOCALHOST:8001"}, true},
		"typed by the user":                  {[]string{"Sec-Fetch-Site", "none"}, true},
		"configured console":                 {[]string{"Origin", "https://console.example", "Sec-Fetch-Site", "cross-site"}, true},
		"configured console, explicit port":  {[]string{"Origin", "https://console.example:443"}, true},
		"foreign origin":                     {[]string{"Origin", "https://evil.example"}, false},
		"foreign port":                       {[]string{"Origin", "http://localhost:3000"}, false},
		"foreign scheme":                     {[]string{"Origin", "https://localhost:8001"}, false},
		"configured name, other scheme":      {[]string{"Origin", "http://console.example"}, false},
		"suffix of the configured console":   {[]string{"Origin", "https://console.example.evil.example"}, false},
		"null origin":                        {[]string{"Origin", "null"}, false},
		"empty origin":                       {[]string{"Origin", ""}, false},
		"two origins":                        {[]string{"Origin", "http://localhost:8001", "Origin", "https://evil.example"}, false},
		"cross-site without an origin":       {[]string{"Sec-Fetch-Site", "cross-site"}, false},
		"cross-site with the own origin":     {[]string{"Origin", "http://localhost:8001", "Sec-Fetch-Site", "cross-site"}, false},
		"same-site without an origin":        {[]string{"Sec-Fetch-Site", "same-site"}, false},
		"cross-site in another spelling":     {[]string{"Sec-Fetch-Site", "Cross-Site"}, false},
		"configured origin beside a foreign": {[]string{"Origin", "https://console.example", "Origin", "https://evil.example"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, func(o *Options) { o.Origins = []string{"https://console.example"} })
			before := n.state()
			a := n.ask("POST", "/services", httpieForm, form, test.header...)
			if test.allowed {
				if a.status != 201 || n.state() == before {
					t.Fatalf("got %d, want 201 and a change: %s", a.status, a.raw)
				}
				return
			}
			if a.status != 403 || n.state() != before {
				t.Errorf("got %d, want 403 and no change: %s", a.status, a.raw)
			}
		})
	}
}

func TestEveryWritingMethodIsGuarded(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	id := n.walkthrough()
	before := n.state()
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		for _, path := range []string{"/services", "/plugins/" + id, "/config", "/openid-connect/issuers", "/services/anything/plugins/" + id} {
			if a := n.ask(method, path, jsonType, "{}", "Origin", "https://evil.example"); a.status != 403 {
				t.Errorf("%s %s = %d, want 403", method, path, a.status)
			}
		}
	}
	if n.state() != before {
		t.Error("something changed")
	}
	if a := n.ask("GET", "/services", "", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); a.status != 200 {
		t.Errorf("reading is harmless without CORS headers: got %d", a.status)
	}
}

func TestOriginOverTLSIsHTTPS(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for origin, want := range map[string]int{"https://localhost:8444": 201, "http://localhost:8444": 403} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/consumers", strings.NewReader("username="+origin[:5]))
		r.Host, r.TLS = "localhost:8444", &tls.ConnectionState{}
		r.Header.Set("Content-Type", httpieForm)
		r.Header.Set("Origin", origin)
		if a := n.serve(r); a.status != want {
			t.Errorf("%s: got %d, want %d", origin, a.status, want)
		}
	}
}

func TestOnlyConfiguredOriginsMayRead(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *Options) { o.Origins = []string{"https://console.example"} })
	for origin, want := range map[string]string{
		"https://console.example": "https://console.example",
		"https://evil.example":    "",
		"http://localhost:8001":   "",
		"null":                    "",
		"":                        "",
	} {
		header := []string{}
		if origin != "" {
			header = []string{"Origin", origin}
		}
		for _, method := range []string{"GET", "OPTIONS"} {
			a := n.ask(method, "/services", "", "", header...)
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s with origin %q: Access-Control-Allow-Origin = %q, want %q", method, origin, got, want)
			}
		}
	}
}

func TestNewRefusesHostsAndOriginsThatNeverMatch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hosts, origins []string
		good           bool
	}{
		"names":                 {hosts: []string{"admin.example", "gw"}, good: true},
		"origins":               {origins: []string{"http://a.example:3000", "https://b.example"}, good: true},
		"host with a port":      {hosts: []string{"admin.example:8001"}},
		"host with a scheme":    {hosts: []string{"http://admin.example"}},
		"wildcard host":         {hosts: []string{"*.example"}},
		"empty host":            {hosts: []string{""}},
		"origin without scheme": {origins: []string{"console.example"}},
		"origin with a path":    {origins: []string{"https://console.example/"}},
		"wildcard origin":       {origins: []string{"*"}},
		"null origin":           {origins: []string{"null"}},
	} {
		if _, err := newGuard(test.hosts, test.origins); (err == nil) != test.good {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}
