//go:build integration

package soak

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/echo"
)

// What a request tells the upstream of itself: whose it is, and a text that no
// other request has.
const (
	headerExpect = "X-Expect-User"
	headerMark   = "X-Mark"
)

// What the gateway tells the upstream.
const (
	headerUser  = "X-User"
	headerExtra = "X-Extra"
)

// upstream tells what it was asked, and by whom.
//
//	/anything/…     what arrived, as a mirror
//	/download/N     N bytes that follow from ?seed
//	/events/N       N events, ?gap apart
//	/ws             a WebSocket that sends back what it gets
//	/leave/wait     no answer until the asker is gone
//	/leave/stream   bytes until the asker is gone
//	/leave/upload   reads a body that does not come to its end
//	/break/head     no answer: the connection ends
//	/break/length   half of the announced bytes
//	/break/chunks   a chunked body without an end
type upstream struct {
	ledger  *ledger
	sockets echo.Handler
	waiting atomic.Int64 // requests below /leave
	address string
}

// mirror is the answer of /anything.
type mirror struct {
	Mark, Method, Path, User, Extra, Sum string
	Size                                 int64
	Token                                claims
}

func startUpstream(t *testing.T, l *ledger) *upstream {
	t.Helper()
	u := &upstream{ledger: l}
	server := httptest.NewServer(u)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	u.address = server.Listener.Addr().String()
	return u
}

// patience is how long anything may take that is not slow on purpose.
const patience = time.Minute

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.ledger.done(kindUpstream)
	if problem := foreign(r); problem != "" {
		u.ledger.fail(kindUpstream, "%s for %s: %s", r.URL.Path, r.Header.Get(headerMark), problem)
	}
	w.Header().Set(headerMark, r.Header.Get(headerMark))
	name, argument, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch name {
	case "anything":
		u.mirror(w, r)
	case "download":
		u.download(w, r, argument)
	case "events":
		u.events(w, r, argument)
	case "ws":
		u.sockets.ServeHTTP(w, r)
	case "leave":
		u.leave(w, r, argument)
	case "break":
		u.breakOff(w, argument)
	default:
		http.NotFound(w, r)
	}
}

// foreign tells what a request carries that is not its sender's: another user's
// name or token, one where none belongs, or a cookie of the gateway.
func foreign(r *http.Request) string {
	expected, user := r.Header.Get(headerExpect), r.Header.Get(headerUser)
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c, ok := claimsOf(token)
	switch {
	case user != expected:
		return fmt.Sprintf("the user is %q, want %q", user, expected)
	case bearer != (expected != ""):
		return fmt.Sprintf("an access token: %t", bearer)
	case bearer && !ok:
		return "the access token is none"
	case c.Subject != expected:
		return fmt.Sprintf("the access token is %q's, want %q", c.Subject, expected)
	case bearer && time.Since(time.Unix(c.Expires, 0)) > patience:
		return "the access token expired long ago"
	case r.Header.Get("Cookie") != "":
		return "it carries cookies"
	}
	return ""
}

func (u *upstream) mirror(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		u.ledger.fail(kindUpload, "at the upstream after %d bytes: %v", n, err)
		panic(http.ErrAbortHandler)
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	c, _ := claimsOf(token) // foreign has judged it
	body, err := json.Marshal(mirror{
		Mark: r.Header.Get(headerMark), Method: r.Method, Path: r.URL.Path, User: r.Header.Get(headerUser),
		Extra: r.Header.Get(headerExtra), Size: n, Sum: hex.EncodeToString(sum.Sum(nil)), Token: c,
	})
	if err != nil {
		panic(err)
	}
	if r.URL.Query().Has("close") {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the asker may be gone
}

// noise is an endless stream of bytes that follow from a seed.
func noise(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

func (u *upstream) download(w http.ResponseWriter, r *http.Request, argument string) {
	n, err := strconv.ParseInt(argument, 10, 64)
	seed, seedErr := strconv.ParseUint(r.URL.Query().Get("seed"), 10, 64)
	if err != nil || seedErr != nil {
		http.Error(w, "size and seed must be numbers", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if !r.URL.Query().Has("chunked") {
		w.Header().Set("Content-Length", argument)
	} else {
		_ = http.NewResponseController(w).Flush() // so that no length is found
	}
	if _, err := io.CopyN(w, noise(seed), n); err != nil {
		u.ledger.fail(kindDownload, "at the upstream: %v", err)
	}
}

func (u *upstream) events(w http.ResponseWriter, r *http.Request, argument string) {
	n, err := strconv.Atoi(argument)
	gap, gapErr := time.ParseDuration(r.URL.Query().Get("gap"))
	if err != nil || gapErr != nil {
		http.Error(w, "number and gap are needed", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for i := range n {
		if _, err := fmt.Fprintf(w, "data: %s %d\n\n", r.Header.Get(headerMark), i); err != nil || flush.Flush() != nil {
			return // the asker may leave early
		}
		select {
		case <-time.After(gap):
		case <-r.Context().Done():
			return
		}
	}
}

// leave serves whoever is going to go away, and demands that it be noticed.
func (u *upstream) leave(w http.ResponseWriter, r *http.Request, how string) {
	u.waiting.Add(1)
	defer u.waiting.Add(-1)
	end := time.After(patience)
	if how == "upload" {
		if n, err := io.Copy(io.Discard, r.Body); err == nil {
			u.ledger.fail(kindLeave, "%s: an upload that broke off looks complete after %d bytes", r.Header.Get(headerMark), n)
		}
		return
	}
	chunk := make([]byte, 16<<10)
	for {
		pause := 20 * time.Millisecond
		if how == "wait" {
			pause = patience
		} else if _, err := w.Write(chunk); err != nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		case <-end:
			u.ledger.fail(kindLeave, "%s: the upstream was not told that the user agent left (%s)", r.Header.Get(headerMark), how)
			return
		}
	}
}

// breakOff ends the connection where the asker expects more.
func (u *upstream) breakOff(w http.ResponseWriter, how string) {
	control := http.NewResponseController(w)
	switch how {
	case "head":
		conn, _, err := control.Hijack()
		if err != nil {
			u.ledger.fail(kindBreakHead, "hijack: %v", err)
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok && rand.IntN(2) == 0 {
			_ = tcp.SetLinger(0) // a reset instead of an end
		}
		_ = conn.Close() // that is the point
		return
	case "length":
		w.Header().Set("Content-Length", "200000")
	}
	_, _ = w.Write(make([]byte, 100_000)) // the end of it is the point
	_ = control.Flush()
	panic(http.ErrAbortHandler)
}
