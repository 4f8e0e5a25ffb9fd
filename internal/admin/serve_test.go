package admin

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/plugin"
)

// What a client sends shows in no log line, whatever becomes of the request.
func TestNothingThatAClientSendsIsLogged(t *testing.T) {
	t.Parallel()
	const planted = "planted-secret-7f3a"
	var log bytes.Buffer
	n := newNode(t, func(o *Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	id := n.walkthrough()
	for _, request := range []struct{ method, path, contentType, body string }{
		{"PATCH", "/plugins/" + id, httpieForm, "config.client_secret=" + planted},
		{"PATCH", "/plugins/" + id, httpieForm, "config.client_secret=" + planted + "&config.unknown=" + planted},
		{"PATCH", "/plugins/" + id, jsonType, `{"config":{"leeway":"` + planted + `"}}`},
		{"PATCH", "/plugins/" + id, jsonType, `{"config":"` + planted},
		{"POST", "/config", "application/yaml", "_format_version: \"3.0\"\nx: " + planted},
		{"GET", "/consumers/" + planted + "?q=" + planted, "", ""},
		{"GET", "/" + planted, "", ""},
		{"POST", "/services", "text/" + planted, planted},
	} {
		n.ask(request.method, request.path, request.contentType, request.body, "X-Token", planted)
	}
	if strings.Contains(log.String(), planted) {
		t.Errorf("the log shows the planted value:\n%s", log.String())
	}
	if got := strings.Count(log.String(), `"msg":"admin request"`); got < 8 {
		t.Errorf("%d lines: the log is not what this test thinks", got)
	}
	if got := n.get("/plugins/" + id); !strings.Contains(got.raw, planted) {
		t.Error("an answer gives secrets in clear, as Kong does")
	}
}

func TestAPanickingHandlerIsA500(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	n := newNode(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	n.api.info = func() Info { panic("out of order") }
	a := n.get("/")
	if a.status != 500 || a.message() != "An unexpected error occurred" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if !strings.Contains(log.String(), "out of order") || strings.Contains(a.raw, "out of order") {
		t.Errorf("the cause belongs in the log alone: %s", log.String())
	}
}

func TestThePathsOfPluginsAreRecoveredAndLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	n := newNode(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Definitions = append(definitions()[1:], plugin.Definition{Name: "odd", Config: definitions()[1].Config, Admin: []plugin.AdminPath{
			{Path: "/odd/panics", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("out of order") })},
			{Path: "/odd/works", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })},
		}})
	})
	if a := n.get("/odd/panics"); a.status != 500 || a.message() != "An unexpected error occurred" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if a := n.get("/odd/works"); a.status != http.StatusAccepted {
		t.Errorf("got %d", a.status)
	}
	for _, want := range []string{"endpoint=/odd/panics status=500", "out of order", "endpoint=/odd/works status=202"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is missing in %s", want, log.String())
		}
	}
}

func TestNewRefusesCollidingPluginPaths(t *testing.T) {
	t.Parallel()
	handler := http.NotFoundHandler()
	for name, test := range map[string]struct {
		paths []plugin.AdminPath
		good  bool
	}{
		"below its own name":    {[]plugin.AdminPath{{Path: "/marker/x", Handler: handler}}, true},
		"twice":                 {[]plugin.AdminPath{{Path: "/marker/x", Handler: handler}, {Path: "/marker/x", Handler: handler}}, false},
		"below another name":    {[]plugin.AdminPath{{Path: "/services/x", Handler: handler}}, false},
		"a prefix of its name":  {[]plugin.AdminPath{{Path: "/markers", Handler: handler}}, false},
		"without a handler":     {[]plugin.AdminPath{{Path: "/marker/x"}}, false},
		"with a trailing slash": {[]plugin.AdminPath{{Path: "/marker/x/", Handler: handler}}, false},
	} {
		n := newNode(t)
		_, err := New(Options{
			Store: n.store, Kinds: n.api.ordered, Definitions: []plugin.Definition{{Name: "marker", Admin: test.paths}},
		})
		if (err == nil) != test.good {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	n := newNode(t)
	if _, err := New(Options{Store: n.store, Kinds: n.api.ordered, Definitions: []plugin.Definition{{Name: "services"}}}); err == nil {
		t.Error("a plugin that has the name of an endpoint is accepted")
	}
}
