package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
	"sallyport/internal/schema"
	"sallyport/internal/store"
)

const (
	jsonType = "application/json"
	// httpieForm is the content type that HTTPie sends with -f.
	httpieForm = "application/x-www-form-urlencoded; charset=utf-8"
)

// node is an Admin API over an empty store, with a clock that stands still
// and ids that count up.
type node struct {
	t     *testing.T
	api   *API
	store *store.Store
}

// definitions are two plugins: one with the fields that the tests change, one
// without any.
func definitions() []plugin.Definition {
	return []plugin.Definition{
		{Name: "openid-connect", Priority: 1050, Version: "3.9.1", NoConsumer: true, Config: oidcConfig, Admin: []plugin.AdminPath{
			{Path: "/openid-connect/issuers", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"data":[]}`))
			})},
		}},
		{Name: "marker", Priority: 10, Version: "1.0.0", Config: func() *schema.Record {
			return &schema.Record{Fields: []*schema.Field{schema.Int("level", nil, 1).Between(1, 9)}}
		}},
	}
}

func oidcConfig() *schema.Record {
	return &schema.Record{Fields: []*schema.Field{
		schema.String("issuer", nil).Required(),
		schema.Strings("client_id", nil).Encrypted().Referenceable(),
		schema.Strings("client_secret", nil).Encrypted().Referenceable(),
		schema.Strings("auth_methods", nil, "password", "client_credentials", "authorization_code", "bearer",
			"introspection", "userinfo", "kong_oauth2", "refresh_token", "session"),
		schema.String("response_mode", nil, "query").OneOf("query", "form_post", "fragment"),
		schema.Bool("preserve_query_args", nil, false),
		schema.String("login_action", nil, "upstream").OneOf("upstream", "response", "redirect"),
		schema.Strings("login_tokens", nil, "id_token"),
		schema.Int("leeway", nil, 0),
		schema.RecordOf("redis", schema.String("host", nil), schema.Int("port", nil, 6379)),
	}}
}

func pluginTypes(list []plugin.Definition) func(name string) (entity.PluginType, bool) {
	return func(name string) (entity.PluginType, bool) {
		for _, d := range list {
			if d.Name == name {
				return entity.PluginType{
					Config: d.Config(), Protocols: d.Protocols, NoConsumer: d.NoConsumer, Prepare: d.Prepare,
				}, true
			}
		}
		return entity.PluginType{}, false
	}
}

func newNode(t *testing.T, change ...func(*Options)) *node {
	t.Helper()
	return newNodeAccepting(t, nil, change...)
}

func newNodeAccepting(t *testing.T, accept func(*entity.Set) (func(), error), change ...func(*Options)) *node {
	t.Helper()
	defs := definitions()
	kinds := entity.Kinds(pluginTypes(defs))
	clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ids := 0
	s, err := store.New(store.Options{
		Kinds: kinds, Accept: accept, Now: func() time.Time { return clock },
		NewID: func() string { ids++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", ids) },
	})
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{
		Store: s, Kinds: kinds, Definitions: defs, Version: "0.1.0",
		Now: func() time.Time { return clock },
		Info: func() Info {
			return Info{
				NodeID: "11111111-1111-4111-8111-111111111111", Hostname: "node", PID: 7,
				ProxyListeners: []Listener{{IP: "0.0.0.0", Port: 8000}, {IP: "::", Port: 8443, TLS: true, HTTP2: true}},
				AdminListeners: []Listener{{IP: "127.0.0.1", Port: 8001}},
				Connections:    Connections{Accepted: 3, Active: 1, Handled: 3, Requests: 5},
			}
		},
	}
	for _, f := range change {
		f(&opts)
	}
	api, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return &node{t: t, api: api, store: s}
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// ask sends a request; header holds name, value, name, value.
func (n *node) ask(method, target, contentType, body string, header ...string) answer {
	n.t.Helper()
	r := httptest.NewRequestWithContext(n.t.Context(), method, target, strings.NewReader(body))
	r.Host = "localhost:8001"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	return n.serve(r)
}

func (n *node) serve(r *http.Request) answer {
	n.t.Helper()
	w := httptest.NewRecorder()
	n.api.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), jsonType) && a.raw != "" {
		if err := json.Unmarshal([]byte(a.raw), &a.body); err != nil {
			n.t.Fatalf("%s %s: body is no JSON object: %v: %s", r.Method, r.URL, err, a.raw)
		}
	}
	return a
}

func (n *node) get(target string) answer { n.t.Helper(); return n.ask("GET", target, "", "") }

// must is ask with a status that the test relies on.
func (n *node) must(status int, method, target, contentType, body string) answer {
	n.t.Helper()
	a := n.ask(method, target, contentType, body)
	if a.status != status {
		n.t.Fatalf("%s %s: got %d, want %d: %s", method, target, a.status, status, a.raw)
	}
	return a
}

// id of the entity in the answer.
func (a answer) id() string { id, _ := a.body["id"].(string); return id }

func (a answer) message() string { m, _ := a.body["message"].(string); return m }

// in walks into nested objects.
func (a answer) in(path ...string) any {
	var v any = a.body
	for _, name := range path {
		object, isObject := v.(map[string]any)
		if !isObject {
			return nil
		}
		v = object[name]
	}
	return v
}

// state is everything that is stored; two equal states mean that nothing
// changed between them.
func (n *node) state() string {
	n.t.Helper()
	text, err := json.Marshal(n.store.View().Entities())
	if err != nil {
		n.t.Fatal(err)
	}
	return n.store.View().Hash() + string(text)
}

// walkthrough creates the service, route and plugin of the first steps and
// gives the plugin's id.
func (n *node) walkthrough() (pluginID string) {
	n.t.Helper()
	n.must(201, "POST", "/services", jsonType, `{"name":"anything","url":"http://httpbin.test/anything"}`)
	n.must(201, "POST", "/services/anything/routes", httpieForm, "name=anything&hosts=service.test&paths=%2F")
	const id = "5f1d7e76-2fed-4806-a6af-869984f025cb"
	n.must(201, "POST", "/services/anything/plugins", jsonType, `{"id":"`+id+`","name":"openid-connect","config":{
		"issuer":"https://idp.test/realms/demo","client_id":["kong"],"client_secret":["planted-secret"],
		"auth_methods":["authorization_code"]}}`)
	return id
}
