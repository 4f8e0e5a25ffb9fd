package entity

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSetHoldsTypedEntities(t *testing.T) {
	t.Parallel()
	kinds := testKinds(t)
	set := &Set{}
	for _, e := range []struct {
		kind string
		in   map[string]any
	}{
		{Services, map[string]any{
			"id": uuid1, "name": "s", "url": "https://a.test/x", "tls_verify": false, "tags": texter("t"),
			"connect_timeout": 5, "read_timeout": nil, "retries": nil, "created_at": 7,
		}},
		{Routes, map[string]any{
			"id": uuid1, "name": "r", "service": ref(uuid1), "methods": texter("GET"), "hosts": texter("a.test"),
			"paths": texter("/p"), "headers": map[string]any{"x-a": texter("1", "2")}, "snis": texter("a.test"),
			"regex_priority": 3, "strip_path": false, "preserve_host": true, "https_redirect_status_code": 308,
			"created_at": 8,
		}},
		{Plugins, map[string]any{
			"id": uuid1, "name": "door", "instance_name": "i", "route": ref(uuid1), "consumer": ref(uuid1),
			"config": map[string]any{"key": "k"}, "protocols": texter("https"), "enabled": false, "created_at": 9,
		}},
		{Consumers, map[string]any{"id": uuid1, "username": "u", "custom_id": "c", "created_at": 10}},
	} {
		v, errs := kinds[e.kind].Normalize(e.in)
		if errs != nil {
			t.Fatalf("%s: %v", e.kind, errs)
		}
		if !set.Add(e.kind, v) {
			t.Fatalf("%s cannot be decoded", e.kind)
		}
	}
	verify := false
	want := &Set{
		Services: []*Service{{
			ID: uuid1, Name: "s", Protocol: "https", Host: "a.test", Port: 443, Path: "/x", Retries: 5,
			ConnectTimeout: 5 * time.Millisecond, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
			Enabled: true, TLSVerify: &verify, Tags: []string{"t"}, CreatedAt: 7,
		}},
		Routes: []*Route{{
			ID: uuid1, Name: "r", ServiceID: uuid1, Protocols: []string{"http", "https"}, Methods: []string{"GET"},
			Hosts: []string{"a.test"}, Paths: []string{"/p"}, Headers: map[string][]string{"x-a": {"1", "2"}},
			SNIs: []string{"a.test"}, RegexPriority: 3, PreserveHost: true, PathHandling: "v0",
			HTTPSRedirectStatusCode: 308, RequestBuffering: true, ResponseBuffering: true, CreatedAt: 8,
		}},
		Plugins: []*Plugin{{
			ID: uuid1, Name: "door", InstanceName: "i", RouteID: uuid1, ConsumerID: uuid1,
			Config:    map[string]any{"key": "k", "words": texter("a", "b"), "salt": nil, "store": nil},
			Protocols: []string{"https"}, CreatedAt: 9,
		}},
		Consumers: []*Consumer{{ID: uuid1, Username: "u", CustomID: "c", CreatedAt: 10}},
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
	if set.Add("upstreams", nil) {
		t.Error("an unknown kind was decoded")
	}
}
