package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/session"
)

func keep(t *testing.T, m *session.Manager, a *agent) (s *session.Session, sent int) {
	t.Helper()
	s, lines, err := m.Keep(t.Context(), a.visit(), load(t, m, a))
	if err != nil {
		t.Fatalf("keep: %v", err)
	}
	a.take(lines)
	return s, len(lines)
}

func TestTimeoutsEndASessionOnlyWhenMoreHasPassed(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		for name, c := range map[string]struct {
			opts  func(*session.Options)
			limit time.Duration
			want  session.Reason
		}{
			"idling":   {func(o *session.Options) { o.Rolling, o.Absolute = 0, 0 }, idling, session.ReasonIdle},
			"rolling":  {func(o *session.Options) { o.Idling, o.Absolute = 0, 0 }, rolling, session.ReasonRolling},
			"absolute": {func(o *session.Options) { o.Idling, o.Rolling = 0, 0 }, absolute, session.ReasonAbsolute},
		} {
			t.Run(storage+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storage, c.opts)
				a := newAgent(t)
				login(t, b.Manager, a, entry())
				b.clock.Pass(c.limit - time.Second)
				load(t, b.Manager, a)
				b.clock.Pass(time.Second)
				if storage == "cookie" || name == "idling" { // a store's own ttl ends there
					load(t, b.Manager, a) // exactly at the limit
				}
				b.clock.Pass(time.Second)
				if none := refusal(t, b.Manager, a.visit()); none.Reason != c.want || len(none.Cookies) != 0 {
					t.Errorf("no session because %q, want %q; cookies %q", none.Reason, c.want, none.Cookies)
				}
			})
		}
		t.Run(storage+"/none of them", func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storage, func(o *session.Options) { o.Idling, o.Rolling, o.Absolute = 0, 0, 0 })
			a := newAgent(t)
			login(t, b.Manager, a, entry())
			b.clock.Pass(399 * 24 * time.Hour)
			if _, sent := keep(t, b.Manager, a); sent != 0 {
				t.Error("a cookie was sent")
			}
		})
	}
}

func TestTouchSendsTheCookieAndWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	first := login(t, b.Manager, a, entry())
	b.clock.Pass(time.Minute)
	if _, sent := keep(t, b.Manager, a); sent != 0 {
		t.Error("touched after exactly a minute")
	}
	b.clock.Pass(time.Second)
	b.store.count()
	before := a.value("session")
	s, sent := keep(t, b.Manager, a)
	if sent != 1 || a.value("session") == before {
		t.Error("not touched after more than a minute")
	}
	if diff := cmp.Diff(map[string]int{"load": 1}, b.store.count()); diff != "" {
		t.Errorf("store calls (-want +got):\n%s", diff)
	}
	if s.ID() != first.ID() || !s.Touched().Equal(b.clock.Now()) || !s.Saved().Equal(first.Saved()) {
		t.Errorf("touched %v, saved %v", s.Touched(), s.Saved())
	}
	if _, sent := keep(t, b.Manager, a); sent != 0 {
		t.Error("touched twice")
	}
	b.clock.Pass(idling)
	load(t, b.Manager, a)
	old := a.copy()
	old.set("session", before)
	refused(t, b.Manager, old.visit(), session.ReasonIdle) // a copy that was not used
}

func TestShortIdlingTimeoutsAreTouchedInTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store", func(o *session.Options) { o.Idling = 3 * time.Second })
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	for range 10 {
		b.clock.Pass(2 * time.Second)
		keep(t, b.Manager, a)
	}
	b.clock.Pass(4 * time.Second)
	refused(t, b.Manager, a.visit(), session.ReasonIdle)
}

func TestRenewalPastThreeQuartersOfTheRollingTimeout(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storage, func(o *session.Options) { o.Idling = 0 })
			a := newAgent(t)
			first := login(t, b.Manager, a, entry())
			b.clock.Pass(rolling / 4 * 3)
			if _, sent := keep(t, b.Manager, a); sent != 0 {
				t.Error("renewed at exactly three quarters")
			}
			b.clock.Pass(time.Second)
			s, sent := keep(t, b.Manager, a)
			if sent != 1 || s.ID() == first.ID() {
				t.Fatal("not renewed past three quarters")
			}
			if s.Family() != first.Family() || !s.Created().Equal(first.Created()) || !s.Saved().Equal(b.clock.Now()) {
				t.Errorf("family %s, created %v, saved %v", s.Family(), s.Created(), s.Saved())
			}
			if got := load(t, b.Manager, a); got.ID() != s.ID() || got.Entry().Subject != "alice" {
				t.Error("the new cookie opens another session")
			}
			// The absolute timeout runs from the login, whatever was renewed.
			for b.clock.Now().Sub(first.Created()) <= absolute-rolling {
				b.clock.Pass(rolling - time.Minute)
				keep(t, b.Manager, a)
			}
			b.clock.Pass(absolute - b.clock.Now().Sub(first.Created()) + time.Second)
			refused(t, b.Manager, a.visit(), session.ReasonAbsolute)
		})
	}
}

func TestOldIDLeadsToTheNewOneForTenSeconds(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	for range 4 {
		b.clock.Pass(rolling * 3 / 16)
		keep(t, b.Manager, a)
	}
	late := a.copy()
	b.clock.Pass(2 * time.Second)
	s, sent := keep(t, b.Manager, a)
	if sent != 1 || a.value("session") == late.value("session") {
		t.Fatal("not renewed")
	}
	b.clock.Pass(9 * time.Second)
	for range 2 {
		c := late.copy()
		followed, sent := keep(t, b.Manager, c)
		if followed.ID() != s.ID() || sent != 1 {
			t.Errorf("the old cookie leads to another session, or %d cookies were sent", sent)
		}
		if load(t, b.Manager, c).ID() != s.ID() {
			t.Error("the cookie that was sent again is not the successor's")
		}
		if _, sent := keep(t, b.Manager, c); sent != 0 {
			t.Error("the successor's cookie was sent twice")
		}
	}
	b.clock.Pass(time.Second)
	refused(t, b.Manager, late.visit(), session.ReasonAbsent)
	load(t, b.Manager, a)
}

// Two processes renew one session at the same time: the one that loses the
// swap deletes what it made and follows the stub.
func TestWhoLosesARenewalFollowsTheWinner(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
	other := b.with(t)
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	b.clock.Pass(rolling - time.Minute)
	winner := a.copy()
	loaded := load(t, b.Manager, a)
	b.store.at("swap", func() { keep(t, other, winner) })
	s, lines, err := b.Keep(t.Context(), a.visit(), loaded)
	if err != nil {
		t.Fatal(err)
	}
	a.take(lines)
	if w := load(t, other, winner); w.ID() != s.ID() || load(t, b.Manager, a).ID() != w.ID() {
		t.Error("two sessions after one renewal")
	}
	found, err := b.Find(t.Context(), session.Finder{Issuer: realm().Issuer, Subject: "alice"})
	if err != nil || len(found) != 1 {
		t.Errorf("found %d sessions, %v; want 1", len(found), err)
	}
}

func TestRenewalTakesARefreshAlongThatCameInBetween(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	b.clock.Pass(rolling - time.Minute)
	s := load(t, b.Manager, a)
	b.store.at("swap", func() {
		e := s.Entry()
		e.Scope = "openid refreshed"
		if _, _, err := b.Rewrite(t.Context(), a.visit(), s, e); err != nil {
			t.Error(err)
		}
	})
	keep(t, b.Manager, a)
	n := load(t, b.Manager, a)
	if n.ID() == s.ID() || n.Entry().Scope != "openid refreshed" {
		t.Errorf("scope %q under new id %v", n.Entry().Scope, n.ID() != s.ID())
	}
}

func TestRenewalOfASessionThatEndedMeanwhileLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	b.clock.Pass(rolling - time.Minute)
	s := load(t, b.Manager, a)
	b.store.at("swap", func() {
		if _, err := b.End(t.Context(), a.visit()); err != nil {
			t.Error(err)
		}
	})
	if _, lines, err := b.Keep(t.Context(), a.visit(), s); !errors.Is(err, session.ErrNone) || len(lines) > 0 {
		t.Errorf("keep: lines %q, error %v; want no session", lines, err)
	}
	if found, err := b.Find(t.Context(), session.Finder{Issuer: realm().Issuer, Subject: "alice"}); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v; want nothing", found, err)
	}
}
