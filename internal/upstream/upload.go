package upstream

import (
	"errors"
	"io"
	"strconv"
	"sync"
	"time"
)

// upload sends a request body that is not small while the answer is awaited and
// passed on. Its goroutine ends with the body, with the connection, or once the
// body is detached and a Read in flight has returned.
type upload struct {
	wire    *wire
	body    *sentBody
	proxy   *Proxy
	timeout time.Duration
	// left is what is missing of a body of known length, -1 for a chunked one.
	left int64
	done chan struct{}

	mu sync.Mutex // guards what follows
	// reading tells that the user agent is waited for, or may be again.
	reading bool
	ended   time.Time
	err     error
	success bool
}

// lastWrite is how long an answer waits for the end of the write that it
// answers before the connection is given up.
const lastWrite = 50 * time.Millisecond

func (l *lean) startUpload() *upload {
	e := l.e
	u := &upload{
		wire: l.wire, proxy: e.t.proxy, timeout: e.writeTimeout, left: e.r.ContentLength,
		body: &sentBody{source: e.source, body: e.source.open()},
		done: make(chan struct{}), reading: true,
	}
	go u.run()
	return u
}

func (u *upload) run() {
	defer close(u.done)
	err := u.copy()
	// Those who wait for an answer need not: without its body there is none.
	// Where the upstream does not take it, the answer may be there already.
	giveUp := u.body.source.failure() != nil || errors.Is(err, errShortBody) ||
		errors.Is(err, errWriteTimeout) && !u.wire.unbounded.Load()
	u.mu.Lock()
	u.reading, u.err, u.ended, u.success = false, err, u.wire.clock(), err == nil
	u.mu.Unlock()
	if giveUp {
		u.wire.kill()
	}
}

// chunkRoom is the space for the size of a chunk before its data, and chunkTail
// that for its end, in bytes.
const (
	chunkRoom = 10
	chunkTail = 2
)

// errShortBody is for a body that ends before its length.
var errShortBody = errors.New("request body is shorter than its length")

func (u *upload) copy() error {
	lent := u.proxy.lend()
	defer u.proxy.buffers.Put(lent)
	buffer := *lent
	for {
		data := buffer[chunkRoom : len(buffer)-chunkTail]
		if u.left >= 0 {
			data = data[:min(int64(len(data)), u.left)]
		}
		n, err := u.body.Read(data)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		last := err != nil || u.left == int64(n)
		if last {
			u.mu.Lock()
			u.reading = false
			u.mu.Unlock()
		}
		if werr := u.send(buffer, n, err != nil); werr != nil {
			return werr
		}
		if u.left >= 0 {
			u.left -= int64(n)
		}
		if !last {
			continue
		}
		if u.left > 0 {
			return errShortBody
		}
		return nil
	}
}

// send writes the n bytes of data in buffer, in one write with what frames
// them.
func (u *upload) send(buffer []byte, n int, last bool) error {
	if u.left >= 0 {
		if n == 0 {
			return nil
		}
		return u.wire.write(buffer[chunkRoom:chunkRoom+n], u.timeout)
	}
	from, to := chunkRoom, chunkRoom
	if n > 0 {
		var hex [chunkRoom]byte
		size := append(strconv.AppendInt(hex[:0], int64(n), 16), "\r\n"...)
		from -= copy(buffer[chunkRoom-len(size):], size)
		to += n
		to += copy(buffer[to:], "\r\n")
	}
	if from < to {
		if err := u.wire.write(buffer[from:to], u.timeout); err != nil {
			return err
		}
	}
	if last {
		return u.wire.write([]byte("0\r\n\r\n"), u.timeout)
	}
	return nil
}

// paused tells the reader whether no answer is due yet, and else since when.
func (u *upload) paused() (since time.Time, yes bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ended, u.ended.IsZero()
}

// failure is what ended the upload, nil while it runs.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// settle waits a little for what a body that ends with its context ends with.
func (u *upload) settle() {
	timer := time.NewTimer(lastWrite)
	defer timer.Stop()
	select {
	case <-u.done:
	case <-timer.C:
	}
}

// finish ends the upload for the exchange: nothing of the request is touched
// afterwards. It reports whether the whole body was sent, so that the
// connection may be kept; an early answer leaves the rest unsent.
func (u *upload) finish(clean bool) bool {
	u.mu.Lock()
	reading := u.reading
	u.mu.Unlock()
	if clean && !reading {
		timer := time.NewTimer(lastWrite)
		defer timer.Stop()
		select {
		case <-u.done:
			u.body.detach()
			u.mu.Lock()
			defer u.mu.Unlock()
			return u.success
		case <-timer.C:
		}
	}
	u.body.detach()
	return false
}
