package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// tunnel connects the user agent with the upstream after a switch of protocols
// and returns when it is over: both sides have ended, one failed, nothing went
// either way for the read timeout, or the exchange was ended from outside.
func (e *exchange) tunnel(a *attempt, res *http.Response) {
	upstream, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		e.cut(context.Cause(a.ctx), errors.New("upstream: connection cannot be written to"))
	}
	client, buffered, err := http.NewResponseController(e.w).Hijack()
	if err != nil {
		e.cut(context.Cause(a.ctx), err)
	}
	defer func() { _ = client.Close() }() // the tunnel is over whatever it says
	stopped := context.AfterFunc(a.ctx, func() {
		_ = client.Close()
		_ = upstream.Close()
	})
	defer stopped()
	idle := time.AfterFunc(e.readTimeout, func() { a.cancel(errReadTimeout) })
	defer idle.Stop()
	active := func() { idle.Reset(e.readTimeout) }

	end := func(dst any, err error) {
		if half, ok := dst.(interface{ CloseWrite() error }); err == nil && ok && half.CloseWrite() == nil {
			return // the other direction goes on
		}
		_ = client.Close()
		_ = upstream.Close()
	}
	// What was read already comes from the buffer, the rest from the connection
	// itself: the server's reader would cancel the context at the end of input,
	// and with it the other direction.
	ahead, _ := buffered.Peek(buffered.Reader.Buffered()) // no more than is there
	received := io.MultiReader(bytes.NewReader(ahead), client)
	// The goroutine ends with the connections, and is waited for.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		end(upstream, e.t.proxy.relay(upstream, received, active))
	}()
	end(client, e.t.proxy.relay(client, upstream, active))
	<-sent
}

// relay copies until src ends; active is called for each piece.
func (p *Proxy) relay(dst io.Writer, src io.Reader, active func()) error {
	buffer, giveBack := p.buffer()
	defer giveBack()
	for {
		n, err := src.Read(buffer)
		if n > 0 {
			active()
			if _, err := dst.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
