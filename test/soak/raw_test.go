//go:build integration

package soak

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// wire is a connection to the gateway that the worker writes on byte by byte.
type wire struct {
	net.Conn
	r *bufio.Reader
}

// dial connects to the agent's site.
func (a *agent) dial() (*wire, error) {
	c, err := net.DialTimeout("tcp", a.site.address(), patience)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if a.site.scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: a.site.host, RootCAs: a.w.transports.roots, MinVersion: tls.VersionTLS12})
	}
	return &wire{Conn: c, r: bufio.NewReader(c)}, nil
}

// head is a request head with the agent's cookies; more are lines with their
// ends.
func (a *agent) head(method, path, more string) (text, mark string) {
	mark = a.w.mark()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: soak\r\n%s: %s\r\n", method, path,
		net.JoinHostPort(a.site.host, a.site.port), headerMark, mark)
	if a.user != "" {
		fmt.Fprintf(&b, "%s: %s\r\n", headerExpect, a.user)
	}
	if cookies := a.cookies(); cookies != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", cookies)
	}
	return b.String() + more + "\r\n", mark
}

// pipeline sends five requests in one piece, or cut at a place chosen by
// chance: the answers must come in their order.
func pipeline(w *worker) (step, error) {
	a, err := w.loggedIn(pick(w, w.memory, w.redis), false)
	if err != nil {
		return nil, err
	}
	return func() error {
		c, err := a.dial()
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		var all []byte
		var marks []string
		for i := range 5 {
			body := strings.Repeat("p", i*w.between(0, 3000))
			head, mark := a.head(http.MethodPost, "/anything/pipeline", fmt.Sprintf("Content-Length: %d\r\n", len(body)))
			all, marks = append(all, head+body...), append(marks, mark)
		}
		cut := w.between(0, len(all))
		if _, err := c.Write(all[:cut]); err != nil {
			return err
		}
		w.wait(time.Duration(w.between(0, 20)) * time.Millisecond)
		if _, err := c.Write(all[cut:]); err != nil {
			return err
		}
		for i, mark := range marks {
			res, err := http.ReadResponse(c.r, nil) //nolint:bodyclose // read does
			if err != nil {
				return fmt.Errorf("answer %d: %w", i, err)
			}
			a.keep(res)
			if _, err := a.read(res, mark); err != nil {
				return fmt.Errorf("answer %d (status %d): %w", i, res.StatusCode, err)
			}
		}
		w.ledger.done(kindPipeline)
		return nil
	}, nil
}

// WebSocket opcodes (RFC 6455 section 5.2).
const (
	opBinary = 0x2
	opClose  = 0x8
)

// webSocket opens one, exchanges frames and closes it, or leaves without.
func webSocket(w *worker) (step, error) {
	a, err := w.anySite()
	if err != nil {
		return nil, err
	}
	return func() error {
		c, err := a.dial()
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		head, _ := a.head(http.MethodGet, "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
		if _, err := io.WriteString(c, head); err != nil {
			return err
		}
		res, err := http.ReadResponse(c.r, nil) //nolint:bodyclose // a 101 has none
		if err != nil {
			return err
		}
		// The key and its answer are the example of RFC 6455 section 1.3.
		if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			return fmt.Errorf("handshake at %s: %d %v", a.site.name, res.StatusCode, res.Header)
		}
		a.keep(res)
		for range w.between(1, 20) {
			payload := make([]byte, w.between(0, 20_000))
			_, _ = io.ReadFull(noise(w.chance.Uint64()), payload) // it has no end
			if err := c.exchange(opBinary, payload); err != nil {
				return err
			}
			w.ledger.done(kindFrame)
			w.wait(time.Duration(w.between(0, 100)) * time.Millisecond)
		}
		if w.chance.IntN(3) > 0 {
			if err := c.exchange(opClose, []byte{3, 232}); err != nil { // 1000: normal
				return err
			}
			if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("after the closing handshake: %w", err)
			}
		}
		w.ledger.done(kindWebSocket)
		return nil
	}, nil
}

// exchange sends a masked frame and demands it back unmasked.
func (c *wire) exchange(opcode byte, payload []byte) error {
	mask := [4]byte{1, 2, 3, 4}
	sent := append(frameHead(opcode, len(payload), 0x80), mask[:]...)
	for i, b := range payload {
		sent = append(sent, b^mask[i%4])
	}
	if _, err := c.Write(sent); err != nil {
		return err
	}
	want := append(frameHead(opcode, len(payload), 0), payload...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.r, got); err != nil {
		return fmt.Errorf("a frame of %d bytes does not come back: %w", len(payload), err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("a frame of %d bytes came back as another", len(payload))
	}
	return nil
}

func frameHead(opcode byte, length int, masked byte) []byte {
	if length < 126 {
		return []byte{0x80 | opcode, masked | byte(length)}
	}
	return binary.BigEndian.AppendUint16([]byte{0x80 | opcode, masked | 126}, uint16(length))
}
