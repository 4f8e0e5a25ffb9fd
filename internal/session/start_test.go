package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/internal/session"
)

func TestStartGivesANewIDAndDeletesTheOldRecord(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*session.Entry){
		"another login of the same user": func(*session.Entry) {},
		"another user":                   func(e *session.Entry) { e.Subject = "bob" },
		"another level":                  func(e *session.Entry) { e.ACR = "2" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "store")
			a := newAgent(t)
			first := login(t, b.Manager, a, entry())
			planted := a.copy() // whoever planted the cookie still has it
			e := entry()
			change(&e)
			second := login(t, b.Manager, a, e)
			if second.ID() == first.ID() || second.Family() == first.Family() {
				t.Error("the id or the family is the old one")
			}
			if got := load(t, b.Manager, a).Entry(); got.Subject != e.Subject || got.ACR != e.ACR {
				t.Errorf("subject %q, acr %q", got.Subject, got.ACR)
			}
			refused(t, b.Manager, planted.visit(), session.ReasonAbsent)
			found, err := b.Find(t.Context(), session.Finder{Issuer: realm().Issuer, Subject: "alice"})
			if want := map[bool]int{true: 1, false: 0}[e.Subject == "alice"]; err != nil || len(found) != want {
				t.Errorf("%d listings of alice, %v; want %d", len(found), err, want)
			}
		})
	}
}

func TestEntriesOfOtherAudiencesAreKept(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storage)
			other := b.with(t, func(o *session.Options) { o.Audience = "other" })
			a := newAgent(t)
			login(t, b.Manager, a, entry())
			refused(t, other, a.visit(), session.ReasonAudience)
			e := entry()
			e.Subject = "alice at the other"
			login(t, other, a, e)
			login(t, b.Manager, a, entry()) // and again
			if len(a.order) != 1 {
				t.Errorf("cookies %q", a.order)
			}
			if got := load(t, other, a).Entry().Subject; got != e.Subject {
				t.Errorf("the other audience's subject is %q", got)
			}
			if got := load(t, b.Manager, a).Entry().Subject; got != "alice" {
				t.Errorf("subject is %q", got)
			}

			strict := b.with(t, func(o *session.Options) { o.EnforceSameSubject = true })
			login(t, strict, a, entry())
			refused(t, other, a.visit(), session.ReasonAudience)
		})
	}
}

// Another audience's login makes the cookie younger, not the entry.
func TestAbsoluteTimeoutRunsFromTheEntrysOwnLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, "cookie", func(o *session.Options) { o.Idling, o.Rolling = 0, 0 })
	other := b.with(t, func(o *session.Options) { o.Audience = "other" })
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	b.clock.Pass(absolute)
	login(t, other, a, entry())
	load(t, b.Manager, a)
	b.clock.Pass(time.Second)
	refused(t, b.Manager, a.visit(), session.ReasonAbsolute)
	load(t, other, a)
}

func TestStartTakesALateChangeOfAnotherAudienceAlong(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	other := b.with(t, func(o *session.Options) { o.Audience = "other" })
	a := newAgent(t)
	login(t, other, a, entry())
	s := load(t, other, a)
	b.store.at("compare and delete", func() {
		e := s.Entry()
		e.Scope = "late"
		if _, _, err := other.Rewrite(t.Context(), a.visit(), s, e); err != nil {
			t.Error(err)
		}
	})
	login(t, b.Manager, a, entry())
	if got := load(t, other, a).Entry().Scope; got != "late" {
		t.Errorf("scope %q, want late", got)
	}
}

func TestStartTakesNothingOfASessionThatEndedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	other := b.with(t, func(o *session.Options) { o.Audience = "other" })
	a := newAgent(t)
	login(t, other, a, entry())
	tab := a.copy()
	b.store.at("compare and delete", func() { end(t, other, tab) })
	login(t, b.Manager, a, entry())
	refused(t, other, a.visit(), session.ReasonAudience)
	load(t, b.Manager, a)
}

// A logout by the provider reaches what a login is just taking along.
func TestStartFailsWhenTheUsersSessionsAreEndedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	other := b.with(t, func(o *session.Options) { o.Audience = "other" })
	a := newAgent(t)
	login(t, other, a, entry())
	f := session.Finder{Issuer: realm().Issuer, SID: "planted-sid"}
	b.store.at("compare and delete", func() {
		if n, err := other.EndFound(t.Context(), f); err != nil || n != 2 {
			t.Errorf("ended %d, %v; want 2", n, err)
		}
	})
	if _, lines, err := b.Start(t.Context(), a.visit(), entry()); !errors.Is(err, session.ErrUnavailable) || len(lines) > 0 {
		t.Errorf("start: lines %q, error %v", lines, err)
	}
	if found, err := b.Find(t.Context(), f); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v; want nothing", found, err)
	}
}

func TestStartTakesNothingOfAnExpiredSession(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storage)
			other := b.with(t, func(o *session.Options) { o.Audience = "other" })
			a := newAgent(t)
			login(t, other, a, entry())
			old := a.copy()
			b.clock.Pass(idling + time.Second)
			login(t, b.Manager, a, entry())
			refused(t, other, a.visit(), session.ReasonAudience)
			if storage == "store" {
				b.clock.Pass(-time.Second)
				refused(t, other, old.visit(), session.ReasonAbsent)
			}
		})
	}
}

func TestStartThatCannotDeleteTheOldRecordLeavesNothingNew(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	e := entry()
	e.Subject = "bob"
	m := b.with(t, func(o *session.Options) { o.Store = &breaking{b.store} })
	if _, lines, err := m.Start(t.Context(), a.visit(), e); !errors.Is(err, session.ErrUnavailable) || len(lines) > 0 {
		t.Fatalf("start: lines %q, error %v", lines, err)
	}
	if found, err := b.Find(t.Context(), session.Finder{Issuer: realm().Issuer, Subject: "bob"}); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v; want nothing", found, err)
	}
	load(t, b.Manager, a)
}

func TestCookieStorageCutsIntoChunks(t *testing.T) {
	t.Parallel()
	b := newBench(t, "cookie")
	a := newAgent(t)
	large, small := entry(), entry()
	large.Scope = strings.Repeat("s", 20_000)
	login(t, b.Manager, a, large)
	if len(a.order) < 6 {
		t.Fatalf("%d cookies", len(a.order))
	}
	if got := load(t, b.Manager, a).Entry().Scope; got != large.Scope {
		t.Error("the entry is another one")
	}

	t.Run("a missing, cut, exchanged or repeated chunk is no session", func(t *testing.T) {
		t.Parallel()
		for i := 2; i <= 5; i++ {
			name := "session" + string(rune('0'+i))
			c := a.copy()
			c.take([]string{name + "=; Path=/; Max-Age=0"})
			refused(t, b.Manager, c.visit(), session.ReasonSealed)
			c = a.copy()
			c.set(name, a.value(name)[1:])
			refused(t, b.Manager, c.visit(), session.ReasonSealed)
			c = a.copy()
			c.set(name, a.value("session6"))
			refused(t, b.Manager, c.visit(), session.ReasonSealed)
			c = a.copy()
			c.take([]string{name + "=planted; Path=/; Domain=example.test"})
			refused(t, b.Manager, c.visit(), session.ReasonSealed)
			login(t, b.Manager, c, large)
			load(t, b.Manager, c) // the next login has cleared it
		}
		load(t, b.Manager, a)
	})
	t.Run("surplus chunks are expired", func(t *testing.T) {
		t.Parallel()
		c := a.copy()
		login(t, b.Manager, c, small)
		if len(c.order) != 1 {
			t.Errorf("cookies left: %d", len(c.order))
		}
		load(t, b.Manager, c)
	})
	t.Run("the end expires all chunks", func(t *testing.T) {
		t.Parallel()
		c := a.copy()
		lines, err := b.End(t.Context(), c.visit())
		if err != nil {
			t.Fatal(err)
		}
		c.take(lines)
		if len(c.order) != 0 {
			t.Errorf("cookies left: %q", c.order)
		}
	})
	t.Run("what does not fit is refused", func(t *testing.T) {
		t.Parallel()
		huge := entry()
		huge.Scope = strings.Repeat("s", 40_000)
		if _, lines, err := b.Start(t.Context(), newAgent(t).visit(), huge); !errors.Is(err, session.ErrTooLarge) || len(lines) > 0 {
			t.Errorf("start: %d lines, error %v", len(lines), err)
		}
	})
	t.Run("a cookie of the other storage is no session", func(t *testing.T) {
		t.Parallel()
		stored := b.with(t, func(o *session.Options) { o.Store = b.store })
		refused(t, stored, a.visit(), session.ReasonForged)
		c := newAgent(t)
		login(t, stored, c, small)
		refused(t, b.Manager, c.visit(), session.ReasonForged)
		load(t, stored, c)
	})
}
