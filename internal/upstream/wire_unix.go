//go:build unix

package upstream

import (
	"errors"
	"io"
	"syscall"
)

// rawReads tells that readNow works here; without it every exchange is
// http.Transport's.
const rawReads = true

// readNow reads what has come and never waits: again reports that nothing has.
// The end of input is io.EOF.
func readNow(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		}
		return n, false, nil
	}
}

// writeNow writes what can be written without waiting, and gives the rest. What
// is wrong shows when that is written.
func writeNow(fd uintptr, p []byte) []byte {
	for len(p) > 0 {
		n, err := syscall.Write(int(fd), p)
		if n > 0 {
			p = p[n:]
		}
		if err != nil && !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	return p
}
