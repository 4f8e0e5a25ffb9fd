package server

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// connections knows every open connection of a server, hijacked ones included.
type connections struct {
	accepted atomic.Int64

	mu   sync.Mutex // guards what follows
	open map[*connection]struct{}
	// empty is closed when the last connection goes; nil until somebody waits.
	empty chan struct{}
}

// connection is an accepted TCP connection. It keeps TCPConn's methods, so that
// net/http can still hand a body to the kernel.
type connection struct {
	*net.TCPConn
	owner *connections
	// heard tells that the peer has sent something.
	heard atomic.Bool
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 && !c.heard.Load() {
		c.heard.Store(true)
	}
	return n, err
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.owner.forget(c)
	return c.TCPConn.Close()
}

// listener accepts into connections.
type listener struct {
	*net.TCPListener
	owner *connections
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	tcp, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	c := &connection{TCPConn: tcp, owner: l.owner}
	l.owner.add(c)
	return c, nil
}

func (cs *connections) add(c *connection) {
	cs.accepted.Add(1)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open == nil {
		cs.open = make(map[*connection]struct{})
	}
	cs.open[c] = struct{}{}
}

func (cs *connections) forget(c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
	if len(cs.open) == 0 && cs.empty != nil {
		close(cs.empty)
		cs.empty = nil
	}
}

func (cs *connections) active() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// wait returns when no connection is left or ctx is done.
func (cs *connections) wait(ctx context.Context) {
	cs.mu.Lock()
	if len(cs.open) == 0 {
		cs.mu.Unlock()
		return
	}
	if cs.empty == nil {
		cs.empty = make(chan struct{})
	}
	empty := cs.empty
	cs.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// cut closes the connections that which selects, and counts them.
func (cs *connections) cut(which func(*connection) bool) int {
	cs.mu.Lock()
	var chosen []*connection
	for c := range cs.open {
		if which(c) {
			chosen = append(chosen, c)
		}
	}
	cs.mu.Unlock()
	for _, c := range chosen {
		_ = c.Close() // its serving goroutine learns of it by its next read or write
	}
	return len(chosen)
}
