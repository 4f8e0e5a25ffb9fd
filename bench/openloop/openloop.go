package openloop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Options say what is asked, and how often.
type Options struct {
	// Address is where the connections go, IPv4.
	Address netip.AddrPort
	// Request is sent as it is: a whole request without a body.
	Request []byte
	// Connections is how many are kept open; each carries one request at a time.
	// When all are busy, requests wait, and the wait counts.
	Connections int
	// Rate is requests per second.
	Rate float64
	// Duration is for how long requests fall due.
	Duration time.Duration
	// Now is the clock; nil means the real one.
	Now func() time.Time
}

// Result is what the answers took.
type Result struct {
	// Latencies are those of all requests, ascending.
	Latencies []time.Duration
}

// Percentile is the latency that p of 100 requests stay at or below.
func (r Result) Percentile(p float64) time.Duration {
	n := len(r.Latencies)
	if n == 0 {
		return 0
	}
	return r.Latencies[min(n-1, max(0, int(float64(n)*p/100+0.5)-1))]
}

// patience is how long answers may take that were due when the time was over.
const patience = 10 * time.Second

// generator is one run.
type generator struct {
	opts      Options
	epoll     int
	timer     int
	conns     map[int]*connection // by file descriptor
	free      []*connection
	start     time.Time
	interval  time.Duration
	total     int // requests to make
	due, sent int
	latencies []time.Duration
	buffer    []byte
}

// connection carries one request at a time.
type connection struct {
	fd     int
	was    time.Time // when its request was due
	answer answer
}

// Run makes the requests. It fails at the first answer that is not 200, and
// when ctx ends.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Rate <= 0 || o.Connections < 1 || o.Duration <= 0 || len(o.Request) == 0 || !o.Address.Addr().Is4() {
		return Result{}, errors.New("openloop: want a request, an IPv4 address, connections, a rate and a duration")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g := &generator{
		opts: o, epoll: -1, timer: -1, conns: map[int]*connection{}, buffer: make([]byte, 64<<10),
		interval: time.Duration(float64(time.Second) / o.Rate), total: max(1, int(o.Rate*o.Duration.Seconds())),
	}
	defer g.close()
	if err := g.open(); err != nil {
		return Result{}, fmt.Errorf("openloop: %w", err)
	}
	if err := g.run(ctx); err != nil {
		return Result{}, fmt.Errorf("openloop: %w", err)
	}
	slices.Sort(g.latencies)
	return Result{Latencies: g.latencies}, nil
}

// open makes the connections and starts the timer.
func (g *generator) open() (err error) {
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	target := &unix.SockaddrInet4{Port: int(g.opts.Address.Port()), Addr: g.opts.Address.Addr().As4()}
	for range g.opts.Connections {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("socket: %w", err)
		}
		c := &connection{fd: fd}
		g.conns[fd] = c
		if err := connect(fd, target); err != nil {
			return fmt.Errorf("connect to %s: %w", g.opts.Address, err)
		}
		if err := g.watch(fd); err != nil {
			return err
		}
		g.free = append(g.free, c)
	}
	if g.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	every := unix.NsecToTimespec(g.interval.Nanoseconds())
	if err := unix.TimerfdSettime(g.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return fmt.Errorf("timerfd_settime: %w", err)
	}
	g.start = g.opts.Now()
	return g.watch(g.timer)
}

// connect waits for the connection, and makes what follows not wait.
func connect(fd int, target unix.Sockaddr) error {
	if err := unix.Connect(fd, target); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
}

func (g *generator) watch(fd int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)} //nolint:gosec // a descriptor is small
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (g *generator) close() {
	for fd := range g.conns {
		_ = unix.Close(fd) // nothing is lost
	}
	for _, fd := range []int{g.timer, g.epoll} {
		if fd >= 0 {
			_ = unix.Close(fd) // nothing is lost
		}
	}
}

// run serves events until every request was answered.
func (g *generator) run(ctx context.Context) error {
	events := make([]unix.EpollEvent, 256)
	end := g.start.Add(g.opts.Duration + patience)
	for len(g.latencies) < g.total {
		n, err := unix.EpollWait(g.epoll, events, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			if int(event.Fd) == g.timer {
				err = g.tick()
			} else {
				err = g.read(g.conns[int(event.Fd)])
			}
			if err != nil {
				return err
			}
		}
		if err := g.send(); err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case g.opts.Now().After(end):
			return fmt.Errorf("%d of %d requests were not answered", g.total-len(g.latencies), g.total)
		}
	}
	return nil
}

// tick learns how many requests fell due.
func (g *generator) tick() error {
	var expired [8]byte
	switch _, err := unix.Read(g.timer, expired[:]); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read the timer: %w", err)
	}
	count := binary.NativeEndian.Uint64(expired[:])
	g.due = min(g.total, g.due+int(min(count, uint64(g.total)))) //nolint:gosec // bounded by total
	return nil
}

// send makes the requests that are due and for which a connection is free.
func (g *generator) send() error {
	for g.sent < g.due && len(g.free) > 0 {
		c := g.free[len(g.free)-1]
		g.free = g.free[:len(g.free)-1]
		g.sent++
		c.was = g.start.Add(time.Duration(g.sent) * g.interval)
		if n, err := unix.Write(c.fd, g.opts.Request); err != nil || n < len(g.opts.Request) {
			return fmt.Errorf("write: %d of %d bytes: %w", n, len(g.opts.Request), err)
		}
	}
	return nil
}

// read takes what has arrived of an answer.
func (g *generator) read(c *connection) error {
	n, err := unix.Read(c.fd, g.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("the connection was closed")
	case c.was.IsZero():
		return errors.New("an answer that nobody asked for")
	}
	whole, err := c.answer.feed(g.buffer[:n])
	if err != nil || !whole {
		return err
	}
	g.latencies = append(g.latencies, max(0, g.opts.Now().Sub(c.was)))
	c.was = time.Time{}
	g.free = append(g.free, c)
	return nil
}
