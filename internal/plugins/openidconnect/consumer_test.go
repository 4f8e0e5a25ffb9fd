package openidconnect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/practiceidp"
	"sallyport/internal/store"
)

// insert adds entities to the configuration: kind, object, kind, object.
func (r *rig) insert(all ...any) {
	r.t.Helper()
	err := r.store.Update(r.t.Context(), func(tx *store.Tx) error {
		for i := 0; i+1 < len(all); i += 2 {
			kind, _ := all[i].(string)
			object, _ := all[i+1].(store.Object)
			if _, err := tx.Insert(kind, object); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

const (
	adaID   = "aaaaaaaa-0000-4000-8000-000000000001"
	guestID = "aaaaaaaa-0000-4000-8000-000000000002"
	staffID = "aaaaaaaa-0000-4000-8000-000000000003"
)

func (r *rig) people() {
	r.t.Helper()
	r.insert(
		"consumers", store.Object{"id": adaID, "username": "Ada", "custom_id": userName},
		"consumers", store.Object{"id": guestID, "username": "guest", "custom_id": "g-1"},
		"consumer_groups", store.Object{"id": staffID, "name": "staff"},
	)
}

// identity is what the upstream is told of whom.
func identity(s seen) string {
	var all []string
	for _, name := range []string{
		"X-Consumer-Id", "X-Consumer-Username", "X-Consumer-Custom-Id", "X-Credential-Identifier", "X-Anonymous-Consumer",
		"X-Authenticated-Groups", "X-Consumer-Groups",
	} {
		if value := s.header(name); value != "" {
			all = append(all, strings.TrimPrefix(name, "X-")+"="+value)
		}
	}
	return strings.Join(all, " ")
}

const knownAda = "Consumer-Id=" + adaID + " Consumer-Username=Ada Consumer-Custom-Id=" + userName

func path(steps ...any) []any { return steps }

func TestConsumerMapping(t *testing.T) {
	t.Parallel()
	const virtual = "Credential-Identifier=" + userName
	for rule, tc := range map[string]struct {
		config map[string]any
		want   string // what the upstream is told, or the rule of the 403
	}{
		"nothing configured: a virtual credential": {nil, virtual},
		"by custom_id":                    {one("consumer_claims", path(path("sub"))), knownAda},
		"by the former name of the field": {one("consumer_claim", path("sub")), knownAda},
		"by custom_id alone":              {map[string]any{"consumer_claims": path(path("sub")), "consumer_by": path("custom_id")}, knownAda},
		"by username, whose case differs": {map[string]any{"consumer_claims": path(path("sub")), "consumer_by": path("username")}, "consumer_claims: "},
		"by username, case ignored": {map[string]any{
			"consumer_claims": path(path("sub")), "consumer_by": path("username"), "by_username_ignore_case": true,
		}, knownAda},
		"by id":                                  {map[string]any{"consumer_claims": path(path("internal", "id")), "consumer_by": path("id")}, knownAda},
		"never by an attribute that is not said": {map[string]any{"consumer_claims": path(path("internal", "id"))}, "consumer_claims: "},
		"the first claim that is there":          {one("consumer_claims", path(path("nothing"), path("sub"))), knownAda},
		"an existing claim decides":              {one("consumer_claims", path(path("jti"), path("sub"))), "consumer_claims: "},
		"a path through an array":                {one("consumer_claims", path(path("internal", "names", "2"))), knownAda},
		"a name with dots is one step":           {one("consumer_claims", path(path("https://example.test/id.1"))), knownAda},
		"a claim that is an object":              {one("consumer_claims", path(path("internal"))), "consumer_claims: "},
		"nobody, and that is allowed":            {map[string]any{"consumer_claims": path(path("jti")), "consumer_optional": true, "credential_claim": nil}, ""},
		"another virtual credential":             {one("credential_claim", path("internal", "names", "1")), "Credential-Identifier=first"},
		"a credential claim that is absent":      {one("credential_claim", path("nothing")), ""},
		"consumer groups without a consumer":     {one("consumer_groups_claim", path("groups")), virtual},
		"consumer groups that nobody knows":      {one("consumer_groups_claim", path("internal", "names")), "consumer_groups_claim: "},
		"that being allowed":                     {map[string]any{"consumer_groups_claim": path("internal", "names"), "consumer_groups_optional": true}, virtual},
		"groups for the acl plugin":              {one("authenticated_groups_claim", path("groups")), virtual + " Authenticated-Groups=staff, math"},
		"words of a text as groups":              {one("authenticated_groups_claim", path("words")), virtual + " Authenticated-Groups=one, two"},
		"beside a consumer, too": {
			map[string]any{"consumer_claims": path(path("sub")), "authenticated_groups_claim": path("groups")},
			knownAda + " Authenticated-Groups=staff, math",
		},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{
				config: with(apiConfig("authorization_code", "session", "bearer"), one("display_errors", true)),
				idp: func(o *practiceidp.Options) {
					o.Users[0].AccessTokenClaims = map[string]any{
						"internal": map[string]any{"id": adaID, "names": []any{"first", userName}}, "words": "one two",
						"groups": []any{"staff", "math"}, "https://example.test/id.1": userName,
					}
				},
			})
			r.people()
			b := r.browser()
			b.login("/") // before the rule is there: it applies to sessions that exist
			r.change(tc.config)
			for how, a := range map[string]answer{"session": b.get("/"), "bearer": r.bearer(r.accessToken())} {
				if strings.HasSuffix(tc.want, ": ") {
					r.refused(a, http.StatusForbidden, 0)
					if !strings.Contains(a.body, tc.want) {
						t.Errorf("%s: %s", how, a.body)
					}
					continue
				}
				if got := identity(r.admitted(a)); got != tc.want {
					t.Errorf("%s: the upstream is told %q, want %q", how, got, tc.want)
				}
			}
			// And at a login: who is not known gets no session.
			fresh := r.browser()
			a := fresh.callback(fresh.begin("/"))
			if opened := a.sets("session"); opened == strings.HasSuffix(tc.want, ": ") {
				t.Errorf("login: %d, session %v", a.status, opened)
			}
		})
	}
}

func TestConsumersOfThisMomentCount(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"consumer_claims": path(path("sub")), "forbidden_destroy_session": false}})
	b := r.browser()
	if a := b.callback(b.begin("/")); a.sets("session") {
		t.Fatalf("an unknown user got a session: %d", a.status)
	}
	r.people()
	b.login("/")
	if got := identity(r.admitted(b.get("/"))); got != knownAda {
		t.Errorf("told %q", got)
	}
	err := r.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Delete("consumers", adaID) })
	if err != nil {
		t.Fatal(err)
	}
	r.refused(b.get("/"), http.StatusForbidden, 1)
}

func TestAnonymousStandsInFor401And403(t *testing.T) {
	t.Parallel()
	const guest = "Consumer-Id=" + guestID + " Consumer-Username=guest Consumer-Custom-Id=g-1 Anonymous-Consumer=true"
	for _, name := range []string{"guest", guestID} {
		r := newRig(t, rigOptions{config: with(apiConfig("bearer"), one("anonymous", name))})
		r.people()
		token := r.accessToken()
		for rule, a := range map[string]answer{
			"without credentials": r.call(http.MethodGet, "/", "", "X-Consumer-Username", "forged"), "with a bad token": r.bearer("a.b.c"),
		} {
			got := r.admitted(a)
			if identity(got) != guest || got.header("Authorization") != "" {
				t.Errorf("%s: told %q, %q", rule, identity(got), got.header("Authorization"))
			}
		}
		if got := identity(r.admitted(r.bearer(token))); got != "Credential-Identifier="+userName {
			t.Errorf("the control, a good token: told %q", got)
		}
		for rule, change := range map[string]map[string]any{
			"a scope that is missing": one("scopes_required", path("admin")), "no consumer": one("consumer_claims", path(path("jti"))),
		} {
			r.change(with(map[string]any{"scopes_required": nil, "consumer_claims": nil}, change))
			if got := identity(r.admitted(r.bearer(token))); got != guest {
				t.Errorf("%s: told %q", rule, got)
			}
		}
	}
}

func TestWhereAnonymousDoesNotStandIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer"), one("anonymous", "nobody"))})
	r.people()
	r.refused(r.call(http.MethodGet, "/", ""), http.StatusUnauthorized, 0)
	r.change(one("anonymous", "g-1")) // a custom_id
	r.refused(r.call(http.MethodGet, "/", ""), http.StatusUnauthorized, 0)

	r = newRig(t, rigOptions{config: map[string]any{"anonymous": "guest", "scopes_required": path("admin")}})
	r.people()
	b := r.browser()
	if a := b.get("/"); a.status != http.StatusFound {
		t.Errorf("a browser is not sent to log in: %d", a.status)
	}
	// A callback that fails is nobody's request.
	r.refused(b.callback(b.begin("/")), http.StatusForbidden, 0)
	r.refused(b.get("/?state=x&code=y"), http.StatusUnauthorized, 0)
}
