//go:build unix

package server

import (
	"errors"
	"io"
	"syscall"
)

// pollReads tells whether connections can be served by turns.
const pollReads = true

// readNow reads what is there into the input. again tells that nothing is;
// the end of the connection is io.EOF.
func (c *conn) readNow(fd uintptr) (again bool, err error) {
	room := c.in.room(max(c.front.opts.MaxHeaderBytes, bufferSize))
	if room == nil {
		return false, io.ErrShortBuffer
	}
	for {
		n, err := syscall.Read(int(fd), room)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return true, nil
		case err != nil:
			return false, err
		case n <= 0:
			return false, io.EOF
		}
		c.in.end += n
		c.drained = n < len(room)
		return false, nil
	}
}

// writeNow writes what can be written without waiting, during a turn, and gives
// the rest. What is wrong, or that the connection was cut, shows when that is
// written.
func (c *conn) writeNow(p []byte) []byte {
	for c.inTurn && len(p) > 0 && !c.severed.Load() {
		n, err := syscall.Write(c.fd, p)
		if n > 0 {
			p = p[n:]
		}
		if err != nil && !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	return p
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
