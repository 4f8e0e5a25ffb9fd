package server

import "errors"

// turns are how a plain connection is served: all requests that have come are
// answered within one call of RawConn.Read's function, which the poller calls
// again when there is more. The poller is reset when RawConn.Read begins, and
// not between two requests; so nothing that comes meanwhile goes unnoticed, and
// no read is tried that cannot find anything.
//
// While it is in that function nobody else can read from the connection, and
// Close waits for it to return. Requests that need more than their head are
// therefore served between two calls.
type turns struct {
	// step is turn, made once.
	step func(fd uintptr) bool
	// inTurn tells that fd can be used.
	inTurn bool
	fd     int
	// drained tells that the last read found all that there was.
	drained bool
	// pending is an exchange for which the turn was left, ended that there is
	// nothing more to serve.
	pending *exchange
	ended   bool
}

// serveTurns serves the connection to its end.
func (c *conn) serveTurns() (handedOver bool) {
	c.step = c.turn
	for {
		c.drained = false
		if err := c.raw.Read(c.step); err != nil || c.ended {
			return false
		}
		x := c.pending
		c.pending = nil
		keep, hijacked := c.exchange(x)
		if !keep {
			return hijacked
		}
	}
}

// turn serves what has come. It is false when more has to come.
func (c *conn) turn(fd uintptr) bool {
	c.fd = int(fd)
	for {
		n, err := c.nextHead()
		refused, bad := errors.AsType[*headError](err)
		switch {
		case err != nil && !bad:
			c.ended = true
			return true
		case n > 0 || bad:
			if c.exchangeInTurn(c.parse(n, refused)) {
				continue
			}
			return true
		}
		// The end of the connection may have come together with the last bytes:
		// then no other event tells of it. Between two requests sweep does, but not
		// after an empty line, with which the next one has begun.
		if c.drained && c.in.start == c.in.end && !c.skipped {
			c.drained = false
			return false
		}
		again, err := c.readNow(fd)
		if err != nil {
			c.ended = true
			return true
		}
		if again {
			c.in.release()
			return false
		}
	}
}

// exchangeInTurn serves a request and reports whether the turn goes on.
func (c *conn) exchangeInTurn(x *exchange) bool {
	if x.refused != nil || x.w.body != nil || x.header["Upgrade"] != nil {
		c.pending = x
		return false
	}
	c.inTurn = true
	keep, _ := c.exchange(x)
	c.inTurn = false
	c.ended = !keep
	return keep
}
