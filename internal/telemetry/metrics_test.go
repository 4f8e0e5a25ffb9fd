package telemetry

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/flow"
	"sallyport/internal/session"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// node is Metrics with a registry of their own.
type node struct {
	*Metrics
	registry *prometheus.Registry
}

func newNode() *node {
	r := prometheus.NewRegistry()
	return &node{Metrics: New(r, "1.2.3"), registry: r}
}

// exposition is what a scrape reads.
func (n *node) exposition(t testing.TB) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(n.registry, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("status %d, %s", w.Code, w.Header().Get("Content-Type"))
	}
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// value is that of a series, "" without it.
func (n *node) value(t testing.TB, series string) string {
	t.Helper()
	for line := range strings.Lines(n.exposition(t)) {
		if v, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// series counts the lines that are series.
func (n *node) series(t testing.TB) (count int) {
	t.Helper()
	for line := range strings.Lines(n.exposition(t)) {
		if !strings.HasPrefix(line, "#") {
			count++
		}
	}
	return count
}

var shop = Route{ID: "r1", Name: "shop", ServiceID: "s1", ServiceName: "backend"}

// TestExposition holds every name, label and help text: dashboards and alerts
// are made of them.
func TestExposition(t *testing.T) {
	t.Parallel()
	n := newNode()
	n.AccessRecords(func() int64 { return 7 })
	n.Connections(func() int64 { return 3 })
	n.Requests.Configure([]Route{shop})
	n.Requests.Observe(Request{RouteID: "r1", Status: 200, Took: 3 * time.Millisecond})
	n.Requests.Observe(Request{RouteID: "r1", Status: 502, Took: time.Second, Failure: BadGateway})
	n.Requests.Observe(Request{Status: 404, Took: time.Millisecond})
	n.Flows.Emit(t.Context(), flow.Event{Kind: flow.Callback, Step: "id token: nonce", Verdict: flow.Refused, Flow: "planted", Found: "planted", Route: "planted"})
	n.Calls.Login("started")
	n.Calls.Refresh("failed")
	n.Calls.SessionLoad(string(session.ReasonIdle))
	n.Calls.ProviderCall("token", "answered", 20*time.Millisecond)
	n.ConfigChanged(Applied)
	n.ConfigReloaded(Refused)
	s := n.Measure("memory", closing{session.NewMemory(session.MemoryOptions{})}, func() time.Time { return time.Unix(0, 0) })
	if _, err := s.Load(t.Context(), "planted"); !errors.Is(err, session.ErrAbsent) {
		t.Fatal(err)
	}
	got := n.exposition(t)
	if strings.Contains(got, "planted") {
		t.Error("something of a request became a label")
	}
	var kept strings.Builder
	for line := range strings.Lines(got) {
		if !strings.Contains(line, "_bucket{") || strings.Contains(line, `le="+Inf"`) {
			kept.WriteString(line)
		}
	}
	file := filepath.Join("testdata", "exposition.golden")
	if *update {
		if err := os.WriteFile(file, []byte(kept.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), kept.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNamesFollowTheRule(t *testing.T) {
	t.Parallel()
	n := newNode()
	n.AccessRecords(func() int64 { return 0 })
	rule := regexp.MustCompile(`^sallyport(_[a-z]+){2,}$`)
	for line := range strings.Lines(n.exposition(t)) {
		fields := strings.Fields(line)
		if fields[0] != "#" || fields[1] != "TYPE" {
			continue
		}
		name, kind := fields[2], fields[3]
		if !rule.MatchString(name) || (kind == "counter") != strings.HasSuffix(name, "_total") ||
			kind == "histogram" && !strings.HasSuffix(name, "_seconds") {
			t.Errorf("%s %s", kind, name)
		}
	}
}

func TestNothingFromTheWireMakesASeries(t *testing.T) {
	t.Parallel()
	n := newNode()
	n.Requests.Configure([]Route{shop})
	observe := func(word string, status int) {
		n.Requests.Observe(Request{RouteID: word, Status: status, Failure: Failure(status)})
		n.Requests.Observe(Request{RouteID: "r1", Status: status})
		n.Flows.Emit(t.Context(), flow.Event{Kind: flow.Kind(word), Step: word, Verdict: flow.Verdict(word), Flow: word, Expected: word, Found: word, Route: word, Plugin: word})
		n.Flows.Emit(t.Context(), flow.Event{Kind: flow.Callback, Step: "id token: " + word, Verdict: flow.Refused})
		n.Calls.Login(word)
		n.Calls.Refresh(word)
		n.Calls.SessionLoad(word)
		n.Calls.ProviderCall(word, word, time.Second)
		n.Calls.ProviderCall("token", word, time.Second)
	}
	for status := range 700 { // every class, and what is none
		observe("first", status)
	}
	before := n.series(t)
	for i := range 10_000 {
		observe(fmt.Sprintf("/path-%d\n\"", i), i%1000-100)
	}
	if after := n.series(t); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	if got := n.value(t, `sallyport_oidc_logins_total{result="other"}`); got != "10700" {
		t.Errorf("unknown words are counted %s times", got)
	}
}

func TestKnownStepsAreCounted(t *testing.T) {
	t.Parallel()
	n := newNode()
	for _, e := range []flow.Event{
		{Kind: flow.Callback, Step: "id token: audience", Verdict: flow.Refused},
		{Kind: flow.Callback, Step: "id token", Verdict: flow.Passed},
		{Kind: flow.Refresh, Step: "token request", Verdict: flow.Failed},
		{Kind: "odd", Step: "odd", Verdict: "odd"},
	} {
		n.Flows.Emit(t.Context(), e)
	}
	for _, series := range []string{
		`flow="callback",step="id token",verdict="refused"`, `flow="callback",step="id token",verdict="passed"`,
		`flow="refresh",step="token request",verdict="failed"`, `flow="other",step="other",verdict="other"`,
	} {
		if got := n.value(t, "sallyport_flow_steps_total{"+series+"}"); got != "1" {
			t.Errorf("%s = %q", series, got)
		}
	}
}

func TestSessionReasonsAllHaveALabel(t *testing.T) {
	t.Parallel()
	values := map[string]bool{}
	for _, label := range loadResults {
		values[label] = true
	}
	if len(values) != len(loadResults) {
		t.Errorf("two words share a label: %v", loadResults)
	}
	source, err := os.ReadFile("../session/session.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\s+Reason\w+\s+Reason = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 10 {
		t.Fatalf("only %d reasons found", len(found))
	}
	for _, m := range found {
		if _, ok := loadResults[m[1]]; !ok {
			t.Errorf("reason %q has no label", m[1])
		}
	}
}

// TestStepsOfThePluginAllHaveASeries reads the steps from the source, so that a
// new one is not silently counted as "other".
func TestStepsOfThePluginAllHaveASeries(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../plugins/openidconnect/*.go")
	if err != nil {
		t.Fatal(err)
	}
	patterns := []*regexp.Regexp{
		regexp.MustCompile(`Step: "([^"]+)"`),
		regexp.MustCompile(`\.(?:step|providerFailed)\(flow\.\w+, "([^"]+)"`),
		regexp.MustCompile(`\.(?:storeDown|saveFailed)\("([^"]+)"`),
	}
	var steps []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range patterns {
			for _, m := range p.FindAllStringSubmatch(string(source), -1) {
				steps = append(steps, m[1])
			}
		}
	}
	slices.Sort(steps)
	steps = slices.Compact(steps)
	if len(steps) < 20 {
		t.Fatalf("only %d steps found: %q", len(steps), steps)
	}
	for _, step := range steps {
		if !knownSteps[step] {
			t.Errorf("step %q has no series", step)
		}
	}
}

func TestHandlerSpeaksBothFormats(t *testing.T) {
	t.Parallel()
	h := Handler(NewRegistry(), slog.New(slog.DiscardHandler))
	for accept, want := range map[string]string{
		"":                             "text/plain; version=0.0.4",
		"application/openmetrics-text": "application/openmetrics-text",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want) || !strings.Contains(w.Body.String(), "go_goroutines ") {
			t.Errorf("accept %q: %d %s", accept, w.Code, w.Header().Get("Content-Type"))
		}
	}
}
