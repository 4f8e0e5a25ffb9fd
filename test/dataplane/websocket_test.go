//go:build integration

package dataplane

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
)

// The opcodes that are used (RFC 6455 §5.2).
const (
	binaryFrame = 2
	closeFrame  = 8
)

// writeFrame sends a frame; a client's is masked.
func writeFrame(w io.Writer, opcode byte, payload []byte, masked bool) error {
	head := binary.BigEndian.AppendUint64([]byte{0x80 | opcode, 127}, uint64(len(payload)))
	if !masked {
		_, err := w.Write(append(head, payload...))
		return err
	}
	head[1] |= 0x80
	mask := [4]byte{1, 2, 3, 4}
	head = append(head, mask[:]...)
	for i, b := range payload {
		head = append(head, b^mask[i%4])
	}
	_, err := w.Write(head)
	return err
}

// readFrame reads a frame of which writeFrame wrote the head.
func readFrame(r io.Reader) (opcode byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, binary.BigEndian.Uint64(head[2:]))
	_, err = io.ReadFull(r, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0] & 0xf, payload, err
}

// acceptKey is RFC 6455 §4.2.2.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// echoing sends every frame back; a frame "close" makes it end, and "drop" close
// the connection without a word.
func echoing(t *testing.T) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			_, _ = io.WriteString(w, "no WebSocket")
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			acceptKey(r.Header.Get("Sec-WebSocket-Key")))
		_ = writeFrame(c, binaryFrame, []byte("first "+r.Header.Get("X-Userinfo")), false)
		for {
			opcode, payload, err := readFrame(rw)
			if err != nil || string(payload) == "drop" {
				return
			}
			if string(payload) == "close" {
				opcode = closeFrame
			}
			if writeFrame(c, opcode, payload, false) != nil || opcode == closeFrame {
				return
			}
		}
	}))
}

// socket is the client's end of a WebSocket through the gateway.
type socket struct {
	net.Conn
	r *bufio.Reader
}

// openSocket switches to WebSocket; early is sent together with the request.
func (g *gateway) openSocket(t *testing.T, addr string, header http.Header, early []byte) *socket {
	t.Helper()
	s := &socket{Conn: g.dial(t, addr)}
	s.r = bufio.NewReader(s.Conn)
	var b bytes.Buffer
	_, _ = fmt.Fprint(&b, "GET /ws HTTP/1.1\r\nHost: ", addr, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	_ = header.Write(&b)
	b.WriteString("\r\n")
	b.Write(early)
	if _, err := s.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(s.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // there is none
	if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || res.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	return s
}

func (s *socket) expect(t *testing.T, opcode byte, payload []byte) {
	t.Helper()
	got, text, err := readFrame(s.r)
	if err != nil || got != opcode || !bytes.Equal(text, payload) {
		t.Fatalf("got opcode %d, %d bytes, %v; want %d, %d bytes", got, len(text), err, opcode, len(payload))
	}
}

func TestWebSockets(t *testing.T) {
	t.Parallel()
	g := startGateway(t, watched(t), uncollected, yaml(service{path: "/", url: echoing(t)}))
	for name, addr := range map[string]string{"plain": g.proxy, "TLS": g.secured} {
		t.Run(name, func(t *testing.T) {
			t.Run("frames of all sizes, and the client ends", func(t *testing.T) {
				s := g.openSocket(t, addr, nil, nil)
				s.expect(t, binaryFrame, []byte("first "))
				for _, size := range []int{0, 1, 125, 126, 65535, 65536, 2 << 20} {
					payload := bytes.Repeat([]byte{byte(size), 'x', 0}, size/3)
					written := make(chan error, 1)
					go func() { written <- writeFrame(s, binaryFrame, payload, true) }()
					s.expect(t, binaryFrame, payload)
					if err := <-written; err != nil {
						t.Fatal(err)
					}
				}
				if err := writeFrame(s, closeFrame, []byte{3, 232}, true); err != nil {
					t.Fatal(err)
				}
				s.expect(t, closeFrame, []byte{3, 232})
				s.ends(t)
			})
			t.Run("a frame that comes with the request", func(t *testing.T) {
				var early bytes.Buffer
				_ = writeFrame(&early, binaryFrame, []byte("early"), true)
				s := g.openSocket(t, addr, nil, early.Bytes())
				s.expect(t, binaryFrame, []byte("first "))
				s.expect(t, binaryFrame, []byte("early"))
			})
			for word, opcode := range map[string]byte{"close": closeFrame, "drop": 0} {
				t.Run("the upstream ends: "+word, func(t *testing.T) {
					s := g.openSocket(t, addr, nil, nil)
					s.expect(t, binaryFrame, []byte("first "))
					if err := writeFrame(s, binaryFrame, []byte(word), true); err != nil {
						t.Fatal(err)
					}
					if opcode != 0 {
						s.expect(t, opcode, []byte(word))
					}
					s.ends(t)
				})
			}
		})
	}
}

func (s *socket) ends(t *testing.T) {
	t.Helper()
	if rest, err := io.ReadAll(s.r); len(rest) > 0 || err != nil && !isReset(err) {
		t.Errorf("then came %q, %v", rest, err)
	}
}

// A WebSocket behind the plugin opens with a session and not without.
func TestAWebSocketNeedsItsSession(t *testing.T) {
	t.Parallel()
	g := &gateway{proxy: freeAddr(t)} // its address must be known to the provider
	idp := idptest.Start(t, practiceidp.Options{
		Clients: []practiceidp.Client{{ID: "app", Secret: "app-secret", SkipConsent: true, RedirectURIs: []string{"http://" + g.proxy + "/ws"}}},
		Users:   []practiceidp.User{{Name: "ada", Password: "lovelace"}}, AutoLogin: "ada",
	})
	g = startGatewayAt(t, g.proxy, watched(t), uncollected, yaml(service{path: "/", url: echoing(t), more: `  plugins:
  - name: openid-connect
    config:
      issuer: ` + idp.Issuer() + `
      client_id: [app]
      client_secret: [app-secret]
      auth_methods: [authorization_code, session]
      login_action: redirect
      login_tokens: null
      session_secret: a secret of the WebSocket test
`}))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	target := &url.URL{Scheme: "http", Host: g.proxy, Path: "/ws"}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || string(text) != "no WebSocket" {
		t.Fatalf("the login ends with %d %.300s %v", res.StatusCode, text, err)
	}
	var cookies []string
	for _, c := range jar.Cookies(target) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	s := g.openSocket(t, g.proxy, http.Header{"Cookie": {strings.Join(cookies, "; ")}}, nil)
	if opcode, first, err := readFrame(s.r); err != nil || opcode != binaryFrame || !strings.HasPrefix(string(first), "first") {
		t.Errorf("got %d %q %v", opcode, first, err)
	}
	if err := writeFrame(s, binaryFrame, []byte("hello"), true); err != nil {
		t.Fatal(err)
	}
	s.expect(t, binaryFrame, []byte("hello"))

	c := g.dial(t, g.proxy)
	_, _ = fmt.Fprint(c, "GET /ws HTTP/1.1\r\nHost: ", g.proxy, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	refused, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Body.Close() // what it says is not important
	if refused.StatusCode < 300 {
		t.Errorf("without a session: %d", refused.StatusCode)
	}
}
