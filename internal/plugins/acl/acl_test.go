package acl

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
)

func people() *plugin.Consumers {
	return plugin.NewConsumers(&entity.Set{
		Consumers: []*entity.Consumer{{ID: "c1", Username: "bob"}, {ID: "c2", Username: "eve"}, {ID: "c3", Username: "guest"}},
		ACLs: []entity.ACL{
			{ID: "a1", ConsumerID: "c1", Group: "writers"},
			{ID: "a2", ConsumerID: "c1", Group: "admins"},
			{ID: "a3", ConsumerID: "c3", Group: "guests"},
		},
		ConsumerGroups: []*entity.ConsumerGroup{{ID: "g1", Name: "gold"}},
		Memberships:    []entity.Membership{{ConsumerID: "c1", ConsumerGroupID: "g1"}},
	})
}

func known(username string) func(q *plugin.Request) {
	return func(q *plugin.Request) { q.Authenticate(q.Consumers.ByUsername(username, false), "credential") }
}

// mapped is a consumer whom a token named.
func mapped(username string, groups ...string) func(q *plugin.Request) {
	return func(q *plugin.Request) {
		q.Authenticate(q.Consumers.ByUsername(username, false), "")
		q.Groups = groups
	}
}

func vouched(groups ...string) func(q *plugin.Request) {
	return func(q *plugin.Request) {
		q.Authenticate(nil, "sub")
		q.Groups = groups
		q.Upstream.Set(plugin.HeaderAuthenticatedGroups, plugin.JoinGroups(groups)) // as openid-connect does
	}
}

func standIn(q *plugin.Request) { q.StandIn("guest") }
func nobody(*plugin.Request)    {}

func TestWhoPasses(t *testing.T) {
	t.Parallel()
	list := func(words string) []any {
		var out []any
		for w := range strings.FieldsSeq(words) {
			out = append(out, w)
		}
		return out
	}
	allow := func(words string) map[string]any { return map[string]any{"allow": list(words)} }
	deny := func(words string) map[string]any { return map[string]any{"deny": list(words)} }
	with := func(config map[string]any, flag string) map[string]any {
		config[flag] = true
		return config
	}
	for _, tc := range []struct {
		rule   string
		config map[string]any
		who    func(q *plugin.Request)
		status int
		// header is "name: value", empty for none.
		header string
	}{
		{"a group that is allowed", allow("admins"), known("bob"), 200, "X-Consumer-Groups: admins, writers"},
		{"one of several", allow("x writers"), known("bob"), 200, "X-Consumer-Groups: admins, writers"},
		{"no group that is allowed", allow("x"), known("bob"), 403, ""},
		{"groups are compared exactly", allow("Admins"), known("bob"), 403, ""},
		{"no group at all", allow("x"), known("eve"), 403, ""},
		{"a group that is denied", deny("admins"), known("bob"), 403, ""},
		{"no group that is denied", deny("x"), known("bob"), 200, "X-Consumer-Groups: admins, writers"},
		{"no group to be denied", deny("x"), known("eve"), 200, ""},
		{"hidden groups", with(allow("admins"), "hide_groups_header"), known("bob"), 200, ""},
		{"consumer groups do not count by themselves", allow("gold"), known("bob"), 403, ""},
		{"consumer groups", with(allow("gold"), "include_consumer_groups"), known("bob"), 200, "X-Consumer-Groups: admins, writers, gold"},
		{"denied consumer groups", with(deny("gold"), "include_consumer_groups"), known("bob"), 403, ""},
		{"nobody", allow("admins"), nobody, 401, ""},
		{"nobody, where groups are denied", deny("admins"), nobody, 401, ""},
		{"a stand-in with an allowed group", allow("guests"), standIn, 200, "X-Consumer-Groups: guests"},
		{"a stand-in without", allow("admins"), standIn, 403, ""},
		{"groups of a token", allow("a"), vouched("b", "a"), 200, "X-Authenticated-Groups: b, a"},
		{"hidden groups of a token", with(allow("a"), "hide_groups_header"), vouched("b", "a"), 200, ""},
		{"other groups of a token", allow("a"), vouched("b"), 403, ""},
		{"denied groups of a token", deny("a"), vouched("a"), 403, ""},
		{"a token with an empty list of groups", allow("a"), vouched([]string{}...), 403, ""},
		{"a token without groups", allow("a"), vouched(), 403, ""},
		{"a token without groups, where groups are denied", deny("a"), vouched(), 403, ""},
		{"groups of a token before those of the consumer that it names", allow("a"), mapped("bob", "a"), 200, "X-Authenticated-Groups: a"},
		{"and not beside them", allow("admins"), mapped("bob", "a"), 403, ""},
		{"those of the consumer where the token has none", allow("admins"), mapped("bob"), 200, "X-Consumer-Groups: admins, writers"},
		{"a named consumer without groups is known all the same", allow("admins"), mapped("eve"), 403, ""},
		{"a consumer with a credential of its own", allow("a"), func(q *plugin.Request) { known("bob")(q); q.Groups = []string{"a"} }, 403, ""},
		{
			"unless groups of tokens always count", with(allow("a"), "always_use_authenticated_groups"),
			func(q *plugin.Request) { known("bob")(q); q.Groups = []string{"a"} }, 200, "X-Authenticated-Groups: a",
		},
		{"a group that would read as two", allow("a"), vouched("a", "x, admins"), 200, "X-Authenticated-Groups: a"},
		{"a group that no header can hold", allow("a"), vouched("x\r\nX-Admin: 1", "a"), 200, "X-Authenticated-Groups: a"},
	} {
		d := Definition("")
		config, errs := d.Config().Normalize(tc.config)
		if errs != nil {
			t.Fatal(tc.rule, errs)
		}
		h, err := d.New(plugin.Instance{Config: config})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header = http.Header{"X_consumer_groups": {"admins"}, "X-Authenticated-Groups": {"a"}}
		q := &plugin.Request{HTTP: r, Consumers: people()}
		tc.who(q)
		status, header := 0, ""
		err = h.Serve(httptest.NewRecorder(), q, func(_ http.ResponseWriter, q *plugin.Request) error {
			status = 200
			got := q.HTTP.Header.Clone()
			q.Upstream.Apply(got)
			for name, values := range got {
				if strings.Contains(strings.ToLower(name), "groups") {
					header += name + ": " + strings.Join(values, "|")
				}
			}
			return nil
		})
		if err != nil {
			e := httperror.From(err)
			status = e.Status
			if want := map[int]string{401: "Unauthorized", 403: "You cannot consume this service"}[status]; e.Message != want {
				t.Errorf("%s: message %q", tc.rule, e.Message)
			}
		}
		if status != tc.status || header != tc.header {
			t.Errorf("%s: %d %q, want %d %q", tc.rule, status, header, tc.status, tc.header)
		}
	}
}

func TestExactlyOneListIsSaid(t *testing.T) {
	t.Parallel()
	for rule, config := range map[string]map[string]any{
		"none": {}, "both": {"allow": []any{"a"}, "deny": []any{"b"}}, "empty": {"allow": []any{}},
	} {
		if _, errs := Definition("").Config().Normalize(config); errs == nil {
			t.Errorf("%s is accepted", rule)
		}
	}
	if _, errs := Definition("").Config().Normalize(map[string]any{"deny": []any{"b"}}); errs != nil {
		t.Errorf("the control: %v", errs)
	}
}
