package session_test

import (
	"testing"
	"time"

	"sallyport/internal/session"
)

func bindNothing(o *session.Options) { o.BindIP, o.BindScheme, o.BindUserAgent = false, false, false }

// bindingsOf are the settings, and a request that does not meet each.
func bindingsOf() map[string]struct {
	opts  func(*session.Options)
	visit func(*session.Visit)
} {
	return map[string]struct {
		opts  func(*session.Options)
		visit func(*session.Visit)
	}{
		"ip":         {func(o *session.Options) { o.BindIP = true }, func(v *session.Visit) { v.IP = "192.0.2.2" }},
		"scheme":     {func(o *session.Options) { o.BindScheme = true }, func(v *session.Visit) { v.Scheme = "https" }},
		"user agent": {func(o *session.Options) { o.BindUserAgent = true }, func(v *session.Visit) { v.UserAgent = "test/2" }},
	}
}

func TestSessionsAreBoundToTheRequest(t *testing.T) {
	t.Parallel()
	for name, change := range bindingsOf() {
		for _, storage := range storages() {
			t.Run(name+"/"+storage, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storage, change.opts)
				lenient := b.with(t, bindNothing)
				a := newAgent(t)
				login(t, b.Manager, a, entry())
				load(t, b.Manager, a)
				load(t, lenient, a)
				moved := a.visit()
				change.visit(&moved)
				refused(t, b.Manager, moved, session.ReasonForged)
				refused(t, lenient, moved, session.ReasonForged) // what is bound stays bound
			})
		}
	}
}

// A session that was begun without the binding does not count where the
// binding is demanded: a stolen cookie would work from anywhere.
func TestSessionsBoundToLessAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range bindingsOf() {
		for _, storage := range storages() {
			t.Run(name+"/"+storage, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storage, change.opts)
				lenient := b.with(t, bindNothing)
				a := newAgent(t)
				login(t, lenient, a, entry())
				load(t, lenient, a)
				refused(t, b.Manager, a.visit(), session.ReasonUnbound)
				stolen := a.visit()
				change.visit(&stolen)
				refused(t, b.Manager, stolen, session.ReasonUnbound)
				login(t, b.Manager, a, entry())
				load(t, b.Manager, a)
				if storage == "store" {
					refused(t, lenient, stolen, session.ReasonAbsent) // the login has replaced it
				}
			})
		}
	}
}

// One that does not count cannot displace one that does, however new it is.
func TestASessionBoundToLessBesideAGoodOneDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		b := newBench(t, storage, func(o *session.Options) { o.BindUserAgent = true })
		lenient := b.with(t, bindNothing)
		a, planted := newAgent(t), newAgent(t)
		s := login(t, b.Manager, a, entry())
		b.clock.Pass(time.Minute)
		login(t, lenient, planted, entry())
		for _, v := range []session.Visit{both(a, planted), both(planted, a)} {
			if got, err := b.Load(t.Context(), v); err != nil || got.ID() != s.ID() {
				t.Errorf("%s: %v", storage, err)
			}
			refused(t, lenient, v, session.ReasonAmbiguous) // control
		}
	}
}

func TestARenewedSessionKeepsItsBinding(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		for _, renewer := range []string{"its own manager", "one that binds nothing"} {
			t.Run(storage+"/"+renewer, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storage, func(o *session.Options) { o.Idling, o.BindUserAgent = 0, true })
				m := b.Manager
				if renewer != "its own manager" {
					m = b.with(t, bindNothing)
				}
				a := newAgent(t)
				first := login(t, b.Manager, a, entry())
				b.clock.Pass(rolling - time.Minute)
				if s, _ := keep(t, m, a); s.ID() == first.ID() {
					t.Fatal("not renewed")
				}
				load(t, b.Manager, a)
				moved := a.visit()
				moved.UserAgent = "test/2"
				refused(t, b.Manager, moved, session.ReasonForged)
				refused(t, m, moved, session.ReasonForged)
			})
		}
	}
}

// Two plugins share a cookie, and one of them binds.
func TestBindingAndOtherAudiences(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store", func(o *session.Options) { o.BindUserAgent = true })
	lenient := b.with(t, bindNothing, func(o *session.Options) { o.Audience = "other" })
	t.Run("a login at the other keeps the binding of what it takes along", func(t *testing.T) {
		t.Parallel()
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		login(t, lenient, a, entry())
		load(t, b.Manager, a)
		load(t, lenient, a)
	})
	t.Run("a login here takes nothing from an unbound one", func(t *testing.T) {
		t.Parallel()
		a := newAgent(t)
		login(t, lenient, a, entry())
		login(t, b.Manager, a, entry())
		load(t, b.Manager, a)
		refused(t, lenient, a.visit(), session.ReasonAudience)
	})
}
