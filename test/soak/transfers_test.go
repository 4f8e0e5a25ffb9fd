//go:build integration

package soak

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"
)

// anySite logs in where a lost answer does no harm; with cookie storage it
// could carry the only copy of a new refresh token.
func (w *worker) anySite() (*agent, error) {
	return w.loggedIn(pick(w, w.memory, w.redis, w.secure), w.chance.IntN(2) == 0)
}

// size is a number of bytes: mostly small, at times up to 2 MiB.
func (w *worker) size() int64 {
	if w.chance.IntN(8) == 0 {
		return int64(w.between(0, 2<<20))
	}
	return int64(w.between(0, 100_000))
}

// upload sends bodies with a length, in chunks, and after a 100.
func upload(w *worker) (step, error) {
	a, err := w.anySite()
	return func() error {
		size, seed := w.size(), w.chance.Uint64()
		sum := sha256.New()
		r, mark := a.request(http.MethodPut, "/anything/upload", io.TeeReader(io.LimitReader(noise(seed), size), sum))
		r.ContentLength = size
		if size == 0 {
			r.Body = http.NoBody
		}
		if w.chance.IntN(2) == 0 {
			r.ContentLength = -1
		}
		if w.chance.IntN(8) == 0 && size > 0 {
			r.Header.Set("Expect", "100-continue")
		}
		res, err := a.send(r) //nolint:bodyclose // read does
		if err != nil {
			return err
		}
		m, err := a.read(res, mark)
		if err != nil {
			return err
		}
		if want := hex.EncodeToString(sum.Sum(nil)); m.Size != size || m.Sum != want {
			return fmt.Errorf("%d bytes with sum %s arrived, want %d with %s", m.Size, m.Sum, size, want)
		}
		w.ledger.done(kindUpload)
		return nil
	}, err
}

// fetch asks for bytes and compares each; pace is called before each read.
func (a *agent) fetch(size int64, pace func()) error {
	w, seed := a.w, a.w.chance.Uint64()
	path := fmt.Sprintf("/download/%d?seed=%d", size, seed)
	if w.chance.IntN(2) == 0 {
		path += "&chunked"
	}
	r, _ := a.request(http.MethodGet, path, nil)
	res, err := a.send(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	got, want := make([]byte, 16<<10), make([]byte, 16<<10)
	original := noise(seed)
	for done := int64(0); ; {
		pace()
		n, err := res.Body.Read(got)
		_, _ = io.ReadFull(original, want[:n]) // it has no end
		if !bytes.Equal(got[:n], want[:n]) {
			return fmt.Errorf("other bytes than the upstream's after %d of %d", done, size)
		}
		done += int64(n)
		if err == io.EOF {
			if done != size {
				return fmt.Errorf("%d bytes arrived, want %d", done, size)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d bytes of %d: %w", done, size, err)
		}
	}
}

func download(w *worker) (step, error) {
	a, err := w.anySite()
	return func() error {
		if err := a.fetch(w.size(), func() {}); err != nil {
			return err
		}
		w.ledger.done(kindDownload)
		return nil
	}, err
}

// slow reads more than all buffers on the way hold, with pauses.
func slow(w *worker) (step, error) {
	a, err := w.anySite()
	return func() error {
		reads := 0
		err := a.fetch(8<<20, func() {
			if reads++; reads%64 == 0 {
				w.wait(time.Duration(w.between(20, 200)) * time.Millisecond)
			}
		})
		if err != nil {
			return err
		}
		w.ledger.done(kindSlow)
		return nil
	}, err
}

// events reads an event stream; every third is left in the middle.
func events(w *worker) (step, error) {
	a, err := w.anySite()
	return func() error {
		n := w.between(5, 20)
		until := n
		if w.chance.IntN(3) == 0 {
			until = w.between(1, n)
		}
		r, mark := a.request(http.MethodGet, fmt.Sprintf("/events/%d?gap=%dms", n, w.between(10, 100)), nil)
		res, err := a.send(r)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewReader(res.Body)
		for i := range until {
			want := fmt.Sprintf("data: %s %d\n", mark, i)
			line, err := lines.ReadString('\n')
			if err != nil || line != want {
				return fmt.Errorf("event %d of %d: %q (%w), want %q", i, n, line, err, want)
			}
			if _, err := lines.Discard(1); err != nil {
				return fmt.Errorf("event %d of %d has no end: %w", i, n, err)
			}
		}
		if until == n {
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				return fmt.Errorf("after the last event: %q, %w", rest, err)
			}
		}
		w.ledger.done(kindEvents)
		return nil
	}, err
}
