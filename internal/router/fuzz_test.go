package router

import (
	"strings"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

func FuzzMatch(f *testing.F) {
	f.Add("/a", "*.test", "/a/b", "/s")
	f.Add("~/(?<x>[a-z]+)", "a.test:80", "/caf%C3%A9", "")
	f.Add("~/a|/b", "a.*", "/a../b", "/s/")
	f.Add("/%7e", "A.TEST.", "/~x", "/")
	f.Add("~/[[:alpha:]]*$", "[::1]", "/x", "/s")
	f.Fuzz(func(t *testing.T, pattern, host, target, service string) {
		path, err := message.NormalizePath(target)
		if err != nil {
			return
		}
		if base, err := message.NormalizePath(service); err != nil || base != service {
			service = ""
		}
		services := map[string]*entity.Service{"s": {ID: "s", Path: service, Enabled: true}}
		for _, strip := range []bool{true, false} {
			route := &entity.Route{ServiceID: "s", Paths: []string{pattern}, Hosts: []string{host}, StripPath: strip}
			open := &entity.Route{ServiceID: "s", Paths: []string{pattern}, StripPath: strip}
			r, err := New([]*entity.Route{route, open}, services)
			if err != nil {
				return
			}
			m, ok := r.Match(&message.Request{Method: "GET", Host: "a.test", Path: path, ListenPort: 80}, nil)
			if !ok {
				continue
			}
			if !strings.HasPrefix(path, m.Prefix) {
				t.Fatalf("%q is no beginning of %q", m.Prefix, path)
			}
			upstream := UpstreamPath(m, path)
			normal, err := message.NormalizePath(upstream)
			if err != nil || normal != upstream {
				t.Fatalf("upstream path %q of %q is not in normal form (%q, %v)", upstream, path, normal, err)
			}
			if base := strings.TrimSuffix(service, "/"); !strings.HasPrefix(upstream, base) {
				t.Fatalf("upstream path %q left %q", upstream, base)
			}
		}
	})
}
