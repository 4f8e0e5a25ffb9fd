package admin

import (
	"strings"
	"testing"
)

// Each attack has its positive control: the same request without the attack
// changes the configuration.
func TestHostileRequestsAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	const good = `{"name":"good","host":"upstream.test"}`
	sixtyMegabytes := `{"host":"upstream.test","name":"` + strings.Repeat("a", 60<<20) + `"}`
	deep := `{"host":"upstream.test","name":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`
	const plugin = `{"name":"openid-connect","config":{"issuer":"https://idp.test"`
	for name, test := range map[string]struct {
		path, contentType, attack, control string
		header                             []string
		status                             int
	}{
		"cross-origin form POST": {
			path: "/services", contentType: "application/x-www-form-urlencoded",
			attack: "name=planted&host=evil.example", control: "name=planted&host=evil.example",
			header: []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, status: 403,
		},
		"form POST from a sandboxed frame": {
			path: "/services", contentType: "application/x-www-form-urlencoded",
			attack: "name=planted&host=evil.example", control: "name=planted&host=evil.example",
			header: []string{"Origin", "null"}, status: 403,
		},
		"foreign Host": {
			path: "/services", contentType: jsonType, attack: good, control: good,
			header: []string{"Host", "rebound.example:8001"}, status: 421,
		},
		"60 MB": {path: "/services", contentType: jsonType, attack: sixtyMegabytes, control: good, status: 413},
		"60 MB form": {
			path: "/services", contentType: httpieForm, attack: "host=a.test&name=" + strings.Repeat("a", 60<<20),
			control: "host=a.test&name=a", status: 413,
		},
		"deep JSON": {path: "/services", contentType: jsonType, attack: deep, control: good, status: 400},
		"deep form": {
			path: "/services", contentType: httpieForm, attack: "host=a.test&" + strings.Repeat("a.", 240) + "b=1",
			control: "host=a.test", status: 400,
		},
		"a list position far away": {
			path: "/routes", contentType: httpieForm, attack: "paths[999999999]=%2F&hosts=a.test",
			control: "paths[1]=%2F&hosts=a.test", status: 400,
		},
		"unknown field": {
			path: "/services", contentType: jsonType, attack: `{"name":"good","host":"upstream.test","prot":"http"}`,
			control: good, status: 400,
		},
		"unknown config field": {
			path: "/plugins", contentType: jsonType, attack: plugin + `,"issuers":["x"]}}`, control: plugin + `}}`, status: 400,
		},
		"wrong type": {
			path: "/services", contentType: jsonType, attack: `{"name":"good","host":"upstream.test","port":"80"}`,
			control: `{"name":"good","host":"upstream.test","port":80}`, status: 400,
		},
		"wrong config type": {
			path: "/plugins", contentType: jsonType, attack: plugin + `,"client_id":"kong"}}`,
			control: plugin + `,"client_id":["kong"]}}`, status: 400,
		},
		"unknown plugin": {
			path: "/plugins", contentType: jsonType, attack: `{"name":"post-function","config":{}}`,
			control: `{"name":"marker"}`, status: 400,
		},
		"form sent as plain text": {
			path: "/services", contentType: "text/plain", attack: good, control: "", status: 415,
		},
		"dangling foreign key": {
			path: "/routes", contentType: jsonType,
			attack:  `{"hosts":["a.test"],"service":{"id":"5f1d7e76-2fed-4806-a6af-869984f025cb"}}`,
			control: `{"hosts":["a.test"],"service":null}`, status: 400,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			before := n.state()
			a := n.ask("POST", test.path, test.contentType, test.attack, test.header...)
			if a.status != test.status {
				t.Errorf("got %d %.300s, want %d", a.status, a.raw, test.status)
			}
			if n.state() != before {
				t.Error("the attack changed something")
			}
			if test.control == "" {
				return
			}
			n.must(201, "POST", test.path, test.contentType, test.control)
			if n.state() == before {
				t.Error("the control changed nothing")
			}
		})
	}
}
