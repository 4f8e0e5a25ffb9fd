package plugin_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/plugin"
)

func request(t *testing.T, contentType, body string) *plugin.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://app.test/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return &plugin.Request{HTTP: r}
}

func TestPeekFieldsReadsJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]plugin.Form{
		`{"access_token":"t","n":1,"x":null,"o":{"access_token":"no"},"l":["a"],"b":true}`: {{Name: "access_token", Value: "t"}},
		`{"access_token":null}`:             {},
		` {"a":"1","b":"2"} `:               {{Name: "a", Value: "1"}, {Name: "b", Value: "2"}},
		`{"a":"1","a":"2"}`:                 nil,
		`null`:                              nil,
		`"access_token"`:                    nil,
		`["access_token"]`:                  nil,
		`{"access_token":"t"`:               nil,
		`{"access_token":"t"}{}`:            nil,
		`{"access_token":"t",}`:             nil,
		strings.Repeat("[", 30000):          nil,
		`{"a":` + strings.Repeat("[", 9000): nil,
	} {
		q := request(t, "application/json; charset=utf-8", body)
		got, ok, err := q.PeekFields()
		if err != nil || ok != (want != nil) {
			t.Errorf("%.50s: ok %v, %v", body, ok, err)
		}
		if len(got)+len(want) > 0 {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%.50s (-want +got):\n%s", body, diff)
			}
		}
		if rest, err := io.ReadAll(q.HTTP.Body); err != nil || string(rest) != body {
			t.Errorf("%.50s: the upstream gets %.50s, %v", body, rest, err)
		}
	}
	q := request(t, "application/json", `{"a":"1"}`)
	q.HTTP.ContentLength = -1
	if _, ok, err := q.PeekFields(); ok || err != nil {
		t.Error("a body of unknown length was looked into")
	}
}

func TestDropFieldsTakesThemFromTheUpstream(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, contentType, body, want string }{
		{"form", "application/x-www-form-urlencoded", "a=1&access%5Ftoken=t&b=%20&access_token=u&&c", "a=1&b=%20&&c"},
		{"form with nothing else", "application/x-www-form-urlencoded", "access_token=t", ""},
		{"json", "application/json", `{"b":"<x>","access_token":"t","a":{"access_token":1}}`, `{"a":{"access_token":1},"b":"<x>"}`},
	} {
		q := request(t, tt.contentType, tt.body)
		if f, ok, err := q.PeekFields(); err != nil || !ok || len(f.Values("access_token")) == 0 {
			t.Fatalf("%s: %v %v %v", tt.name, f, ok, err)
		}
		q.DropFields("access_token")
		rest, err := io.ReadAll(q.HTTP.Body)
		if err != nil || string(rest) != tt.want || q.HTTP.ContentLength != int64(len(tt.want)) {
			t.Errorf("%s: the upstream gets %q of %d, %v", tt.name, rest, q.HTTP.ContentLength, err)
		}
		if f, _, _ := q.PeekFields(); len(f.Values("access_token")) > 0 {
			t.Errorf("%s: the field is still seen", tt.name)
		}
	}
	q := request(t, "text/plain", "access_token=t")
	q.DropFields("access_token")
	if rest, _ := io.ReadAll(q.HTTP.Body); string(rest) != "access_token=t" {
		t.Errorf("a body that nobody looked into was changed: %q", rest)
	}
}
