package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/session"
)

// breaking is a store on which no record can be deleted by version.
type breaking struct{ *probe }

func (*breaking) CompareAndDelete(context.Context, string, uint64) error {
	return session.ErrUnavailable
}

func end(t *testing.T, m *session.Manager, a *agent) {
	t.Helper()
	lines, err := m.End(t.Context(), a.visit())
	if err != nil {
		t.Fatalf("end: %v", err)
	}
	a.take(lines)
}

func TestEndEndsASessionOnTheServer(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	stolen := a.copy()
	load(t, b.Manager, stolen)
	end(t, b.Manager, a)
	if len(a.order) != 0 {
		t.Errorf("cookies left: %q", a.order)
	}
	refused(t, b.Manager, stolen.visit(), session.ReasonAbsent)
	end(t, b.Manager, stolen) // again
	end(t, b.Manager, newAgent(t))
}

func TestEndIncludesWhatLoadRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	t.Run("an idle session", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		b.clock.Pass(idling + time.Second)
		refused(t, b.Manager, a.visit(), session.ReasonIdle)
		end(t, b.Manager, a.copy())
		b.clock.Pass(-time.Second)
		refused(t, b.Manager, a.visit(), session.ReasonAbsent)
	})
	t.Run("one of another realm", func(t *testing.T) {
		t.Parallel()
		other := realm()
		other.Policy = "lenient"
		lenient := b.with(t, func(o *session.Options) { o.Realms = []session.Realm{other} })
		a := newAgent(t)
		e := entry()
		e.Realm = other
		login(t, lenient, a, e)
		end(t, b.Manager, a.copy())
		refused(t, lenient, a.visit(), session.ReasonAbsent)
	})
	t.Run("both of two that verify", func(t *testing.T) {
		t.Parallel()
		a, planted := newAgent(t), newAgent(t)
		login(t, b.Manager, a, entry())
		login(t, b.Manager, planted, entry())
		own := a.copy()
		a.take([]string{"session=" + planted.value("session") + "; Path=/; Domain=example.test"})
		end(t, b.Manager, a)
		if len(a.order) != 0 {
			t.Errorf("cookies left: %q", a.order)
		}
		refused(t, b.Manager, own.visit(), session.ReasonAbsent)
		refused(t, b.Manager, planted.visit(), session.ReasonAbsent)
	})
}

func TestEndKeepsOtherAudiences(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storage)
			other := b.with(t, func(o *session.Options) { o.Audience = "other" })
			a := newAgent(t)
			login(t, b.Manager, a, entry())
			login(t, other, a, entry())
			end(t, b.Manager, a)
			refused(t, b.Manager, a.visit(), session.ReasonAudience)
			load(t, other, a)
			end(t, other, a)
			if len(a.order) != 0 {
				t.Errorf("cookies left: %q", a.order)
			}
		})
	}
}

func TestEndReachesARenewedSession(t *testing.T) {
	t.Parallel()
	t.Run("by its old cookie", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		old := a.copy()
		b.clock.Pass(rolling - time.Minute)
		keep(t, b.Manager, a)
		load(t, b.Manager, a)
		end(t, b.Manager, old)
		refused(t, b.Manager, a.visit(), session.ReasonAbsent)
	})
	t.Run("that is renewed while it is ended", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		old := a.copy()
		b.clock.Pass(rolling - time.Minute)
		b.store.at("compare and delete", func() { keep(t, b.with(t), a) })
		end(t, b.Manager, old)
		refused(t, b.Manager, a.visit(), session.ReasonAbsent)
	})
}

func TestSessionsAreFoundAndEndedByUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
	ctx := t.Context()
	alice, phone, bob := newAgent(t), newAgent(t), newAgent(t)
	login(t, b.Manager, alice, entry())
	e := entry()
	e.SID = "phone"
	login(t, b.Manager, phone, e)
	e = entry()
	e.Subject, e.SID = "bob", "bob"
	login(t, b.Manager, bob, e)

	found, err := b.Find(ctx, session.Finder{Issuer: realm().Issuer, SID: "phone"})
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	want := session.Found{
		Audience: "default", Issuer: realm().Issuer, ClientID: "client", Subject: "alice", SID: "phone",
		Created: b.clock.Now().UTC(), Expires: b.clock.Now().Add(rolling).UTC(),
	}
	if diff := cmp.Diff(want, found[0], cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "key" }, cmp.Ignore())); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for name, f := range map[string]session.Finder{
		"another issuer":               {Issuer: "https://idp.test/realms/b", Subject: "alice"},
		"a subject as sid":             {Issuer: realm().Issuer, SID: "alice"},
		"nobody":                       {Issuer: realm().Issuer},
		"issuer and subject displaced": {Issuer: realm().Issuer + "a", Subject: "lice"},
	} {
		if found, err := b.Find(ctx, f); err != nil || len(found) > 0 {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
	}

	// A session that is renewed in the middle of it does not survive.
	b.clock.Pass(rolling - time.Minute)
	loaded := load(t, b.Manager, alice)
	b.store.at("delete", func() {
		_, lines, err := b.Keep(ctx, alice.visit(), loaded)
		if err == nil {
			alice.take(lines)
		}
	})
	n, err := b.EndFound(ctx, session.Finder{Issuer: realm().Issuer, Subject: "alice"})
	if err != nil || n < 2 {
		t.Errorf("ended %d, %v", n, err)
	}
	for _, a := range []*agent{alice, phone} {
		if _, err := b.Load(ctx, a.visit()); !errors.Is(err, session.ErrNone) {
			t.Errorf("alice has a session left: %v", err)
		}
	}
	load(t, b.Manager, bob)
}

func TestFlowIDsAreUsedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	ctx := t.Context()
	if err := b.MarkUsed(ctx, "flow", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := b.MarkUsed(ctx, "flow", time.Minute); !errors.Is(err, session.ErrExists) {
		t.Errorf("the second time: %v, want ErrExists", err)
	}
	if err := b.with(t, func(o *session.Options) { o.Keyring = ring(t, "another") }).MarkUsed(ctx, "flow", time.Minute); !errors.Is(err, session.ErrExists) {
		t.Errorf("at another node after a rotation: %v, want ErrExists", err)
	}
	if err := b.MarkUsed(ctx, "other", time.Minute); err != nil {
		t.Errorf("another flow: %v", err)
	}
	if err := newBench(t, "cookie").MarkUsed(ctx, "flow", time.Minute); err != nil {
		t.Errorf("cookie storage: %v", err)
	}
}
