package router

import (
	"fmt"
	"net/http"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

func BenchmarkMatch(b *testing.B) {
	for _, kind := range []string{"paths", "hosts", "regex"} {
		for _, n := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				routes := make([]*entity.Route, n)
				for i := range routes {
					switch kind {
					case "paths":
						routes[i] = &entity.Route{Paths: []string{fmt.Sprintf("/service-%d/v1", i)}}
					case "hosts":
						routes[i] = &entity.Route{Hosts: []string{fmt.Sprintf("host-%d.test", i)}, Paths: []string{"/service-"}}
					case "regex":
						routes[i] = &entity.Route{Paths: []string{fmt.Sprintf("~/service-%d/v[0-9]+", i)}}
					}
				}
				r := mustNew(b, routes...)
				m := &message.Request{
					Method: "GET", Scheme: "http", Host: fmt.Sprintf("host-%d.test", n/2),
					Path: fmt.Sprintf("/service-%d/v1/orders/17", n/2), ListenPort: 8000,
				}
				h := http.Header{}
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := r.Match(m, h); !ok {
						b.Fatal("no match")
					}
				}
			})
		}
	}
}

func TestMatchOfPlainRoutesAllocatesNothing(t *testing.T) {
	r := mustNew(t, &entity.Route{Hosts: []string{"a.test"}, Paths: []string{"/a"}, Headers: map[string][]string{"x-a": {"1"}}})
	m, h := request(t, "GET http://a.test:80/a/b"), http.Header{"X-A": {"1"}}
	allocs := testing.AllocsPerRun(100, func() {
		if _, ok := r.Match(m, h); !ok {
			t.Fatal("no match")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
