package router

import (
	"testing"

	"sallyport/internal/entity"
)

func TestUpstreamPath(t *testing.T) {
	t.Parallel()
	const strip, keep = true, false
	for _, tc := range []struct {
		name                 string
		service, route, path string
		strip                bool
		want                 string
	}{
		{"prefix alone", "/s", "/a", "/a", strip, "/s"},
		{"prefix and slash", "/s", "/a", "/a/", strip, "/s/"},
		{"prefix and more", "/s", "/a", "/a/b", strip, "/s/b"},
		{"prefix inside a segment", "/s", "/a", "/ab", strip, "/s/b"},
		{"service path with slash, prefix alone", "/s/", "/a", "/a", strip, "/s"},
		{"service path with slash, prefix and slash", "/s/", "/a", "/a/", strip, "/s/"},
		{"service path with slash, prefix and more", "/s/", "/a", "/a/b", strip, "/s/b"},
		{"route path with slash", "/s", "/a/", "/a/", strip, "/s/"},
		{"route path with slash and more", "/s", "/a/", "/a/b", strip, "/s/b"},
		{"root route, root request", "/s", "/", "/", strip, "/s"},
		{"root route, root request, service path with slash", "/s/", "/", "/", strip, "/s/"},
		{"root route and more", "/s", "/", "/b", strip, "/s/b"},
		{"no service path", "", "/a", "/a/b", strip, "/b"},
		{"no service path, prefix alone", "", "/a", "/a", strip, "/"},
		{"root service path", "/", "/a", "/a/", strip, "/"},
		{"regex", "/s", "~/a/.", "/a/bc", strip, "/s/c"},
		{"no paths", "/s", "", "/a/b", strip, "/s/a/b"},
		{"no paths, root request", "/s", "", "/", strip, "/s"},
		{"keep", "/s", "/a", "/a/b", keep, "/s/a/b"},
		{"keep, service path with slash", "/s/", "/a", "/a/b", keep, "/s/a/b"},
		{"keep, root request", "/s", "/", "/", keep, "/s"},
		{"keep, root request, service path with slash", "/s/", "/", "/", keep, "/s/"},
		{"keep, no service path", "", "/a", "/a/", keep, "/a/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			route := &entity.Route{ServiceID: "s", StripPath: tc.strip}
			if tc.route != "" {
				route.Paths = []string{tc.route}
			}
			r, err := New([]*entity.Route{route}, map[string]*entity.Service{"s": {ID: "s", Path: tc.service, Enabled: true}})
			if err != nil {
				t.Fatal(err)
			}
			m, ok := r.Match(request(t, "GET http://h:80"+tc.path), nil)
			if !ok {
				t.Fatal("no match")
			}
			if got := UpstreamPath(m, tc.path); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	t.Run("a route without a service has the root", func(t *testing.T) {
		t.Parallel()
		if got := UpstreamPath(Match{Route: &entity.Route{}}, "/x"); got != "/x" {
			t.Errorf("got %q", got)
		}
	})
}
