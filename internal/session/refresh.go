package session

import (
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
)

// Redeem asks the provider for new tokens for current, and returns current's
// entry with them. Its context is not the request's, since others may wait for
// the same answer.
type Redeem func(ctx context.Context, current *Session) (Entry, error)

// Refresh has redeem called once for a session, however many requests and
// processes ask at the same time; everybody gets the result. It is not called
// at all when the stored tokens are no longer those of s. Its error is
// returned as it is, to all that wait.
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
		key += " " + strconv.FormatUint(s.stored, 10)
	}
	o, err := m.flights.do(ctx, key, m.refreshLimit, kept, func(ctx context.Context) (opened, error) {
		if m.inCookie() {
			return m.redeem(ctx, s.opened, 0, redeem)
		}
		return m.refreshStored(ctx, s, redeem)
	})
	if err != nil {
		return nil, nil, err
	}
	return m.deliver(&v, s, o)
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
	if o, err = m.follow(ctx, s.head, m.now().Unix()); err != nil || m.differs(s, &o) {
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
	if err == nil || errors.Is(err, ErrNone) || errors.Is(err, ErrUnavailable) {
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
		if err != nil || m.differs(s, &o) {
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

// redeem asks the provider and writes what it answered.
func (m *Manager) redeem(ctx context.Context, o opened, fence uint64, redeem Redeem) (opened, error) {
	current, err := m.session(o)
	if err != nil {
		return opened{}, err
	}
	e, err := redeem(ctx, current)
	if err != nil {
		return opened{}, err
	}
	if e.Realm != current.entry.Realm || e.Subject != current.entry.Subject {
		return opened{}, errors.New("session: refresh: another realm or subject")
	}
	e.created = current.entry.created
	body := e.encode()
	return m.apply(ctx, o, func(r *record) (*record, error) {
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
