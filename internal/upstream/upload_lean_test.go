package upstream

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestASmallBodyGoesOutWithItsHead(t *testing.T) {
	t.Parallel()
	first := make(chan string, 1)
	addr := listen(t, func(c net.Conn, _ *bufio.Reader) {
		p := make([]byte, 64<<10)
		n, _ := c.Read(p)
		first <- string(p[:n])
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	b := start(t, addr, nil)
	body := strings.Repeat("x", 4000)
	b.do(t, http.MethodPost, "/", strings.NewReader(body))
	if got := <-first; !strings.HasSuffix(got, "\r\n\r\n"+body) || strings.Count(got, "Content-Length: 4000\r\n") != 1 {
		t.Errorf("the first read gave %d bytes", len(got))
	}
}

// sized hides the type of a reader, so that the client sends chunks; with n it
// tells the length.
type sized struct {
	io.Reader
	n int64
}

func TestUploadsArriveWhole(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		size    int64
		chunked bool
	}{
		{"empty chunks", 0, true},
		{"a few chunks", 10, true},
		{"as large as goes with the head", smallBody, false},
		{"one byte more", smallBody + 1, false},
		{"many buffers", 8 << 20, false},
		{"many chunks", 8<<20 + 1, true},
	} {
		for _, protocol := range []string{"http", "https"} {
			t.Run(protocol+": "+tc.name, func(t *testing.T) {
				t.Parallel()
				sum := func(r io.Reader) string {
					h := sha256.New()
					n, err := io.Copy(h, r)
					return fmt.Sprintf("%d %x %v", n, h.Sum(nil), err)
				}
				answer := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, sum(r.Body)+r.RemoteAddr) }
				addr := serve(t, answer)
				if protocol == "https" {
					addr = serveTLS(t, answer)
				}
				b := start(t, addr, nil)
				var remote string
				kept := false
				for range 4 {
					r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, b.front.URL,
						&sized{Reader: io.LimitReader(pattern{}, tc.size)})
					if r.ContentLength = tc.size; tc.chunked {
						r.ContentLength = -1
					}
					res, err := b.front.Client().Do(r)
					if err != nil {
						t.Fatal(err)
					}
					got := text(t, res.Body)
					_ = res.Body.Close()
					rest, ok := strings.CutPrefix(got, sum(io.LimitReader(pattern{}, tc.size)))
					if !ok {
						t.Fatalf("the upstream got %s", got)
					}
					kept = kept || rest == remote
					remote = rest
				}
				if !kept { // once may be: an answer waits for lastWrite only
					t.Error("no connection was kept")
				}
			})
		}
	}
}

// pattern is an endless body that is not the same everywhere.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * i >> 3)
	}
	return len(p), nil
}

// An upstream that answers before it has the body: the answer is passed on at
// once, and the connection is not used again.
func TestAnEarlyAnswer(t *testing.T) {
	t.Parallel()
	for _, closes := range []bool{false, true} {
		addr, connections := counted(t, func(_ int64, c net.Conn, r *bufio.Reader) {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nearly")
			if !closes {
				_, _ = io.Copy(io.Discard, r)
			}
		})
		b := start(t, addr, nil)
		for n := range 2 {
			pr, pw := io.Pipe()
			go func() { _, _ = io.WriteString(pw, "beginning") }()
			res := b.do(t, http.MethodPost, "/", pr)
			if got := text(t, res.Body); res.StatusCode != 413 || got != "early" {
				t.Errorf("closes %v: got %d %q", closes, res.StatusCode, got)
			}
			_ = pw.Close()
			if got := connections.Load(); got != int64(n)+1 {
				t.Errorf("closes %v: %d connections", closes, got)
			}
		}
	}
}

func TestALongUploadToAnUpstreamThatTakesNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http", "https"} {
		hang := func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }
		addr := serve(t, hang)
		if protocol == "https" {
			addr = serveTLS(t, hang)
		}
		b := start(t, addr, func(s *setup) { s.service.WriteTimeout, s.service.ReadTimeout = 100*time.Millisecond, time.Minute })
		if res := b.do(t, http.MethodPost, "/", io.LimitReader(pattern{}, 64<<20)); res.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s: status %d", protocol, res.StatusCode)
		}
	}
}

// The clock of the answer starts when the body is out.
func TestTheReadTimeoutBeginsAfterTheUpload(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	b := start(t, addr, func(s *setup) { s.service.ReadTimeout = 300 * time.Millisecond })
	pr, pw := io.Pipe()
	ended := make(chan time.Time, 1)
	go func() {
		for range 8 {
			time.Sleep(100 * time.Millisecond)
			_, _ = io.WriteString(pw, "x")
		}
		time.Sleep(50 * time.Millisecond)
		ended <- time.Now()
		_ = pw.Close()
	}()
	res := b.do(t, http.MethodPost, "/", pr)
	waited := time.Since(<-ended)
	if res.StatusCode != http.StatusGatewayTimeout || waited < 290*time.Millisecond || waited > 3*time.Second {
		t.Errorf("status %d, %v after the upload", res.StatusCode, waited)
	}
}
