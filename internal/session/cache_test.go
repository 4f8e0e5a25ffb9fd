package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// warm logs in and loads twice, so that the record is opened and kept.
func warm(t *testing.T, w *bench) *agent {
	t.Helper()
	a := newAgent(t)
	login(t, w.Manager, a, entry())
	load(t, w.Manager, a)
	load(t, w.Manager, a)
	return a
}

// counting makes Derive count how often a record is read.
func counting(n *int) func(*session.Options) {
	return func(o *session.Options) {
		o.Derive = func(e *session.Entry) (any, int) {
			*n++
			return "derived for " + e.Subject, 20
		}
	}
}

func TestAWarmRequestReadsTheStoreAndOpensNothing(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			read := 0
			w := newBench(t, storage, counting(&read))
			a := warm(t, w)
			w.store.count()
			read = 0
			for range 10 {
				if s := load(t, w.Manager, a); s.Derived() != "derived for alice" || s.Entry().Subject != "alice" {
					t.Fatalf("derived %v", s.Derived())
				}
			}
			if read != 0 {
				t.Errorf("%d of 10 warm requests opened the record", read)
			}
			if n := w.store.count()["load"]; storage == "store" && n != 10 {
				t.Errorf("the store was asked %d times by 10 requests", n)
			}
			// Control: without room each request opens it.
			w = newBench(t, storage, counting(&read), uncached)
			a = warm(t, w)
			read = 0
			load(t, w.Manager, a)
			if read != 1 {
				t.Errorf("control: opened %d times", read)
			}
		})
	}
}

func TestAKeptRecordCountsOnlyAsLongAsTheStoreHasIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, w *bench, a *agent)
		want   session.Reason
	}{
		{"control: nothing happens", func(*testing.T, *bench, *agent) {}, ""},
		{"deleted by another process", func(t *testing.T, w *bench, a *agent) {
			t.Helper()
			if _, err := w.with(t).End(t.Context(), a.visit()); err != nil {
				t.Fatal(err)
			}
		}, session.ReasonAbsent},
		{"a bit of it altered", func(_ *testing.T, w *bench, _ *agent) {
			w.store.tamper = func(_ string, r session.Record) (session.Record, error) {
				r.Data = append([]byte(nil), r.Data...)
				r.Data[len(r.Data)/2] ^= 1
				return r, nil
			}
		}, session.ReasonSealed},
		{"cut", func(_ *testing.T, w *bench, _ *agent) {
			w.store.tamper = func(_ string, r session.Record) (session.Record, error) {
				r.Data = r.Data[:len(r.Data)-1]
				return r, nil
			}
		}, session.ReasonSealed},
		{"at another version", func(_ *testing.T, w *bench, _ *agent) {
			w.store.tamper = func(_ string, r session.Record) (session.Record, error) {
				r.Version++
				return r, nil
			}
		}, session.ReasonSealed},
		{"timed out", func(_ *testing.T, w *bench, _ *agent) {
			w.clock.Pass(idling + time.Second)
		}, session.ReasonIdle},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newBench(t, "store")
			a := warm(t, w)
			tc.change(t, w, a)
			if tc.want == "" {
				load(t, w.Manager, a)
				return
			}
			refused(t, w.Manager, a.visit(), tc.want)
			refused(t, w.Manager, a.visit(), tc.want) // nor is it kept again
		})
	}
	t.Run("a store that cannot be asked", func(t *testing.T) {
		t.Parallel()
		w := newBench(t, "store")
		a := warm(t, w)
		w.store.broken(session.ErrUnavailable)
		if s, err := w.Load(t.Context(), a.visit()); !errors.Is(err, session.ErrUnavailable) || s != nil {
			t.Errorf("load: %v", err)
		}
		w.store.broken(nil)
		load(t, w.Manager, a)
	})
	t.Run("what another process changed is seen at once", func(t *testing.T) {
		t.Parallel()
		w := newBench(t, "store")
		a := warm(t, w)
		e := entry()
		e.AccessToken = secret.New("another token")
		other := w.with(t)
		if _, _, err := other.Rewrite(t.Context(), a.visit(), load(t, other, a), e); err != nil {
			t.Fatal(err)
		}
		if got := load(t, w.Manager, a).Entry().AccessToken.Reveal(); got != "another token" {
			t.Errorf("access token %q", got)
		}
	})
}

func TestAKeptRecordCountsOnlyForTheManagerThatOpenedIt(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		for _, tc := range []struct {
			name   string
			change func(*session.Options)
			want   session.Reason
		}{
			{"control: the same settings", func(*session.Options) {}, ""},
			{"another audience", func(o *session.Options) { o.Audience = "other" }, session.ReasonAudience},
			{"another realm", func(o *session.Options) { o.Realms = []session.Realm{{Issuer: "https://other.test"}} }, session.ReasonRealm},
			{"another secret", func(o *session.Options) { o.Keyring = ring(t, "another secret") }, session.ReasonForged},
		} {
			t.Run(storage+" "+tc.name, func(t *testing.T) {
				t.Parallel()
				w := newBench(t, storage, func(o *session.Options) { o.Cache = &session.Cache{} })
				a := warm(t, w)
				other := w.with(t, tc.change)
				if tc.want == "" {
					load(t, other, a)
					return
				}
				refused(t, other, a.visit(), tc.want)
				load(t, w.Manager, a)
				refused(t, other, a.visit(), tc.want)
			})
		}
	}
}

func TestAKeptCookieCountsOnlyAsItCame(t *testing.T) {
	t.Parallel()
	w := newBench(t, "cookie")
	a := newAgent(t)
	e := entry()
	e.AccessToken = secret.New(strings.Repeat("a", 5000))
	login(t, w.Manager, a, e)
	load(t, w.Manager, a)
	load(t, w.Manager, a)
	first, second := a.value("session"), a.value("session2")
	if len(second) < 100 {
		t.Fatal("the session fits into one cookie")
	}
	flip := func(s string, i int) string {
		c := byte('A')
		if s[i] == c {
			c = 'B'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	for name, values := range map[string][2]string{
		"the first cookie's last character altered":   {flip(first, len(first)-1), second},
		"a character after the head altered":          {flip(first, 93), second},
		"the second cookie altered":                   {first, flip(second, 50)},
		"the second cookie's last eight cut":          {first, second[:len(second)-8]},
		"a character moved to the second and altered": {first[:len(first)-1], flip(first, len(first)-1)[len(first)-1:] + second},
		"something appended":                          {first, second + "AAAA"},
		"a line break in it":                          {first, second[:10] + "\n" + second[10:]},
	} {
		a.set("session", values[0])
		a.set("session2", values[1])
		if none := refusal(t, w.Manager, a.visit()); none.Reason != session.ReasonSealed {
			t.Errorf("%s: %q", name, none.Reason)
		}
	}
	a.set("session", first)
	a.set("session2", second)
	load(t, w.Manager, a)
}

func TestAppendingToAnEntryDoesNotReachTheKeptOne(t *testing.T) {
	t.Parallel()
	w := newBench(t, "store")
	a := warm(t, w)
	e := load(t, w.Manager, a).Entry()
	e.Claims = append(e.Claims, session.Claim{Name: "planted", Value: "planted"})
	again := load(t, w.Manager, a).Entry()
	if len(again.Claims) != len(entry().Claims) {
		t.Errorf("the next request sees %d claims", len(again.Claims))
	}
	if more := append(again.Claims, session.Claim{Name: "other"}); len(e.Claims) != len(more) || e.Claims[len(e.Claims)-1].Name != "planted" {
		t.Error("two requests append to the same room")
	}
}
