//go:build unix

package server

import (
	"errors"
	"syscall"
)

// pollReads tells whether readable can be used.
const pollReads = true

// readable reads what is there; it is called by the poller. While nothing is
// there the connection holds no buffer.
func (c *conn) readable(fd uintptr) bool {
	room := c.in.room(bufferSize)
	for {
		c.got, c.gotErr = syscall.Read(int(fd), room)
		switch {
		case errors.Is(c.gotErr, syscall.EINTR):
		case errors.Is(c.gotErr, syscall.EAGAIN):
			c.in.release()
			return false
		default:
			return true
		}
	}
}

// peekGone reports whether the client has ended the connection: with nothing
// unread before the end, since a client may close its side after a last
// pipelined request. A reset counts in any case, and with hidden the end that
// TLS announces by a record of its own.
func peekGone(raw syscall.RawConn, hidden bool) bool {
	gone := false
	err := raw.Control(func(fd uintptr) {
		var p [1]byte
		n, _, err := syscall.Recvfrom(int(fd), p[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == nil && n == 0, errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			gone = true
		case n > 0:
			gone = closedByPeer(fd, hidden)
		}
	})
	return gone || err != nil
}
