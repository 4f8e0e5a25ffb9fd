package upstream

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps the idle connections of the lean client that are made with the
// same settings. The last one kept is the first to be used, so that the others
// may go.
type pool struct {
	dial *dialer
	tls  bool
	// maxIdle bounds what is kept to one host and port under one server name,
	// maxTotal all of it.
	maxIdle, maxTotal int
	idleTimeout       time.Duration
	// clock is the real one: deadlines are set by it.
	clock func() time.Time

	mu sync.Mutex // guards what follows
	// shelves are by address and server name, oldest connection first.
	shelves map[string]*shelf
	total   int
	// sweeper runs when the next connection has been idle for too long; it is
	// set while any is idle.
	sweeper *time.Timer
	closed  bool
}

type shelf struct{ wires []*wire }

func newPool(d *dialer, key transportKey, o *Options) *pool {
	p := &pool{
		dial: d, tls: key.tls, maxIdle: o.MaxIdle, maxTotal: 4 * o.MaxIdle, idleTimeout: o.IdleTimeout,
		shelves: map[string]*shelf{},
	}
	p.clock = time.Now
	return p
}

// get gives a kept connection or, with fresh or where there is none, a new one.
// key is the address, for TLS one that splitKey takes. The error is a
// *dialError.
func (p *pool) get(ctx context.Context, key string, fresh bool) (*wire, error) {
	if !fresh {
		if w := p.take(key); w != nil {
			return w, nil
		}
	}
	dial := p.dial.plain
	if p.tls {
		dial = p.dial.secured
	}
	c, err := dial(ctx, "tcp", key)
	if err != nil {
		return nil, err
	}
	w, err := newWire(c.(*conn), key, p.clock)
	if err != nil {
		_ = c.Close() // it was not used
		return nil, &dialError{err}
	}
	return w, nil
}

func (p *pool) take(key string) *wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelves[key]
	if s == nil || len(s.wires) == 0 {
		return nil
	}
	last := len(s.wires) - 1
	w := s.wires[last]
	s.wires[last] = nil
	s.wires = s.wires[:last]
	p.total--
	return w
}

// put keeps a connection on which an exchange ended cleanly.
func (p *pool) put(w *wire) {
	w.reused = true
	w.idleSince = p.clock()
	if surplus := p.keep(w); surplus != nil {
		surplus.close()
	}
}

// keep gives back the connection for which there is no room: w itself, or the
// one that has been idle for longest.
func (p *pool) keep(w *wire) *wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelves[w.key]
	if p.closed || p.maxTotal <= 0 || s != nil && len(s.wires) >= p.maxIdle {
		return w
	}
	var surplus *wire
	if p.total >= p.maxTotal {
		surplus = p.dropOldest()
		s = p.shelves[w.key]
	}
	if s == nil {
		s = &shelf{}
		p.shelves[w.key] = s
	}
	s.wires = append(s.wires, w)
	p.total++
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.idleTimeout, p.sweep)
	}
	return surplus
}

// dropOldest takes out the connection that has been idle for longest. The
// caller holds mu, and there is one.
func (p *pool) dropOldest() *wire {
	var oldest *wire
	for _, s := range p.shelves {
		if len(s.wires) > 0 && (oldest == nil || s.wires[0].idleSince.Before(oldest.idleSince)) {
			oldest = s.wires[0]
		}
	}
	s := p.shelves[oldest.key]
	if s.wires = slices.Delete(s.wires, 0, 1); len(s.wires) == 0 {
		delete(p.shelves, oldest.key)
	}
	p.total--
	return oldest
}

// sweep closes what has been idle for too long and forgets empty shelves.
func (p *pool) sweep() {
	for _, w := range p.expired() {
		w.close()
	}
}

func (p *pool) expired() []*wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweeper = nil
	now := p.clock()
	var next time.Time
	var out []*wire
	for key, s := range p.shelves {
		n := 0
		for n < len(s.wires) && now.Sub(s.wires[n].idleSince) >= p.idleTimeout {
			n++
		}
		out = append(out, s.wires[:n]...)
		if s.wires = slices.Delete(s.wires, 0, n); len(s.wires) == 0 {
			delete(p.shelves, key)
			continue
		}
		if first := s.wires[0].idleSince; next.IsZero() || first.Before(next) {
			next = first
		}
	}
	p.total -= len(out)
	if !next.IsZero() {
		p.sweeper = time.AfterFunc(next.Add(p.idleTimeout).Sub(now), p.sweep)
	}
	return out
}

// closeIdle closes what is idle; with forever nothing is kept from now on.
func (p *pool) closeIdle(forever bool) {
	p.mu.Lock()
	all := p.shelves
	p.shelves, p.total = map[string]*shelf{}, 0
	p.closed = p.closed || forever
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
	p.mu.Unlock()
	for _, s := range all {
		for _, w := range s.wires {
			w.close()
		}
	}
}
