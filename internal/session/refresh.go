package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// leaseTTL is how long a dead holder keeps others waiting. A living one
	// renews its lease three times as often.
	leaseTTL = 9 * time.Second
	// The waiting for somebody else's lease: from firstWait, doubled up to
	// lastWait.
	firstWait = 25 * time.Millisecond
	lastWait  = 400 * time.Millisecond
	// keepLimit bounds the writing of what the provider answered, which has
	// spent the old refresh token. A store that cannot be asked is asked again
	// up to keepTries times, after firstKeep, doubled each time.
	keepLimit = 5 * time.Second
	keepTries = 5
	firstKeep = 100 * time.Millisecond
)

// Redeem asks the provider for new tokens for current, and returns current's
// entry with them. Its context is not the request's, since others may wait for
// the same answer.
//
// A provider that rotates refresh tokens has spent the old one when it has
// answered: the new one must not get lost. So what Redeem returns is written
// within a time limit of its own, with a few attempts. And where Redeem fails
// after the answer, it returns an *Unfinished together with current's entry
// holding the new refresh token, and whatever else of the answer may be used:
// that entry is written, and the error goes to all that wait. Beside any other
// error the entry is ignored.
type Redeem func(ctx context.Context, current *Session) (Entry, error)

// Unfinished is the error of a Redeem that failed with new tokens in hand.
type Unfinished struct{ Err error }

// Error implements error.
func (u *Unfinished) Error() string { return u.Err.Error() }

// Unwrap is why it failed.
func (u *Unfinished) Unwrap() error { return u.Err }

func unfinished(err error) bool {
	var u *Unfinished
	return errors.As(err, &u)
}

// Refresh has redeem called once for a session, however many requests and
// processes ask at the same time; everybody gets the result. It is not called
// at all when the stored access token is no longer that of s. Its error is
// returned as it is, to all that wait; where it is an *Unfinished, so are the
// session as it was written and, as ever, the Set-Cookie lines that the answer
// must carry: in cookie storage they alone hold the new refresh token. (If the
// writing fails as well, there are neither, and the error says so too.)
//
// In one process the requests share a flight. Between processes a lease on the
// session's family decides, whose fence is written down before redeem is
// called: what a holder brings that lost its lease meanwhile is dropped if a
// later one has begun. In cookie storage there is the flight alone.
func (m *Manager) Refresh(ctx context.Context, v Visit, s *Session, redeem Redeem) (*Session, []string, error) {
	key := fmt.Sprintf("refresh %s %q", s.Family(), m.audience)
	var kept time.Duration
	if m.inCookie() {
		kept = flightKept
		// A renewal begins to count anew, under another id.
		key += " " + s.key + " " + strconv.FormatUint(s.stored, 10)
	}
	o, err := m.flights.do(ctx, key, m.refreshLimit, kept, func(ctx context.Context) (opened, error) {
		if m.inCookie() {
			return m.redeem(ctx, s.opened, 0, redeem)
		}
		return m.refreshStored(ctx, s, redeem)
	})
	if err != nil && (!unfinished(err) || o.record == nil) {
		return nil, nil, err
	}
	n, lines, failed := m.deliver(&v, s, o)
	return n, lines, both(err, failed)
}

func (m *Manager) refreshStored(ctx context.Context, s *Session, redeem Redeem) (opened, error) {
	lease, o, err := m.turn(ctx, s)
	if err != nil || lease == nil {
		return o, err
	}
	stop := m.renewing(ctx, *lease)
	defer func() {
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardLimit)
		defer cancel()
		_ = m.store.Release(ctx, *lease) // otherwise its ttl does
	}()
	// Between the last look and the lease somebody may have finished.
	if o, err = m.follow(ctx, s.head, m.now().Unix()); err != nil || m.refreshed(s, &o) {
		return o, err
	}
	started := *lease
	if o, err = m.apply(ctx, o, func(r *record) (*record, error) {
		if r.fence > started.Fence {
			return nil, unavailable("refresh", ErrLost)
		}
		c := *r
		c.refreshStarted, c.fence = m.now().Unix(), started.Fence
		return &c, nil
	}); err != nil {
		return opened{}, err
	}
	n, err := m.redeem(ctx, o, started.Fence, redeem)
	if err == nil || unfinished(err) || errors.Is(err, ErrNone) || errors.Is(err, ErrUnavailable) {
		return n, err
	}
	// Refused perhaps because somebody else was served: then theirs counts.
	if current, again := m.follow(ctx, s.head, m.now().Unix()); again == nil && m.differs(s, &current) {
		return current, nil
	}
	return opened{}, err
}

// turn waits for the lease on s's family. A nil lease means that there is no
// need: the returned record has other tokens than s.
func (m *Manager) turn(ctx context.Context, s *Session) (*Lease, opened, error) {
	sum := sha256.Sum256(append([]byte("sallyport lease"), s.record.family[:]...))
	key := m.cookie.Name + ":" + encoding.EncodeToString(sum[:])
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		lease, err := m.store.Lease(ctx, key, leaseTTL)
		if err == nil {
			return &lease, opened{}, nil
		}
		if !errors.Is(err, ErrHeld) {
			return nil, opened{}, unavailable("lease", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, opened{}, unavailable("lease", errors.Join(ErrHeld, context.Cause(ctx)))
		}
		o, err := m.follow(ctx, s.head, m.now().Unix())
		if err != nil || m.refreshed(s, &o) {
			return nil, o, err
		}
	}
}

// differs reports whether o's tokens for this audience are others than s's.
func (m *Manager) differs(s *Session, o *opened) bool {
	n, err := m.session(*o)
	if err != nil {
		return true // let the caller find out
	}
	return !n.entry.AccessToken.Equal(s.entry.AccessToken) || !n.entry.RefreshToken.Equal(s.entry.RefreshToken)
}

// refreshed reports whether o's tokens are the result of a whole refresh of s.
// One that stayed unfinished leaves a new refresh token alone, and it is for
// the next one to use it.
func (m *Manager) refreshed(s *Session, o *opened) bool {
	n, err := m.session(*o)
	if err != nil {
		return true // let the caller find out
	}
	return !n.entry.AccessToken.Equal(s.entry.AccessToken) || !n.entry.Expiry.Equal(s.entry.Expiry)
}

// redeem asks the provider and writes what it answered.
func (m *Manager) redeem(ctx context.Context, o opened, fence uint64, redeem Redeem) (opened, error) {
	current, err := m.session(o)
	if err != nil {
		return opened{}, err
	}
	e, asked := redeem(ctx, current)
	if asked != nil && !unfinished(asked) {
		return opened{}, asked
	}
	if e.Realm != current.entry.Realm || e.Subject != current.entry.Subject {
		return opened{}, both(asked, errors.New("session: refresh: another realm or subject"))
	}
	e.created = current.entry.created
	body := e.encode()
	n, err := m.persist(ctx, o, func(r *record) (*record, error) {
		if r.fence != fence {
			return nil, errKeep // a later holder has begun: its tokens count
		}
		if r.slot(m.audience) < 0 {
			return nil, none(ReasonAudience) // logged out meanwhile
		}
		c := r.with(m.audience, body)
		c.refreshStarted = 0
		return c, nil
	})
	return n, both(asked, err)
}

// both is errors.Join that leaves a single error as it is.
func both(one, other error) error {
	if one == nil || other == nil {
		return cmp.Or(one, other)
	}
	return errors.Join(one, other)
}

// persist is apply for what cannot be had again: it does not end with ctx, and
// outlives a short failure of the store. An attempt that failed may have been
// carried out all the same: then the next one changes the record once more.
func (m *Manager) persist(ctx context.Context, o opened, change func(*record) (*record, error)) (opened, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepLimit)
	defer cancel()
	wait := firstKeep
	for try := 0; ; try++ {
		n, err := m.apply(ctx, o, change)
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTooLarge) || try == keepTries {
			return n, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return n, err
		}
		wait *= 2
	}
}

// renewing keeps a lease until the returned function is called, which waits
// for the end of the renewing.
func (m *Manager) renewing(ctx context.Context, l Lease) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // owned by the caller, who stops it
		defer close(done)
		ticker := time.NewTicker(leaseTTL / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := m.store.Renew(ctx, l, leaseTTL); errors.Is(err, ErrLost) {
					return // the fence guards what follows
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}
