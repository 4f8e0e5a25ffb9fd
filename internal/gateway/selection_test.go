package gateway

import (
	"net/http"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
)

// marking is a plugin whose instances add their id to X-Marks.
func marking(name string, priority int) plugin.Definition {
	return plugin.Definition{Name: name, Priority: priority, New: func(i plugin.Instance) (plugin.Handler, error) {
		return handlerFunc(func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
			before := q.Upstream.Values("X-Marks")
			mark := i.ID
			if len(before) > 0 {
				mark = before[0] + " " + mark
			}
			q.Upstream.Set("X-Marks", mark)
			return next(w, q)
		}), nil
	}}
}

// authenticating sets the consumer that the request names.
func authenticating(priority int) plugin.Definition {
	return define("auth", priority, func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
		if id := q.HTTP.Header.Get("X-Consumer"); id != "" {
			q.Authenticate(&entity.Consumer{ID: id}, "")
		}
		return next(w, q)
	})
}

func TestTheMostSpecificInstanceRuns(t *testing.T) {
	t.Parallel()
	scope := func(id, who, route, service string) *entity.Plugin {
		p := &entity.Plugin{ID: id, Name: "mark", Enabled: true, RouteID: route, ServiceID: service}
		switch who {
		case "c", "d":
			p.ConsumerID = who
		default:
			p.ConsumerGroupID = who
		}
		return p
	}
	// Most specific first: the list of Kong's precedence.
	all := []*entity.Plugin{
		scope("consumer-route-service", "c", "r1", "s1"), scope("group-route-service", "g", "r1", "s1"),
		scope("consumer-route", "c", "r1", ""), scope("consumer-service", "c", "", "s1"),
		scope("group-route", "g", "r1", ""), scope("group-service", "g", "", "s1"),
		scope("route-service", "", "r1", "s1"), scope("consumer", "c", "", ""), scope("group", "g", "", ""), scope("route", "", "r1", ""),
		scope("service", "", "", "s1"), scope("global", "", "", ""),
	}
	elsewhere := []*entity.Plugin{
		scope("other-consumer", "d", "r1", "s1"), scope("other-group", "h", "r1", "s1"), scope("other-route", "", "r2", ""), scope("other-service", "", "", "s2"),
	}
	service := upstreamAt(t, hello)
	for i := range all {
		f := newFront(t, marking("mark", 1), authenticating(2))
		f.install(t, &entity.Set{
			Services: []*entity.Service{service}, Routes: []*entity.Route{route("r1", "s1", "a.test")},
			Plugins:   append(append([]*entity.Plugin{globally("auth", "auth")}, elsewhere...), all[i:]...),
			Consumers: []*entity.Consumer{{ID: "c", Username: "c"}}, ConsumerGroups: []*entity.ConsumerGroup{{ID: "g", Name: "g"}, {ID: "h", Name: "h"}},
			Memberships: []entity.Membership{{ConsumerID: "c", ConsumerGroupID: "g"}},
		})
		if got := f.get(t, "a.test", "/", "X-Consumer", "c").Header.Get("X-Got"); got != all[i].ID {
			t.Errorf("of those from %s on, %q ran", all[i].ID, got)
		}
		want := ""
		for _, p := range all[i:] {
			if p.ConsumerID == "" && p.ConsumerGroupID == "" {
				want = p.ID
				break
			}
		}
		if got := f.get(t, "a.test", "/").Header.Get("X-Got"); got != want {
			t.Errorf("without a consumer, of those from %s on, %q ran, want %q", all[i].ID, got, want)
		}
	}
}

func TestOfSeveralGroupsTheFirstByNameCounts(t *testing.T) {
	t.Parallel()
	f := newFront(t, marking("mark", 1), authenticating(2))
	set := &entity.Set{
		Services: []*entity.Service{upstreamAt(t, hello)}, Routes: []*entity.Route{route("r1", "s1", "a.test")},
		Plugins: []*entity.Plugin{
			globally("auth", "auth"),
			{ID: "of-silver", Name: "mark", Enabled: true, ConsumerGroupID: "g1"},
			{ID: "of-gold", Name: "mark", Enabled: true, ConsumerGroupID: "g2"},
		},
		Consumers:      []*entity.Consumer{{ID: "c", Username: "c"}},
		ConsumerGroups: []*entity.ConsumerGroup{{ID: "g1", Name: "silver"}, {ID: "g2", Name: "gold"}},
		Memberships:    []entity.Membership{{ConsumerID: "c", ConsumerGroupID: "g1"}, {ConsumerID: "c", ConsumerGroupID: "g2"}},
	}
	f.install(t, set)
	if got := f.get(t, "a.test", "/", "X-Consumer", "c").Header.Get("X-Got"); got != "of-gold" {
		t.Errorf("%q ran", got)
	}
	left := *set
	left.Memberships = set.Memberships[:1]
	f.install(t, &left)
	if got := f.get(t, "a.test", "/", "X-Consumer", "c").Header.Get("X-Got"); got != "of-silver" {
		t.Errorf("after the consumer left the group, %q ran", got)
	}
}

func TestAPluginBeforeAuthenticationSeesNoConsumer(t *testing.T) {
	t.Parallel()
	f := newFront(t, marking("early", 3), authenticating(2), marking("late", 1))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, hello)}, Routes: []*entity.Route{route("r1", "s1", "a.test")},
		Plugins: []*entity.Plugin{
			globally("auth", "auth"),
			{ID: "early-consumer", Name: "early", Enabled: true, ConsumerID: "c"},
			{ID: "early-all", Name: "early", Enabled: true},
			{ID: "late-consumer", Name: "late", Enabled: true, ConsumerID: "c"},
			{ID: "late-all", Name: "late", Enabled: true},
		},
	})
	if got := f.get(t, "a.test", "/", "X-Consumer", "c").Header.Get("X-Got"); got != "early-all late-consumer" {
		t.Errorf("ran %q", got)
	}
}

func TestWhichInstancesCount(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(p *entity.Plugin)
		runs   bool
	}{
		{"enabled", func(*entity.Plugin) {}, true},
		{"disabled", func(p *entity.Plugin) { p.Enabled = false }, false},
		{"for streams alone", func(p *entity.Plugin) { p.Protocols = []string{"tcp", "udp"} }, false},
		{"for https alone protects http as well", func(p *entity.Plugin) { p.Protocols = []string{"https"} }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, marking("mark", 1))
			p := globally("p1", "mark")
			tc.change(p)
			f.install(t, &entity.Set{
				Services: []*entity.Service{upstreamAt(t, hello)}, Routes: []*entity.Route{route("r1", "s1", "a.test")},
				Plugins: []*entity.Plugin{p},
			})
			if runs := f.get(t, "a.test", "/").Header.Get("X-Got") == "p1"; runs != tc.runs {
				t.Errorf("runs: %v", runs)
			}
		})
	}
}

func TestRunOrder(t *testing.T) {
	t.Parallel()
	f := newFront(t, marking("a", 5), marking("b", 5), marking("c", 9))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, hello)}, Routes: []*entity.Route{route("r1", "s1", "a.test")},
		Plugins: []*entity.Plugin{globally("a1", "a"), globally("b1", "b"), globally("c1", "c")},
	})
	if got := f.get(t, "a.test", "/").Header.Get("X-Got"); got != "c1 b1 a1" {
		t.Errorf("ran %q", got)
	}
}
