//go:build !unix

package server

import (
	"io"
	"syscall"
)

// pollReads tells whether connections can be served by turns.
const pollReads = false

// readNow is not used here: reading waits with a buffer.
func (c *conn) readNow(uintptr) (bool, error) { return false, io.EOF }

// writeNow leaves all of it to be written by net.
func (c *conn) writeNow(p []byte) []byte { return p }

// peekGone does not know: that a client has gone is learnt by writing to it.
func peekGone(syscall.RawConn, bool) bool { return false }
