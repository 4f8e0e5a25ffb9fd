package admin

import "testing"

func TestReadOnlyRefusesEveryWriteByItsVerb(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *Options) { o.ReadOnly = true })
	n.must(201, "POST", "/config", jsonType,
		`{"_format_version":"3.0","services":[{"id":"`+chosen+`","name":"one","host":"a.test","routes":[{"name":"r","hosts":["x.test"]}]}]}`)
	before := n.state()
	for _, test := range []struct{ method, path, message string }{
		{"POST", "/services", "cannot create 'services' entities when not using a database"},
		{"PUT", "/services/" + chosen, "cannot create or update 'services' entities when not using a database"},
		{"PATCH", "/services/" + chosen, "cannot update 'services' entities when not using a database"},
		{"DELETE", "/services/" + chosen, "cannot remove 'services' entities when not using a database"},
		{"PUT", "/services/one", "cannot create or update 'services' entities by 'name' when not using a database"},
		{"PATCH", "/services/one", "cannot update 'services' entities by 'name' when not using a database"},
		{"DELETE", "/consumers/ann", "cannot remove 'consumers' entities by 'username' when not using a database"},
		{"POST", "/services/one/routes", "cannot create 'routes' entities when not using a database"},
		{"PATCH", "/services/one/routes/r", "cannot update 'routes' entities when not using a database"},
		{"DELETE", "/services/one/routes/r", "cannot remove 'routes' entities when not using a database"},
		{"PATCH", "/routes/r/service", "cannot update 'services' entities when not using a database"},
	} {
		a := n.ask(test.method, test.path, jsonType, `{"host":"b.test"}`)
		if a.status != 405 || a.in("code") != 12.0 || a.in("name") != "operation unsupported" || a.message() != test.message {
			t.Errorf("%s %s: got %d %s, want %q", test.method, test.path, a.status, a.raw, test.message)
		}
	}
	if n.state() != before {
		t.Error("something changed")
	}
	for _, path := range []string{"/services", "/services/one", "/services/one/routes", "/tags", "/routes/r/service"} {
		n.must(200, "GET", path, "", "")
	}
	n.must(200, "POST", "/schemas/services/validate", jsonType, `{"host":"a.test"}`)
	if got := n.get("/").in("configuration", "database"); got != "off" {
		t.Errorf("database = %v", got)
	}
}

func TestStatusByMode(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a := n.get("/status")
	if a.in("database", "reachable") != true || a.in("configuration_hash") != nil || a.in("server", "total_requests") != 5.0 {
		t.Errorf("with a database: %s", a.raw)
	}
	if a.in("sallyport", "version") != "0.1.0" {
		t.Errorf("own version: %s", a.raw)
	}
	n = newNode(t, func(o *Options) { o.ReadOnly = true })
	a = n.get("/status")
	if a.in("database") != nil || a.in("configuration_hash") != "00000000000000000000000000000000" {
		t.Errorf("without one: %s", a.raw)
	}
	for query, want := range map[string]int{
		"unit=k": 200, "unit=G&scale=3": 200, "unit=x": 400, "scale=x": 400, "scale=-1": 400, "scale=1000000000": 400,
	} {
		if a := n.get("/status?" + query); a.status != want {
			t.Errorf("%s: got %d, want %d", query, a.status, want)
		}
	}
}
