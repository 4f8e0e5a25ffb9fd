package upstream

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestRecordsAreFollowedWhereverTheReadsAreCut(t *testing.T) {
	t.Parallel()
	wire := []byte{23, 3, 3, 0, 3, 'a', 'b', 'c', 22, 3, 3, 0, 0, 23, 3, 3, 1, 0}
	wire = append(wire, make([]byte, 256)...)
	ends := map[int]bool{0: true, 8: true, 13: true, len(wire): true}
	for at := range len(wire) + 1 {
		var r records
		r.pass(wire[:at])
		if r.whole() != ends[at] {
			t.Errorf("after %d bytes: whole %v", at, r.whole())
		}
		for _, b := range wire[at:] {
			r.pass([]byte{b})
		}
		if !r.whole() {
			t.Errorf("cut at %d: not whole at the end", at)
		}
	}
}

// heldConn lets what is written to it go when it is told to.
type heldConn struct {
	net.Conn
	hold bool
	held []byte
}

func (c *heldConn) Write(p []byte) (int, error) {
	if !c.hold {
		return c.Conn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

// release sends all but the last left bytes.
func (c *heldConn) release(left int) {
	n := len(c.held) - left
	_, _ = c.Conn.Write(c.held[:n])
	c.held = c.held[n:]
}

// An upstream that sends the beginning of a second record together with its
// answer, and the rest once it was asked again, would choose the answer to
// another request.
func TestTheBeginningOfARecordAnswersNothing(t *testing.T) {
	t.Parallel()
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS() // for its certificate
	t.Cleanup(pair.Close)
	config := &tls.Config{Certificates: pair.TLS.Certificates, MinVersion: tls.VersionTLS12}
	const good, evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for name, tc := range map[string]struct {
		unsolicited string
		left        int
		connections int64
	}{
		"all but the last byte":   {evil, 1, 2},
		"the first byte":          {evil, -1, 2},
		"the whole record":        {evil, 0, 2},
		"control: nothing of one": {"", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int64
			addr := listen(t, func(c net.Conn, _ *bufio.Reader) {
				n := connections.Add(1)
				held := &heldConn{Conn: c}
				secured := tls.Server(held, config)
				r := bufio.NewReader(secured)
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					held.release(0)
					held.hold = n == 1
					_, _ = io.WriteString(secured, good)
					answer := len(held.held)
					if n == 1 && tc.unsolicited != "" {
						_, _ = io.WriteString(secured, tc.unsolicited)
					}
					left := tc.left
					if left < 0 {
						left = len(held.held) - answer - 1
					}
					if n == 1 {
						held.release(left)
					}
				}
			})
			b := start(t, "https://"+addr, nil)
			for range 3 {
				if got := text(t, b.do(t, http.MethodPost, "/", nil).Body); got != "good" {
					t.Errorf("got %q", got)
				}
			}
			if got := connections.Load(); got != tc.connections {
				t.Errorf("%d connections, want %d", got, tc.connections)
			}
		})
	}
}
