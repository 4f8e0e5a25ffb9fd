//go:build integration

package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// leave breaks off at a moment chosen by chance and then goes on with the same
// session, which must have taken no harm.
func leave(w *worker) (step, error) {
	a, err := w.anySite()
	if err != nil {
		return nil, err
	}
	ways := []func(*agent) error{(*agent).leaveHead, (*agent).leaveBody, (*agent).leaveAnswer, (*agent).cancel}
	return func() error {
		if err := pick(w, ways...)(a); err != nil {
			return err
		}
		if _, err := a.ask(http.MethodGet, "/anything/still-here", nil); err != nil {
			return fmt.Errorf("after breaking off: %w", err)
		}
		w.ledger.done(kindLeave)
		return nil
	}, nil
}

// hangUp ends a connection, one time in two by a reset.
func (a *agent) hangUp(c *wire) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && a.w.chance.IntN(2) == 0 {
		_ = tcp.SetLinger(0) // then it is an end
	}
	_ = c.Close() // that is the point
}

// leaveHead breaks off within a request head.
func (a *agent) leaveHead() error {
	c, err := a.dial()
	if err != nil {
		return err
	}
	defer a.hangUp(c)
	head, _ := a.head(http.MethodGet, "/leave/wait", "")
	_, err = io.WriteString(c, head[:a.w.between(0, len(head)-1)])
	return err
}

// leaveBody breaks off within a request body.
func (a *agent) leaveBody() error {
	c, err := a.dial()
	if err != nil {
		return err
	}
	defer a.hangUp(c)
	size := a.w.between(1, 200_000)
	length := fmt.Sprintf("Content-Length: %d\r\n", size)
	if a.w.chance.IntN(2) == 0 {
		length = "Transfer-Encoding: chunked\r\n"
	}
	head, _ := a.head(http.MethodPost, "/leave/upload", length)
	body := make([]byte, a.w.between(0, size-1))
	if length[0] == 'T' {
		body = fmt.Appendf(nil, "%x\r\n%s", size, body)
	}
	if _, err = c.Write(append([]byte(head), body...)); err == nil {
		a.w.wait(time.Duration(a.w.between(0, 50)) * time.Millisecond)
	}
	return err
}

// leaveAnswer breaks off while it waits for an answer or reads it.
func (a *agent) leaveAnswer() error {
	c, err := a.dial()
	if err != nil {
		return err
	}
	defer a.hangUp(c)
	path := pick(a.w, "/leave/wait", "/leave/stream")
	head, _ := a.head(http.MethodGet, path, "")
	if _, err := io.WriteString(c, head); err != nil {
		return err
	}
	if path == "/leave/stream" {
		res, err := http.ReadResponse(c.r, nil) //nolint:bodyclose // the connection is closed instead
		if err != nil {
			return err
		}
		a.keep(res)
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %d", path, res.StatusCode)
		}
		_, err = io.CopyN(io.Discard, res.Body, int64(a.w.between(0, 100_000)))
		return err
	}
	a.w.wait(time.Duration(a.w.between(0, 400)) * time.Millisecond)
	return nil
}

// cancel gives up a request; over HTTP/2 its connection lives on.
func (a *agent) cancel() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(a.w.between(1, 400))*time.Millisecond)
	defer cancel()
	r, _ := a.request(http.MethodGet, pick(a.w, "/leave/wait", "/leave/stream"), nil)
	res, err := a.direct.Do(r.WithContext(ctx))
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close() // of no interest
		if err == nil {
			return fmt.Errorf("%s came to an end: %d", r.URL.Path, res.StatusCode)
		}
	}
	if ctx.Err() == nil {
		return fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	return nil
}

// breaks lets the upstream break off: before its answer that is a 502, within
// it the answer must not look complete.
func breaks(w *worker) (step, error) {
	a, err := w.anySite()
	if err != nil {
		return nil, err
	}
	return func() error {
		how := pick(w, "head", "length", "chunks")
		r, _ := a.request(pick(w, http.MethodGet, http.MethodPost), "/break/"+how, nil)
		res, err := a.direct.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		n, err := io.Copy(io.Discard, res.Body)
		if how == "head" {
			if res.StatusCode != http.StatusBadGateway || err != nil {
				return fmt.Errorf("no answer of the upstream: %d (%w), want 502", res.StatusCode, err)
			}
			w.ledger.done(kindBreakHead)
			return nil
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the start of an answer: %d, want 200", res.StatusCode)
		}
		if err == nil {
			return fmt.Errorf("half an answer looks complete after %d bytes (%s)", n, how)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the end of the upstream's answer is not passed on: %w", err)
		}
		w.ledger.done(kindBreakBody)
		return nil
	}, nil
}
