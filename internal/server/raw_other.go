//go:build !unix

package server

import "syscall"

// pollReads tells whether readable can be used.
const pollReads = false

// readable is not used here: reading waits with a buffer.
func (c *conn) readable(uintptr) bool { return true }

// peekGone does not know: that a client has gone is learnt by writing to it.
func peekGone(syscall.RawConn, bool) bool { return false }
