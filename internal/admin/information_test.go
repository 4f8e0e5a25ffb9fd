package admin

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEndpointsAreListedInOrder(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	data, _ := n.get("/endpoints").body["data"].([]any)
	var paths []string
	for _, p := range data {
		text, _ := p.(string)
		paths = append(paths, text)
	}
	if !slices.IsSortedFunc(paths, compareSegments) {
		t.Errorf("not sorted: %v", paths)
	}
	for _, want := range []string{
		"/", "/config", "/openid-connect/issuers", "/plugins/enabled", "/routes/{routes}/service", "/services",
		"/services/{services}", "/services/{services}/plugins/{plugins}", "/status", "/tags/{tags}",
	} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is missing in %v", want, paths)
		}
	}
}

func TestRootNamesConfiguredPlugins(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	if got := n.get("/").in("plugins", "enabled_in_cluster"); !cmp.Equal(got, []any{}) {
		t.Errorf("empty node: enabled_in_cluster = %v, want []", got)
	}
	n.walkthrough()
	n.must(201, "POST", "/plugins", jsonType, `{"name":"marker"}`)
	n.must(201, "POST", "/plugins", jsonType, `{"name":"marker","service":{"name":"anything"}}`)
	if got := n.get("/").in("plugins", "enabled_in_cluster"); !cmp.Equal(got, []any{"marker", "openid-connect"}) {
		t.Errorf("enabled_in_cluster = %v", got)
	}
	if got := n.get("/plugins/enabled").in("enabled_plugins"); !cmp.Equal(got, []any{"marker", "openid-connect"}) {
		t.Errorf("enabled_plugins = %v", got)
	}
}
