//go:build integration

package e2e

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// levels makes Keycloak know two levels of authentication: bronze after name and
// password, gold after the password once more.
func (r *realm) levels(t *testing.T) {
	t.Helper()
	path := "/admin/realms/" + r.name
	flows := path + "/authentication/flows"
	r.k.admin(t, http.MethodPost, flows, map[string]any{"alias": "levels", "providerId": "basic-flow", "topLevel": true, "builtIn": false})
	step := func(flow, provider string) {
		r.k.admin(t, http.MethodPost, flows+"/"+flow+"/executions/execution", map[string]any{"provider": provider})
	}
	below := func(flow, name string) {
		r.k.admin(t, http.MethodPost, flows+"/"+flow+"/executions/flow", map[string]any{"alias": name, "type": "basic-flow", "provider": "registration-page-form"})
	}
	step("levels", "auth-cookie")
	below("levels", "asking")
	for _, level := range []struct{ name, form string }{{"bronze", "auth-username-password-form"}, {"gold", "auth-password-form"}} {
		below("asking", level.name)
		step(level.name, "conditional-level-of-authentication")
		step(level.name, level.form)
	}

	var executions []map[string]any
	if err := json.Unmarshal(r.k.admin(t, http.MethodGet, flows+"/levels/executions", nil), &executions); err != nil {
		t.Fatal(err)
	}
	conditions := 0
	for _, e := range executions {
		name, _ := e["displayName"].(string)
		provider, _ := e["providerId"].(string)
		switch {
		case name == "bronze" || name == "gold":
			e["requirement"] = "CONDITIONAL"
		case name == "asking" || provider == "auth-cookie":
			e["requirement"] = "ALTERNATIVE"
		default:
			e["requirement"] = "REQUIRED"
		}
		r.k.admin(t, http.MethodPut, flows+"/levels/executions", e)
		if provider == "conditional-level-of-authentication" {
			conditions++
			id, _ := e["id"].(string)
			r.k.admin(t, http.MethodPost, path+"/authentication/executions/"+id+"/config", map[string]any{
				"alias": "level " + strconv.Itoa(conditions), "config": map[string]any{"loa-condition-level": strconv.Itoa(conditions), "loa-max-age": "36000"},
			})
		}
	}
	if conditions != 2 {
		t.Fatalf("the flow has %d levels: %v", conditions, executions)
	}
	r.k.admin(t, http.MethodPut, path, map[string]any{
		"realm": r.name, "browserFlow": "levels", "attributes": map[string]any{"acr.loa.map": `{"bronze":1,"gold":2}`},
	})
}

// TestStepUpToALevel: a route demands a level that the session does not have;
// Keycloak asks for what is missing, and the session for the rest stays.
func TestStepUpToALevel(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	r.levels(t)
	a := startAPI(t, "step-up", append(r.env(), "SESSION_SECRET="+plant("the session secret")))
	var payments string
	for route, path := range map[string]string{"orders": "/callback", "payments": "/payments/callback"} {
		a.adminJSON(t, 200, http.MethodPatch, "/routes/"+route, map[string]any{"hosts": []any{host}})
		list, _ := a.adminCall(t, 200, http.MethodGet, "/routes/"+route+"/plugins", "", "")["data"].([]any)
		id, _ := member(list[0], "id").(string)
		a.adminJSON(t, 200, http.MethodPatch, "/plugins/"+id, map[string]any{"config": map[string]any{"redirect_uri": []any{a.url(path)}}})
		if route == "payments" {
			payments = id
		}
	}
	demand := func(level string) {
		t.Helper()
		a.adminJSON(t, 200, http.MethodPatch, "/plugins/"+payments, map[string]any{"config": map[string]any{"sallyport": map[string]any{"acr": []any{level}}}})
	}
	origin := strings.TrimSuffix(a.url("/"), "/")
	b := startBrowser(t, host)
	demand("bronze")
	b.open(a.url("/list"))
	b.logIn(r.user, r.password)
	b.arrive(origin, "/list")
	b.open(a.url("/payments/1"))
	b.arrive(origin, "/payments/1") // name and password are enough for that

	demand("gold")
	b.open(a.url("/payments/2"))
	b.do("Keycloak asks for the password once more", chromedp.WaitVisible(chromedp.CSS("#password")))
	b.open(a.url("/list"))
	b.arrive(origin, "/list") // whoever goes elsewhere has the session still
	b.open(a.url("/payments/2"))
	b.do("the password",
		chromedp.WaitVisible(chromedp.CSS("#password")),
		chromedp.SendKeys(chromedp.CSS("#password"), r.password),
		chromedp.Click(chromedp.CSS("#kc-login")),
	)
	b.arrive(origin, "/payments/2")
	b.open(a.url("/payments/3"))
	b.arrive(origin, "/payments/3") // once is enough
	b.open(a.url("/list"))
	b.arrive(origin, "/list")

	// A level that Keycloak does not confirm: it answers all the same, and that is
	// not taken for more than it says.
	demand("platinum")
	b.open(a.url("/payments/4"))
	b.arrive(origin, "asks for a stronger sign-in")
	b.open(a.url("/list"))
	b.arrive(origin, "/list")

	// How often each was passed on. A browser asks for its icon in between.
	passed := func(path string) int {
		n := 0
		for line := range strings.Lines(a.Output.String()) {
			if strings.Contains(line, " path="+path+" ") && strings.Contains(line, " upstream=") {
				n++
			}
		}
		return n
	}
	if err := a.WaitFor(patience, func() bool { return passed("/list") == 4 }); err != nil { // the log comes in batches
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/payments/1": 1, "/payments/2": 1, "/payments/3": 1, "/payments/4": 0} {
		if got := passed(path); got != want {
			t.Errorf("%s was passed on %d times, want %d", path, got, want)
		}
	}
}
