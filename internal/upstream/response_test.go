package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/message"
)

func TestResponseHead(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 418 Short\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nProxy-Authenticate: x\r\n"+
			"Upgrade: h2c\r\nTrailer: X-T\r\nVia: 1.0 cache\r\nServer: theirs\r\nX-A: 1\r\nX-A: 2\r\nx_b: 3\r\nContent-Length: 4\r\n\r\nbody")
	})
	b := start(t, addr, nil)
	res := b.get(t, "/")
	if res.StatusCode != http.StatusTeapot || text(t, res.Body) != "body" {
		t.Errorf("status %d", res.StatusCode)
	}
	res.Header.Del("Date")
	want := http.Header{
		"Via": {"1.0 cache, 1.1 sallyport"}, "Server": {"theirs"}, "X-A": {"1", "2"}, "X_b": {"3"}, "Content-Length": {"4"},
	}
	if diff := cmp.Diff(want, res.Header); diff != "" {
		t.Error(diff)
	}
	if r := b.lastRecord(); r.status != http.StatusTeapot || r.addr != addr || r.start.IsZero() {
		t.Errorf("record %+v", r)
	}
}

func TestHeadAndEmptyAnswers(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Length", "1234")
			w.Header().Set("Content-Type", "text/plain")
		}
	})
	b := start(t, addr, nil)
	res := b.do(t, http.MethodHead, "/", nil)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Length") != "1234" || text(t, res.Body) != "" {
		t.Errorf("HEAD: %d %v", res.StatusCode, res.Header)
	}
	res = b.get(t, "/304")
	if res.StatusCode != http.StatusNotModified || res.Header.Get("Etag") == "" {
		t.Errorf("304: %d %v", res.StatusCode, res.Header)
	}
}

func TestInformationalResponsesPassWithoutTheFinalHead(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\n"+
			"Set-Cookie: session=theirs\r\n\r\nHTTP/1.1 200 OK\r\nX-Final: 1\r\nContent-Length: 2\r\n\r\nok")
	})
	b := start(t, addr, func(s *setup) {
		s.header = http.Header{"X-Early": {"1"}}
		s.exchange = func(x *Exchange) { x.OwnCookies = []message.OwnCookie{{Name: "session"}} }
	})
	type hint struct {
		Code   int
		Header textproto.MIMEHeader
	}
	var hints []hint
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, hint{code, h})
			return nil
		},
	})
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.front.URL, nil)
	res, err := b.front.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if diff := cmp.Diff([]hint{{103, textproto.MIMEHeader{"Link": {"</a.css>; rel=preload"}}}}, hints); diff != "" {
		t.Error(diff)
	}
	if res.Header.Get("X-Final") != "1" || res.Header.Get("X-Early") != "1" || res.Header.Get("Link") != "" || text(t, res.Body) != "ok" {
		t.Errorf("final head %v", res.Header)
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Checksum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Checksum", "abc")
	})
	b := start(t, addr, nil)
	for _, tc := range []struct {
		te   []string
		want string
	}{{[]string{"Te", "trailers"}, "abc"}, {nil, ""}} {
		res := b.get(t, "/", tc.te...)
		if text(t, res.Body) != "body" {
			t.Error("body differs")
		}
		if got := res.Trailer.Get("X-Checksum"); got != tc.want {
			t.Errorf("TE %q: trailer %q, want %q", tc.te, got, tc.want)
		}
	}
}

func TestStreamsAreFlushed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, head string }{
		{"events", "Content-Type: text/event-stream; charset=utf-8\r\nContent-Length: 4\r\n"},
		{"unknown length", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			goOn := make(chan struct{})
			addr := listen(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+tc.head+"\r\n")
				<-goOn
				_, _ = io.WriteString(c, "ab")
				<-goOn
				_, _ = io.WriteString(c, "cd")
			})
			b := start(t, addr, nil)
			res := b.get(t, "/") // returns although no byte of the body has come
			for _, want := range []string{"ab", "cd"} {
				goOn <- struct{}{}
				piece := make([]byte, 2)
				if _, err := io.ReadFull(res.Body, piece); err != nil || string(piece) != want {
					t.Errorf("got %q, %v", piece, err)
				}
			}
		})
	}
}

func TestUploadsStreamWhileTheAnswerDoes(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.EnableFullDuplex()
		_ = c.Flush()
		buffer := make([]byte, 1)
		for {
			n, err := r.Body.Read(buffer)
			_, _ = w.Write(buffer[:n])
			_ = c.Flush()
			if err != nil {
				return
			}
		}
	})
	b := start(t, addr, nil)
	pr, pw := io.Pipe()
	res := b.do(t, http.MethodPost, "/", pr)
	for _, c := range []string{"a", "b", "c"} {
		if _, err := io.WriteString(pw, c); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1)
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != c {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	_ = pw.Close()
	if rest := text(t, res.Body); rest != "" {
		t.Errorf("rest %q", rest)
	}
}

func TestExpectContinueReachesTheUpstream(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		accept bool
	}{{"accepted", true}, {"refused", false}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !tc.accept {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				_, _ = io.Copy(w, r.Body)
			})
			b := start(t, addr, nil)
			c, err := net.Dial("tcp", b.front.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
			r := bufio.NewReader(c)
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if !tc.accept {
				if !strings.HasPrefix(line, "HTTP/1.1 401") {
					t.Errorf("got %q", line)
				}
				return
			}
			if !strings.HasPrefix(line, "HTTP/1.1 100") {
				t.Fatalf("got %q", line)
			}
			_, _ = io.WriteString(c, "data")
			rest, _ := io.ReadAll(r)
			if !strings.Contains(string(rest), "HTTP/1.1 200") || !strings.HasSuffix(string(rest), "data") {
				t.Errorf("got %q", rest)
			}
		})
	}
}

// An answer that breaks off must not look complete.
func TestABrokenAnswerIsCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, answer string
		complete     bool
	}{
		{"complete, known length", "Content-Length: 4\r\n\r\nbody", true},
		{"short of its length", "Content-Length: 10\r\n\r\nbody", false},
		{"complete, chunked", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", true},
		{"last chunk missing", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", false},
		{"broken chunk", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := listen(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err == nil {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+tc.answer)
				}
			})
			b := start(t, addr, nil)
			if complete := b.complete(t); complete != tc.complete {
				t.Errorf("the answer looks complete: %v", complete)
			}
			if cut := b.lastCut(); (cut == nil) != tc.complete {
				t.Errorf("recorded %v", cut)
			}
		})
	}
}

// complete reports whether the front's answer to a GET comes to its end. One
// that is cut may break off before its head.
func (b *bench) complete(t *testing.T) bool {
	t.Helper()
	res, err := b.front.Client().Get(b.front.URL)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadAll(res.Body)
	return err == nil
}

func TestAClientThatLeavesEndsTheExchange(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	b := start(t, addr, nil)
	res := b.get(t, "/")
	_ = res.Body.Close()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("the upstream's answer goes on without a reader")
	}
}

func TestFirstByteWithManyHeaders(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=%s", i, strings.Repeat("x", 1000)))
		}
	})
	b := start(t, addr, nil)
	if res := b.get(t, "/"); len(res.Header["Set-Cookie"]) != 100 {
		t.Errorf("%d cookies came through", len(res.Header["Set-Cookie"]))
	}
}

var errEnded = errors.New("ended from outside")
