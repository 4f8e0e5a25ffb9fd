package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/session"
)

// timeouts are settings under which a session ends for each reason.
func timeouts() map[session.Reason]struct {
	opts  func(*session.Options)
	limit time.Duration
} {
	return map[session.Reason]struct {
		opts  func(*session.Options)
		limit time.Duration
	}{
		session.ReasonIdle:     {func(o *session.Options) { o.Rolling, o.Absolute = 0, 0 }, idling},
		session.ReasonRolling:  {func(o *session.Options) { o.Idling, o.Absolute = 0, 0 }, rolling},
		session.ReasonAbsolute: {func(o *session.Options) { o.Idling, o.Rolling = 0, 0 }, absolute},
	}
}

// both sends the cookies of two agents, the first one's first.
func both(a, b *agent) session.Visit {
	v := a.visit()
	v.Cookie = append(v.Cookie, b.visit().Cookie...)
	return v
}

// A cookie that has timed out beside a living one must not keep the user out
// for as long as the browser keeps it.
func TestATimedOutCookieBesideALivingOneDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		for reason, c := range timeouts() {
			t.Run(storage+"/"+string(reason), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storage, c.opts)
				old, a := newAgent(t), newAgent(t)
				login(t, b.Manager, old, entry())
				login(t, b.Manager, a, entry())
				// Control: as long as both live, none counts.
				refused(t, b.Manager, both(old, a), session.ReasonAmbiguous)
				refused(t, b.Manager, both(a, old), session.ReasonAmbiguous)

				b.clock.Pass(c.limit + time.Second)
				a = newAgent(t)
				s := login(t, b.Manager, a, entry())
				for _, v := range []session.Visit{both(old, a), both(a, old)} {
					got, err := b.Load(t.Context(), v)
					if err != nil || got.ID() != s.ID() {
						t.Fatalf("load: %v", err)
					}
					// What can be cleared of the dead one is.
					_, lines, err := b.Keep(t.Context(), v, got)
					if text := strings.Join(lines, "\n"); err != nil || !strings.Contains(text, "session=; Domain=example.test; Path=/; ") {
						t.Errorf("keep: %v, lines\n%s", err, text)
					}
				}
				refused(t, b.Manager, old.visit(), reason)
			})
		}
	}
}

func TestSeveralTimedOutCookiesAreOneReason(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	old, older := newAgent(t), newAgent(t)
	login(t, b.Manager, older, entry())
	b.clock.Pass(2 * rolling)
	login(t, b.Manager, old, entry())
	b.clock.Pass(idling + time.Second)
	refused(t, b.Manager, both(old, older), session.ReasonIdle)
	refused(t, b.Manager, both(older, old), session.ReasonIdle)

	// A login replaces the newest, whose record is there still.
	v := both(older, old)
	if _, _, err := b.Start(t.Context(), v, entry()); err != nil {
		t.Fatal(err)
	}
	b.clock.Pass(-time.Second)
	refused(t, b.Manager, old.visit(), session.ReasonAbsent)
}

// End ends what has timed out too, and does not take the living session of
// another audience along.
func TestEndBesideATimedOutCookie(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"dead first", "living first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "store")
			other := b.with(t, func(o *session.Options) { o.Audience = "other" })
			old, a := newAgent(t), newAgent(t)
			login(t, b.Manager, old, entry())
			b.clock.Pass(idling + time.Second)
			login(t, b.Manager, a, entry())
			login(t, other, a, entry())
			v := both(old, a)
			if order == "living first" {
				v = both(a, old)
			}
			lines, err := b.End(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			a.take(lines)
			refused(t, b.Manager, a.visit(), session.ReasonAudience)
			load(t, other, a)
			b.clock.Pass(-time.Second)
			refused(t, b.Manager, old.visit(), session.ReasonAbsent)
		})
	}
}

// Cookies that came more than once are cleared wherever they may lie.
func TestVariantsAreClearedAtEveryPathOfTheRequest(t *testing.T) {
	t.Parallel()
	scopes := func(lines []string) (all [][2]string) {
		for _, line := range lines {
			var domain, path string
			for part := range strings.SplitSeq(line, "; ") {
				if name, value, _ := strings.Cut(part, "="); name == "Domain" {
					domain = value
				} else if name == "Path" {
					path = value
				}
			}
			if domain == "" {
				all = append(all, [2]string{strings.Split(line, "=")[0], path})
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		own, path string
		want      []string
	}{
		"unknown":      {"/", "", []string{"/"}},
		"root":         {"/", "/", []string{"/"}},
		"deep":         {"/", "/a/b", []string{"/a", "/a/", "/a/b", "/"}},
		"own path":     {"/app", "/app/x/", []string{"/", "/app/", "/app/x", "/app/x/", "/app"}},
		"very deep":    {"/app", "/app/1/2/3/4/5/6", []string{"/", "/app/", "/app/1", "/app/1/", "/app/1/2", "/app/1/2/", "/app/1/2/3", "/app"}},
		"long":         {"/", "/a/" + strings.Repeat("b", 200), []string{"/a", "/a/", "/"}},
		"with a break": {"/", "/a/b;Domain=x/c", []string{"/a", "/a/", "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "store", func(o *session.Options) { o.Cookie.Path = c.own })
			one, two := newAgent(t), newAgent(t)
			login(t, b.Manager, one, entry())
			login(t, b.Manager, two, entry())
			v := both(one, two)
			v.Path = c.path
			var got []string
			for _, scope := range scopes(refusal(t, b.Manager, v).Cookies) {
				got = append(got, scope[1])
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
		})
	}
}
