package upstream

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/message"
)

// checkHead refuses a head that is no answer to what was asked.
func (e *exchange) checkHead(res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols && !e.upgrade:
		return nonsense("protocol switched without being asked")
	case res.StatusCode == http.StatusSwitchingProtocols && !strings.EqualFold(res.Header.Get("Upgrade"), "websocket"):
		return nonsense("switched to another protocol than asked")
	case res.StatusCode == http.StatusSwitchingProtocols:
		return nil
	case res.StatusCode < 200:
		return nonsense("status %d", res.StatusCode)
	}
	return nil
}

// cleanResponse takes out of a response head what is not for the user agent.
func (e *exchange) cleanResponse(h http.Header) {
	for _, name := range connectionTokens(h) {
		delete(h, name)
	}
	for name := range h {
		if hopByHop(name) {
			delete(h, name)
		}
	}
	e.dropSetCookies(h)
}

// inform passes a 1xx response on, but 100: the server sends its own as soon as
// the upstream takes the body. Nothing of the final head is in it.
func (e *exchange) inform(status int, passed http.Header) bool {
	if status == http.StatusContinue || !e.r.ProtoAtLeast(1, 1) {
		return false
	}
	e.cleanResponse(passed)
	h := e.w.Header()
	final := maps.Clone(h)
	clear(h)
	maps.Copy(h, passed)
	e.w.WriteHeader(status)
	clear(h)
	maps.Copy(h, final)
	return true
}

// respond passes an answer on. It returns when the body is through, and cuts
// the connection when that fails.
func (e *exchange) respond(a *attempt, res *http.Response) {
	defer a.end()
	defer func() { _ = res.Body.Close() }() // all of it was read, or it is given up
	switching := res.StatusCode == http.StatusSwitchingProtocols
	e.writeHead(res, switching)
	if switching {
		e.tunnel(a, res)
		return
	}
	if e.r.Method == http.MethodHead || res.Body == http.NoBody {
		return
	}
	if err := e.copyBody(a, res); err != nil {
		e.cut(context.Cause(a.ctx), a.blame(err))
	}
	e.writeTrailer(res)
}

func (e *exchange) writeHead(res *http.Response, switching bool) {
	e.cleanResponse(res.Header)
	h := e.w.Header()
	maps.Copy(h, res.Header)
	via := viaOne
	if before := res.Header["Via"]; len(before) > 0 {
		via = strings.Join(before, ", ") + ", " + viaOne
	}
	h["Via"] = []string{via}
	switch {
	case switching:
		h["Connection"], h["Upgrade"] = upgradeToken, webSocket
	case res.Header["Content-Type"] == nil:
		h["Content-Type"] = nil // or the server would guess one
	}
	if len(res.Trailer) > 0 && wantsTrailers(e.r.Header) {
		for name := range res.Trailer {
			if plainTrailer(name) {
				h["Trailer"] = append(h["Trailer"], name)
			}
		}
	}
	e.w.WriteHeader(res.StatusCode)
}

var upgradeToken = []string{"Upgrade"}

// writeTrailer sends the trailers that were announced and, from HTTP/2 to
// HTTP/2, those that were not: gRPC tells its status in them.
func (e *exchange) writeTrailer(res *http.Response) {
	h := e.w.Header()
	announced := h["Trailer"]
	for _, name := range announced {
		addTrailer(h, name, res.Trailer[name])
	}
	if res.ProtoMajor != 2 || e.r.ProtoMajor != 2 || !wantsTrailers(e.r.Header) {
		return
	}
	for name, values := range res.Trailer {
		if plainTrailer(name) && !slices.Contains(announced, name) {
			addTrailer(h, http.TrailerPrefix+name, values)
		}
	}
}

func addTrailer(h http.Header, name string, values []string) {
	for _, value := range values {
		if message.ValidValue(value) {
			h.Add(name, value)
		}
	}
}

// bufferSize is how much of a body is moved at once, in bytes.
const bufferSize = 32 << 10

// lend gives a buffer that goes back to buffers; whoever writes from it keeps
// nothing.
func (p *Proxy) lend() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		return b
	}
	return new(make([]byte, bufferSize))
}

// buffer lends a buffer for copying.
func (p *Proxy) buffer() (buffer []byte, giveBack func()) {
	b := p.lend()
	return *b, func() { p.buffers.Put(b) }
}

// copyBody passes the body on, at once where somebody may be waiting for it.
func (e *exchange) copyBody(a *attempt, res *http.Response) error {
	flusher := http.NewResponseController(e.w)
	stream := e.streams(res.ContentLength, res.Header.Get("Content-Type"))
	if stream {
		if err := flush(flusher); err != nil {
			return err
		}
	}
	buffer, giveBack := e.t.proxy.buffer()
	defer giveBack()
	for {
		a.waitForBody()
		n, err := res.Body.Read(buffer)
		a.gotBody()
		if n > 0 {
			if _, err := e.w.Write(buffer[:n]); err != nil {
				return &clientError{err}
			}
			if stream {
				if err := flush(flusher); err != nil {
					return err
				}
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

// streams reports whether each piece of a body goes out when it comes: its
// length is unknown, it is a stream of events, or the route says so.
func (e *exchange) streams(length int64, contentType string) bool {
	if length < 0 || !e.Route.ResponseBuffering {
		return true
	}
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/event-stream")
}

func flush(c *http.ResponseController) error {
	if err := c.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return &clientError{err}
	}
	return nil
}
