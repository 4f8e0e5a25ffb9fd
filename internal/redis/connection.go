package redis

import (
	"math/bits"
	"net"
	"runtime"
)

// connections says, as a power of two, how many connections carry the commands
// of this many processors: the fewer, the more commands share a system call, here
// and in Redis. In rueidis -1 is one.
func connections(processors int) int {
	if processors < 8 {
		return -1
	}
	return min(bits.Len(uint(processors/8)), 2)
}

// yielding lets other goroutines run before it writes. The goroutine that
// writes for all callers is woken by the first of them, ahead of the requests
// that are ready to ask as well; without this each command is a system call of
// its own. rueidis has MaxFlushDelay for it, a sleep, which costs more than it
// saves as soon as a processor idles.
type yielding struct{ net.Conn }

// Write implements net.Conn.
func (y yielding) Write(b []byte) (int, error) {
	runtime.Gosched()
	return y.Conn.Write(b)
}
