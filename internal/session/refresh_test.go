package session_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// provider redeems refresh tokens, each one once.
type provider struct {
	calls atomic.Int64
	delay time.Duration
	mu    sync.Mutex // guards used
	used  map[string]bool
}

var errReused = errors.New("invalid_grant")

func (p *provider) redeem(ctx context.Context, current *session.Session) (session.Entry, error) {
	n := p.calls.Add(1)
	e := current.Entry()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = make(map[string]bool)
	}
	if p.used[e.RefreshToken.Reveal()] {
		return session.Entry{}, errReused
	}
	p.used[e.RefreshToken.Reveal()] = true
	if p.delay > 0 {
		p.mu.Unlock()
		timer := time.NewTimer(p.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		p.mu.Lock()
	}
	e.AccessToken = secret.New("access " + strconv.FormatInt(n, 10))
	e.RefreshToken = secret.New("refresh " + strconv.FormatInt(n, 10))
	return e, ctx.Err()
}

func TestRefreshHappensOnceInAProcess(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, storage)
				a := newAgent(t)
				login(t, b.Manager, a, entry())
				p := &provider{delay: time.Second}
				var wg sync.WaitGroup
				for range 30 {
					tab := a.copy()
					wg.Go(func() {
						s := load(t, b.Manager, tab)
						n, lines, err := b.Refresh(t.Context(), tab.visit(), s, p.redeem)
						if err != nil {
							t.Errorf("refresh: %v", err)
							return
						}
						if n.Entry().AccessToken.Reveal() != "access 1" || n.ID() != s.ID() {
							t.Errorf("access token %q", n.Entry().AccessToken.Reveal())
						}
						if (len(lines) > 0) != (storage == "cookie") {
							t.Errorf("lines %q", lines)
						}
						tab.take(lines)
						if got := load(t, b.Manager, tab).Entry().AccessToken.Reveal(); got != "access 1" {
							t.Errorf("the next request gets %q", got)
						}
					})
				}
				wg.Wait()
				if n := p.calls.Load(); n != 1 {
					t.Errorf("%d redemptions, want 1", n)
				}
				// A request that was under way with the old cookie and record.
				if storage == "cookie" {
					late := a.copy()
					if _, _, err := b.Refresh(t.Context(), late.visit(), load(t, b.Manager, late), p.redeem); err != nil || p.calls.Load() != 1 {
						t.Errorf("late request: %v, %d redemptions", err, p.calls.Load())
					}
				}
				time.Sleep(time.Minute) // within the bubble: let kept results go
			})
		})
	}
}

func TestRefreshHappensOnceBetweenProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "store", func(o *session.Options) { o.Now = time.Now })
		b.store.Store = session.NewMemory(session.MemoryOptions{})
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		s := load(t, b.Manager, a)
		p := &provider{delay: 20 * time.Second} // the lease must be renewed
		var wg sync.WaitGroup
		for range 5 {
			m := b.with(t, func(o *session.Options) { o.RefreshLimit = time.Minute }) // a process of its own
			wg.Go(func() {
				n, _, err := m.Refresh(t.Context(), a.visit(), s, p.redeem)
				if err != nil || n.Entry().RefreshToken.Reveal() != "refresh 1" {
					t.Errorf("refresh: %v", err)
				}
			})
		}
		wg.Wait()
		// One that loaded the session before and asks after all of it.
		n, _, err := b.Refresh(t.Context(), a.visit(), s, p.redeem)
		if err != nil || n.Entry().RefreshToken.Reveal() != "refresh 1" {
			t.Errorf("late refresh: %v", err)
		}
		if n := p.calls.Load(); n != 1 {
			t.Errorf("%d redemptions, want 1", n)
		}
		// The next one is due, and is one again.
		n, _, err = b.Refresh(t.Context(), a.visit(), n, p.redeem)
		if err != nil || n.Entry().RefreshToken.Reveal() != "refresh 2" || p.calls.Load() != 2 {
			t.Errorf("second refresh: %v, %d redemptions", err, p.calls.Load())
		}
		if !n.RefreshStarted().IsZero() {
			t.Error("a finished refresh is marked as started")
		}
	})
}

func TestRefreshOutlivesTheRequestThatBeganIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "store")
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		p := &provider{delay: time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(500 * time.Millisecond)
			cancel()
		}()
		if _, _, err := b.Refresh(ctx, a.visit(), s, p.redeem); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrNone) {
			t.Errorf("the request that left: %v", err)
		}
		n, _, err := b.Refresh(t.Context(), a.visit(), s, p.redeem)
		if err != nil || n.Entry().AccessToken.Reveal() != "access 1" || p.calls.Load() != 1 {
			t.Errorf("the next request: %v, %d redemptions", err, p.calls.Load())
		}
	})
}

func TestFailedRefreshChangesNothingAndIsToldToAll(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	s := login(t, b.Manager, a, entry())
	down := errors.New("provider is down")
	_, lines, err := b.Refresh(t.Context(), a.visit(), s, func(context.Context, *session.Session) (session.Entry, error) {
		return session.Entry{}, down
	})
	if !errors.Is(err, down) || errors.Is(err, session.ErrNone) || errors.Is(err, session.ErrUnavailable) || len(lines) > 0 {
		t.Errorf("refresh: lines %q, error %v", lines, err)
	}
	n := load(t, b.Manager, a)
	if !n.Entry().RefreshToken.Equal(s.Entry().RefreshToken) {
		t.Error("the tokens were changed")
	}
	// The next holder learns that one began and did not finish.
	var told time.Time
	p := &provider{}
	if _, _, err := b.Refresh(t.Context(), a.visit(), n, func(ctx context.Context, current *session.Session) (session.Entry, error) {
		told = load(t, b.Manager, a).RefreshStarted()
		return p.redeem(ctx, current)
	}); err != nil {
		t.Errorf("refresh after recovery: %v", err)
	}
	if !told.Equal(b.clock.Now()) {
		t.Errorf("refresh started %v", told)
	}
	if n := load(t, b.Manager, a); !n.RefreshStarted().IsZero() {
		t.Error("a finished refresh is marked as started")
	}
}

func TestRefreshThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	s := login(t, b.Manager, a, entry())
	if _, _, err := b.Refresh(t.Context(), a.visit(), s, func(context.Context, *session.Session) (session.Entry, error) {
		panic("planted")
	}); err == nil {
		t.Error("no error")
	}
	if _, _, err := b.Refresh(t.Context(), a.visit(), s, new(provider).redeem); err != nil {
		t.Errorf("the next refresh: %v", err)
	}
}

// A refused redemption does not end the session when another process was
// served meanwhile.
func TestRefusedRefreshIsCheckedAgainstTheStore(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	s := login(t, b.Manager, a, entry())
	n, _, err := b.Refresh(t.Context(), a.visit(), s, func(context.Context, *session.Session) (session.Entry, error) {
		e := s.Entry()
		e.AccessToken = secret.New("served to another")
		if _, _, err := b.with(t).Rewrite(t.Context(), a.visit(), s, e); err != nil {
			t.Errorf("rewrite: %v", err)
		}
		return session.Entry{}, errReused
	})
	if err != nil || n.Entry().AccessToken.Reveal() != "served to another" {
		t.Errorf("refresh: %v", err)
	}
}

// A holder that lost its lease meanwhile does not overwrite the later one.
func TestRefreshOfAFormerHolderIsFenced(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	s := login(t, b.Manager, a, entry())
	slow, _, err := b.Refresh(t.Context(), a.visit(), s, func(context.Context, *session.Session) (session.Entry, error) {
		b.clock.Pass(time.Minute) // its lease ends unnoticed
		fast, _, err := b.with(t).Refresh(t.Context(), a.visit(), s, func(context.Context, *session.Session) (session.Entry, error) {
			e := s.Entry()
			e.AccessToken = secret.New("of the later holder")
			return e, nil
		})
		if err != nil || fast.Entry().AccessToken.Reveal() != "of the later holder" {
			t.Errorf("later holder: %v", err)
		}
		e := s.Entry()
		e.AccessToken = secret.New("of the former holder")
		return e, nil
	})
	if err != nil || slow.Entry().AccessToken.Reveal() != "of the later holder" {
		t.Errorf("former holder: %v", err)
	}
	if got := load(t, b.Manager, a).Entry().AccessToken.Reveal(); got != "of the later holder" {
		t.Errorf("stored: %q", got)
	}
}

func TestRefreshMeetsOtherChanges(t *testing.T) {
	t.Parallel()
	// during runs f while the provider is asked.
	during := func(t *testing.T, b *bench, a *agent, f func(s *session.Session)) (*session.Session, []string, error) {
		t.Helper()
		s := load(t, b.Manager, a)
		return b.Refresh(t.Context(), a.visit(), s, func(ctx context.Context, current *session.Session) (session.Entry, error) {
			f(s)
			return new(provider).redeem(ctx, current)
		})
	}
	t.Run("a renewal: the tokens go to the new id", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store", func(o *session.Options) { o.Idling = 0 })
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		b.clock.Pass(rolling - time.Minute)
		tab := a.copy()
		s, lines, err := during(t, b, a, func(*session.Session) { keep(t, b.Manager, tab) })
		if err != nil || len(lines) != 1 {
			t.Fatalf("refresh: lines %q, error %v", lines, err)
		}
		a.take(lines)
		for _, c := range []*agent{a, tab} {
			if got := load(t, b.Manager, c); got.ID() != s.ID() || got.Entry().AccessToken.Reveal() != "access 1" {
				t.Error("not the refreshed session")
			}
		}
	})
	t.Run("a logout: the session stays ended", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		_, lines, err := during(t, b, a, func(*session.Session) { end(t, b.Manager, a.copy()) })
		if !errors.Is(err, session.ErrNone) || len(lines) > 0 {
			t.Errorf("refresh: lines %q, error %v", lines, err)
		}
		refused(t, b.Manager, a.visit(), session.ReasonAbsent)
	})
	t.Run("another audience's change: both count", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		other := b.with(t, func(o *session.Options) { o.Audience = "other" })
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		login(t, other, a, entry())
		if _, _, err := during(t, b, a, func(*session.Session) {
			o := load(t, other, a)
			e := o.Entry()
			e.Scope = "changed"
			if _, _, err := other.Rewrite(t.Context(), a.visit(), o, e); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if got := load(t, other, a).Entry().Scope; got != "changed" {
			t.Errorf("the other audience's scope is %q", got)
		}
		if got := load(t, b.Manager, a).Entry().AccessToken.Reveal(); got != "access 1" {
			t.Errorf("access token %q", got)
		}
	})
	t.Run("this audience's logout beside another: it stays out", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		other := b.with(t, func(o *session.Options) { o.Audience = "other" })
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		login(t, other, a, entry())
		if _, _, err := during(t, b, a, func(*session.Session) { end(t, b.Manager, a) }); !errors.Is(err, session.ErrNone) {
			t.Errorf("refresh: %v", err)
		}
		refused(t, b.Manager, a.visit(), session.ReasonAudience)
		load(t, other, a)
	})
	t.Run("another user's tokens are refused", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		if _, _, err := b.Refresh(t.Context(), a.visit(), s, func(_ context.Context, current *session.Session) (session.Entry, error) {
			e := current.Entry()
			e.Subject = "mallory"
			return e, nil
		}); err == nil {
			t.Error("accepted")
		}
		if got := load(t, b.Manager, a).Entry().Subject; got != "alice" {
			t.Errorf("subject %q", got)
		}
	})
}
