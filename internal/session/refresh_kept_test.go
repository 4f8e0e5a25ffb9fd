package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

var errUnverified = errors.New("the ID token cannot be verified now")

// failing is a redeem that gets new tokens from p and fails afterwards.
func failing(p *provider, wrap func(error) error) session.Redeem {
	return func(ctx context.Context, current *session.Session) (session.Entry, error) {
		fresh, err := p.redeem(ctx, current)
		if err != nil {
			return session.Entry{}, err
		}
		e := current.Entry()
		e.RefreshToken = fresh.RefreshToken
		return e, wrap(errUnverified)
	}
}

func asUnfinished(err error) error { return &session.Unfinished{Err: err} }

// What fails after the provider has answered must not lose the rotated refresh
// token: the old one is spent.
func TestUnfinishedRefreshKeepsTheRefreshToken(t *testing.T) {
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
				for range 10 {
					tab := a.copy()
					wg.Go(func() {
						n, lines, err := b.Refresh(t.Context(), tab.visit(), load(t, b.Manager, tab), failing(p, asUnfinished))
						if !errors.Is(err, errUnverified) || errors.Is(err, session.ErrNone) || errors.Is(err, session.ErrUnavailable) {
							t.Errorf("refresh: %v, want what redeem returned", err)
						}
						if n == nil || n.Entry().RefreshToken.Reveal() != "refresh 1" {
							t.Error("the session beside the error has not the new refresh token")
						}
						if (len(lines) > 0) != (storage == "cookie") {
							t.Errorf("lines %q", lines)
						}
						tab.take(lines)
						e := load(t, b.Manager, tab).Entry()
						if e.RefreshToken.Reveal() != "refresh 1" || !e.AccessToken.Equal(entry().AccessToken) {
							t.Errorf("refresh token %q and access token %q were kept", e.RefreshToken.Reveal(), e.AccessToken.Reveal())
						}
					})
				}
				wg.Wait()
				if n := p.calls.Load(); n != 1 {
					t.Errorf("%d redemptions, want 1", n)
				}
				// A late request with the old cookie does not redeem the spent
				// token either, and the next refresh succeeds with the new one.
				late := a.copy()
				_, lines, _ := b.Refresh(t.Context(), late.visit(), load(t, b.Manager, late), failing(p, asUnfinished))
				late.take(lines)
				n, _, err := b.Refresh(t.Context(), late.visit(), load(t, b.Manager, late), p.redeem)
				if err != nil || n.Entry().AccessToken.Reveal() == "planted-access" {
					t.Errorf("the next refresh: %v", err)
				}
				time.Sleep(time.Minute) // within the bubble: let kept results go
			})
		})
	}
	t.Run("control: beside another error the entry is ignored", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		n, lines, err := b.Refresh(t.Context(), a.visit(), s, failing(&provider{}, func(err error) error { return err }))
		if !errors.Is(err, errUnverified) || n != nil || lines != nil {
			t.Errorf("refresh: %v, lines %q, %v", n != nil, lines, err)
		}
		if e := load(t, b.Manager, a).Entry(); !e.RefreshToken.Equal(entry().RefreshToken) {
			t.Errorf("refresh token %q", e.RefreshToken.Reveal())
		}
	})
	t.Run("another user's entry is not written", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		n, _, err := b.Refresh(t.Context(), a.visit(), s, func(context.Context, *session.Session) (session.Entry, error) {
			return session.Entry{}, asUnfinished(errUnverified)
		})
		if !errors.Is(err, errUnverified) || n != nil {
			t.Errorf("refresh: %v, %v", n != nil, err)
		}
		load(t, b.Manager, a)
	})
}

// Another process that waits does not take an unfinished refresh for a
// finished one: it takes its turn, with the new refresh token.
func TestUnfinishedRefreshIsFinishedByAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "store")
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		p := &provider{delay: time.Second}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := b.Refresh(t.Context(), a.visit(), s, failing(p, asUnfinished)); !errors.Is(err, errUnverified) {
				t.Errorf("first: %v", err)
			}
		})
		time.Sleep(time.Second / 2)
		n, _, err := b.with(t).Refresh(t.Context(), a.visit(), s, p.redeem)
		if err != nil || n.Entry().AccessToken.Reveal() != "access 2" {
			t.Errorf("second: %v", err)
		}
		wg.Wait()
	})
}

func TestRefreshedTokensSurviveAFailureOfTheStore(t *testing.T) {
	t.Parallel()
	// refresh has the store fail while, and after, the provider answers.
	refresh := func(t *testing.T, b *bench, down time.Duration) (*agent, error) {
		t.Helper()
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		p := &provider{}
		_, _, err := b.Refresh(t.Context(), a.visit(), s, func(ctx context.Context, current *session.Session) (session.Entry, error) {
			b.store.broken(session.ErrUnavailable)
			time.AfterFunc(down, func() { b.store.broken(nil) })
			return p.redeem(ctx, current)
		})
		time.Sleep(time.Minute)
		return a, err
	}
	t.Run("that is short", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, "store")
			a, err := refresh(t, b, time.Second)
			if e := load(t, b.Manager, a).Entry(); err != nil || e.RefreshToken.Reveal() != "refresh 1" {
				t.Errorf("refresh token %q, %v", e.RefreshToken.Reveal(), err)
			}
		})
	})
	t.Run("but not one that lasts, whose waiting is bounded", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, "store")
			began := time.Now()
			_, err := refresh(t, b, 30*time.Second)
			if took := time.Since(began) - time.Minute; !errors.Is(err, session.ErrUnavailable) || took > 5*time.Second {
				t.Errorf("after %v: %v", took, err)
			}
		})
	})
	t.Run("after which the first attempt turns out to have been carried out", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, "store")
			a := newAgent(t)
			s := login(t, b.Manager, a, entry())
			p := &provider{}
			n, _, err := b.Refresh(t.Context(), a.visit(), s, func(ctx context.Context, current *session.Session) (session.Entry, error) {
				b.store.Store = &forgetful{Store: b.store.Store}
				return p.redeem(ctx, current)
			})
			if err != nil || n.Entry().RefreshToken.Reveal() != "refresh 1" || p.calls.Load() != 1 {
				t.Errorf("refresh: %v, %d redemptions", err, p.calls.Load())
			}
			if e := load(t, b.Manager, a).Entry(); e.RefreshToken.Reveal() != "refresh 1" {
				t.Errorf("refresh token %q", e.RefreshToken.Reveal())
			}
		})
	})
}

// forgetful is a store whose first answer to a swap gets lost.
type forgetful struct {
	session.Store
	swapped bool
}

func (f *forgetful) CompareAndSwap(ctx context.Context, key string, version uint64, data []byte, ttl time.Duration) error {
	err := f.Store.CompareAndSwap(ctx, key, version, data, ttl)
	if !f.swapped {
		f.swapped, err = true, session.ErrUnavailable
	}
	return err
}

// The provider answers when the time for the refresh is just over.
func TestRefreshedTokensAreWrittenPastTheRefreshLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "store", func(o *session.Options) { o.RefreshLimit = 2 * time.Second })
		a := newAgent(t)
		s := login(t, b.Manager, a, entry())
		_, _, err := b.Refresh(t.Context(), a.visit(), s, func(ctx context.Context, current *session.Session) (session.Entry, error) {
			<-ctx.Done()
			e := current.Entry()
			e.RefreshToken = secret.New("rotated")
			return e, nil
		})
		if e := load(t, b.Manager, a).Entry(); err != nil || e.RefreshToken.Reveal() != "rotated" {
			t.Errorf("refresh token %q, %v", e.RefreshToken.Reveal(), err)
		}
	})
}

// In cookie storage a renewal counts versions anew: the refresh that follows
// it must not be taken for the one before, whose result is kept for a while.
func TestRefreshAfterARenewalIsAnother(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, storage, func(o *session.Options) { o.Idling = 0 })
				a := newAgent(t)
				login(t, b.Manager, a, entry())
				b.clock.Pass(rolling - time.Minute)
				p := &provider{}
				refresh := func() *session.Session {
					n, lines, err := b.Refresh(t.Context(), a.visit(), load(t, b.Manager, a), p.redeem)
					if err != nil {
						t.Fatalf("refresh: %v", err)
					}
					a.take(lines)
					return n
				}
				first := refresh()
				renewed, sent := keep(t, b.Manager, a)
				if sent == 0 || renewed.ID() == first.ID() {
					t.Fatal("not renewed")
				}
				n := refresh()
				if n.ID() != renewed.ID() || n.Entry().AccessToken.Reveal() != "access 2" || p.calls.Load() != 2 {
					t.Errorf("id kept %v, access token %q", n.ID() == renewed.ID(), n.Entry().AccessToken.Reveal())
				}
				time.Sleep(time.Minute) // within the bubble: let kept results go
			})
		})
	}
}
