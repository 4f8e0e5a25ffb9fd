package keyauth

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
	"sallyport/internal/httperror"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
	"sallyport/internal/secret"
)

var now = time.Unix(1_000_000, 0)

func people() *plugin.Consumers {
	return plugin.NewConsumers(&entity.Set{
		Consumers: []*entity.Consumer{{ID: "c1", Username: "bob", CustomID: "b-1"}, {ID: "c2", Username: "guest"}},
		KeyAuths: []*entity.KeyAuth{
			{ID: "k1", ConsumerID: "c1", Key: secret.New("good")},
			{ID: "k2", ConsumerID: "c1", Key: secret.New("late"), Expires: now.Unix()},
			{ID: "k3", ConsumerID: "c1", Key: secret.New("soon"), Expires: now.Unix() + 1},
			{ID: "k4", ConsumerID: "gone", Key: secret.New("orphan")},
			{ID: "k5", ConsumerID: "c1"},
			{ID: "k6", ConsumerID: "c1", Key: secret.New(strings.Repeat("x", maxKey+1))},
		},
	})
}

// answered is what came of a request: the error, or what reached the upstream.
type answered struct {
	status          int
	message         string
	challenge       string
	header          http.Header
	query, body     string
	consumer        *entity.Consumer
	passed, forSure bool
}

func handlerOf(t *testing.T, config map[string]any) plugin.Handler {
	t.Helper()
	d := Definition(Deps{Now: func() time.Time { return now }})
	normalized, errs := d.Config().Normalize(config)
	if errs != nil {
		t.Fatal(errs)
	}
	h, err := d.New(plugin.Instance{Config: normalized})
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Poison(h)
}

func ask(t *testing.T, config map[string]any, r *http.Request, before ...func(q *plugin.Request)) answered {
	t.Helper()
	q := &plugin.Request{HTTP: r, Canonical: message.Request{RawQuery: r.URL.RawQuery}, Consumers: people()}
	for _, f := range before {
		f(q)
	}
	var a answered
	err := handlerOf(t, config).Serve(httptest.NewRecorder(), q, func(_ http.ResponseWriter, q *plugin.Request) error {
		a.passed, a.forSure, a.consumer = true, q.Authenticated, q.Consumer
		a.header = q.HTTP.Header.Clone()
		q.Upstream.Apply(a.header)
		a.query = q.Canonical.RawQuery
		data, err := io.ReadAll(q.HTTP.Body)
		a.body = string(data)
		return err
	})
	if err != nil {
		e := httperror.From(err)
		a.status, a.message, a.challenge = e.Status, e.Message, e.Header.Get("WWW-Authenticate")
	}
	return a
}

func request(t *testing.T, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestWhereAKeyMayCome(t *testing.T) {
	t.Parallel()
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for _, tc := range []struct {
		rule   string
		config map[string]any
		r      *http.Request
		want   string // of the refusal; empty: it passes
	}{
		{"in a header", nil, request(t, "GET", "/", "", "apikey", "good"), ""},
		{"in a header under another spelling of case", nil, request(t, "GET", "/", "", "APIKEY", "good"), ""},
		{"in the query", nil, request(t, "GET", "/?a=b&apikey=good", ""), ""},
		{"in the query under an encoded name", nil, request(t, "GET", "/?api%6bey=go%6fd", ""), ""},
		{"in a form, which has to be asked for", nil, request(t, "POST", "/", "apikey=good", "Content-Type", form), "No API key found in request"},
		{"in a form", map[string]any{"key_in_body": true}, request(t, "POST", "/", "apikey=good", "Content-Type", form), ""},
		{"in a JSON object", map[string]any{"key_in_body": true}, request(t, "POST", "/", `{"apikey":"good"}`, "Content-Type", object), ""},
		{"in a JSON object as null", map[string]any{"key_in_body": true}, request(t, "POST", "/", `{"apikey":null}`, "Content-Type", object), "No API key found in request"},
		{"nowhere", nil, request(t, "GET", "/", ""), "No API key found in request"},
		{"an empty header and nothing else", nil, request(t, "GET", "/", "", "apikey", ""), "No API key found in request"},
		{"a wrong key", nil, request(t, "GET", "/", "", "apikey", "bad"), "Unauthorized"},
		{"a prefix of a key", nil, request(t, "GET", "/", "", "apikey", "goo"), "Unauthorized"},
		{"a key in another case", nil, request(t, "GET", "/", "", "apikey", "GOOD"), "Unauthorized"},
		{"a key that has run out", nil, request(t, "GET", "/", "", "apikey", "late"), "Unauthorized"},
		{"a key that runs out soon", nil, request(t, "GET", "/", "", "apikey", "soon"), ""},
		{"a key of a consumer that is gone", nil, request(t, "GET", "/", "", "apikey", "orphan"), "Unauthorized"},
		{"a key beyond the bound", nil, request(t, "GET", "/", "", "apikey", strings.Repeat("x", maxKey+1)), "Unauthorized"},
		{"two headers", nil, request(t, "GET", "/", "", "apikey", "good", "apikey", "good"), "Duplicate API key found"},
		{"two arguments", nil, request(t, "GET", "/?apikey=good&apikey=bad", ""), "Duplicate API key found"},
		{"a wrong header before a good argument", nil, request(t, "GET", "/?apikey=good", "", "apikey", "bad"), "Unauthorized"},
		{"not in a header", map[string]any{"key_in_header": false}, request(t, "GET", "/", "", "apikey", "good"), "No API key found in request"},
		{"not in the query", map[string]any{"key_in_query": false}, request(t, "GET", "/?apikey=good", ""), "No API key found in request"},
		{"under a second name", map[string]any{"key_names": []any{"x-a", "x-b"}}, request(t, "GET", "/", "", "X-B", "good"), ""},
		{"under a name that is not configured", map[string]any{"key_names": []any{"x-a"}}, request(t, "GET", "/", "", "apikey", "good"), "No API key found in request"},
		{"a preflight request", nil, request(t, "OPTIONS", "/", ""), "No API key found in request"},
		{"a preflight request that is let through", map[string]any{"run_on_preflight": false}, request(t, "OPTIONS", "/", ""), ""},
		{"another request without a key, all the same", map[string]any{"run_on_preflight": false}, request(t, "GET", "/", ""), "No API key found in request"},
	} {
		a := ask(t, tc.config, tc.r)
		switch {
		case a.passed != (tc.want == ""):
			t.Errorf("%s: passed %v: %s", tc.rule, a.passed, a.message)
		case tc.want != "" && (a.status != 401 || a.message != tc.want || a.challenge != "Key"):
			t.Errorf("%s: %d %q, %q", tc.rule, a.status, a.message, a.challenge)
		}
	}
}

func TestTheUpstreamLearnsWhoTheConsumerIsFromUsAlone(t *testing.T) {
	t.Parallel()
	forged := []string{
		"X-Consumer-Id", "forged", "X_Consumer_Username", "forged", "x.consumer.custom.id", "forged", "X-Credential-Identifier", "forged",
		"X-Anonymous-Consumer", "true", "X-Consumer-Groups", "forged", "X-Authenticated-Groups", "forged", "X-Other", "kept",
	}
	for rule, tc := range map[string]struct {
		config map[string]any
		method string
		with   []string
		want   map[string]string
	}{
		"of a key": {nil, "GET", []string{"apikey", "good"}, map[string]string{
			"X-Consumer-Id": "c1", "X-Consumer-Username": "bob", "X-Consumer-Custom-Id": "b-1", "X-Credential-Identifier": "k1", "Apikey": "good",
		}},
		"of a stand-in": {map[string]any{"anonymous": "guest"}, "GET", nil, map[string]string{
			"X-Consumer-Id": "c2", "X-Consumer-Username": "guest", "X-Anonymous-Consumer": "true",
		}},
		"of nobody, in a preflight request": {map[string]any{"run_on_preflight": false}, "OPTIONS", nil, map[string]string{}},
	} {
		a := ask(t, tc.config, request(t, tc.method, "/", "", append(forged, tc.with...)...))
		got := map[string]string{}
		for name, values := range a.header {
			got[name] = strings.Join(values, "|")
		}
		tc.want["X-Other"] = "kept"
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s:\n%s", rule, diff)
		}
	}
}

func TestKeysAreHiddenWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	for _, hide := range []bool{false, true} {
		config := map[string]any{"hide_credentials": hide, "key_in_body": true}
		header := ask(t, config, request(t, "GET", "/?x=1&apikey=old&y=%2f", "", "apikey", "good"))
		if gone := header.header.Get("apikey") == "" && header.query == "x=1&y=%2f"; gone != hide {
			t.Errorf("hide %v: header %q, query %q", hide, header.header.Get("apikey"), header.query)
		}
		body := ask(t, config, request(t, "POST", "/", "x=1&apikey=good&y=2", "Content-Type", "application/x-www-form-urlencoded"))
		if gone := body.body == "x=1&y=2"; gone != hide {
			t.Errorf("hide %v: body %q", hide, body.body)
		}
	}
}

func TestAStandIn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"guest", "c2"} {
		a := ask(t, map[string]any{"anonymous": name}, request(t, "GET", "/", "", "apikey", "bad"))
		if !a.passed || a.forSure || a.consumer.ID != "c2" {
			t.Errorf("by %s: %+v", name, a)
		}
	}
	if a := ask(t, map[string]any{"anonymous": "b-1"}, request(t, "GET", "/", "")); a.passed || a.status != 500 {
		t.Errorf("a stand-in that does not exist, or only as a custom_id: %+v", a)
	}
	if a := ask(t, map[string]any{"anonymous": "guest"}, request(t, "GET", "/", "", "apikey", "good")); !a.forSure || a.consumer.ID != "c1" {
		t.Errorf("the control, a good key: %+v", a)
	}
}

func TestSeveralPluginsAreAndOrWithStandInsOr(t *testing.T) {
	t.Parallel()
	authenticated := func(q *plugin.Request) { q.Authenticate(&entity.Consumer{ID: "other"}, "x") }
	standsIn := func(q *plugin.Request) { q.StandIn("guest") }
	for _, tc := range []struct {
		rule   string
		config map[string]any
		before func(q *plugin.Request)
		passes string // the consumer; empty: refused
	}{
		{"and: another plugin is not enough", nil, authenticated, ""},
		{"or: another plugin is enough", map[string]any{"anonymous": "guest"}, authenticated, "other"},
		{"or: another plugin's stand-in is not", map[string]any{"anonymous": "c1"}, standsIn, "c1"},
	} {
		a := ask(t, tc.config, request(t, "GET", "/", ""), tc.before)
		got := ""
		if a.consumer != nil {
			got = a.consumer.ID
		}
		if got != tc.passes {
			t.Errorf("%s: consumer %q", tc.rule, got)
		}
	}
	a := ask(t, map[string]any{"anonymous": "guest"}, request(t, "GET", "/", "", "apikey", "good"), standsIn)
	if a.header.Get("X-Anonymous-Consumer") != "" || a.consumer.ID != "c1" {
		t.Errorf("traces of a stand-in are left: %v", a.header)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for rule, config := range map[string]map[string]any{
		"a name that no header has": {"key_names": []any{"a b"}},
		"no name":                   {"key_names": []any{}},
		"nowhere to look":           {"key_in_header": false, "key_in_query": false},
		"a realm that ends early":   {"realm": `a"b`},
	} {
		if _, errs := Definition(Deps{}).Config().Normalize(config); errs == nil {
			t.Errorf("%s is accepted", rule)
		}
	}
	if a := ask(t, map[string]any{"realm": "api"}, request(t, "GET", "/", "")); a.challenge != `Key realm="api"` {
		t.Errorf("the control, a good realm: %q", a.challenge)
	}
}
