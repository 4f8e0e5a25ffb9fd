package router

import (
	"strings"
	"testing"

	"sallyport/internal/entity"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		route entity.Route
		want  []string
	}{
		{"broken regex", entity.Route{Name: "orders", Paths: []string{"~/(a"}}, []string{"orders", `"~/(a"`}},
		{"regex that closes the anchor's group", entity.Route{Name: "orders", Paths: []string{"~/a)|(b"}}, []string{"orders", "unexpected )"}},
		{"class intersection", entity.Route{Name: "orders", Paths: []string{"~/[a-z&&[^aeiou]]"}}, []string{"set operations"}},
		{"class difference", entity.Route{Name: "orders", Paths: []string{"~/[a-z--[x]]"}}, []string{"orders"}},
		{"nested class", entity.Route{Name: "orders", Paths: []string{"~/[a[b]]"}}, []string{"set operations"}},
		{"look-around", entity.Route{ID: "route-id", Paths: []string{"~/(?=a)"}}, []string{"route-id"}},
		{"broken header regex", entity.Route{Name: "orders", Headers: map[string][]string{"x-a": {"~*("}}}, []string{"orders", `"x-a"`}},
		{"relative path", entity.Route{Name: "orders", Paths: []string{"a"}}, []string{"orders", `"a"`}},
		{"broken escape", entity.Route{Name: "orders", Paths: []string{"/%zz"}}, []string{"orders", "escape"}},
		{"wildcard in the middle", entity.Route{Name: "orders", Hosts: []string{"a.*.test"}}, []string{"orders", "a.*.test"}},
		{"wildcard that is no label", entity.Route{Name: "orders", Hosts: []string{"*a.test"}}, []string{"orders"}},
		{"two wildcards", entity.Route{Name: "orders", Hosts: []string{"*.a.*"}}, []string{"orders"}},
		{"unknown service", entity.Route{Name: "orders", ServiceID: "gone"}, []string{"orders", "gone"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := New([]*entity.Route{&tc.route}, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
	t.Run("control: classes that look similar are accepted", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{`~/[a-z&]`, `~/[\[\]-]`, `~/[[:alpha:]]+`, `~/[^]]`, `~/a&&b`, `~/\[[a-]`} {
			if _, err := New([]*entity.Route{{Paths: []string{path}}}, nil); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

func TestRoutesOfDisabledServicesAreLeftOut(t *testing.T) {
	t.Parallel()
	services := map[string]*entity.Service{"on": {ID: "on", Enabled: true}, "off": {ID: "off"}}
	off := &entity.Route{ID: "1", ServiceID: "off", Paths: []string{"/a"}}
	on := &entity.Route{ID: "2", ServiceID: "on", Paths: []string{"/a"}}
	r, err := New([]*entity.Route{off, on}, services)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := r.Match(request(t, "GET http://a:80/a"), nil); !ok || m.Route != on || m.Service != services["on"] {
		t.Errorf("got %+v", m)
	}
}

func TestEmptyRouterMatchesNothing(t *testing.T) {
	t.Parallel()
	if m, ok := mustNew(t).Match(request(t, "GET http://a:80/"), nil); ok {
		t.Errorf("got %+v", m)
	}
}
