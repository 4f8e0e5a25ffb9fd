package plugin

import (
	"net/http"
	"testing"
	"time"

	"sallyport/internal/entity"
)

func TestConsumersAreFoundByName(t *testing.T) {
	t.Parallel()
	c := NewConsumers(&entity.Set{Consumers: []*entity.Consumer{
		{ID: "1", Username: "Bob", CustomID: "b"}, {ID: "2", Username: "eve"}, {ID: "3", Username: "EVE"}, {ID: "4", CustomID: "only"},
	}})
	for _, tc := range []struct {
		rule string
		got  *entity.Consumer
		want string
	}{
		{"an id", c.ByID("1"), "1"},
		{"a username", c.ByUsername("Bob", false), "1"},
		{"another spelling", c.ByUsername("bob", false), ""},
		{"another spelling, folded", c.ByUsername("bOB", true), "1"},
		{"one of two by its own spelling", c.ByUsername("EVE", true), "3"},
		{"a spelling that fits two", c.ByUsername("Eve", true), ""},
		{"no username", c.ByUsername("", true), ""},
		{"a custom_id", c.ByCustomID("only"), "4"},
		{"no custom_id", c.ByCustomID(""), ""},
		{"nobody's", (*Consumers)(nil).ByID("1"), ""},
	} {
		got := ""
		if tc.got != nil {
			got = tc.got.ID
		}
		if got != tc.want {
			t.Errorf("by %s: %q, want %q", tc.rule, got, tc.want)
		}
	}
	if key, _ := c.Key("", time.Unix(0, 0)); key != nil {
		t.Error("the empty key is somebody's")
	}
}

func TestARequestOfNobodyCostsNoAllocationForIdentity(t *testing.T) {
	q := &Request{HTTP: &http.Request{}}
	q.Upstream.Remove("X")
	if n := testing.AllocsPerRun(100, func() { q.Upstream.Reset(); q.ForgetIdentity() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAStandInTakesNothingOver: what an earlier plugin left of somebody else does
// not become the anonymous consumer's.
func TestAStandInTakesNothingOver(t *testing.T) {
	t.Parallel()
	q := &Request{Consumers: NewConsumers(&entity.Set{Consumers: []*entity.Consumer{{ID: "1", Username: "guest"}}})}
	q.Authenticate(nil, "credential")
	q.Groups = []string{"admins"}
	if !q.StandIn("guest") || q.Consumer == nil || q.Authenticated || q.Credential != "" || q.Groups != nil {
		t.Errorf("stands in as %+v", q.Identity)
	}
	if q.StandIn("nobody") {
		t.Error("nobody stands in")
	}
}
