package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
	"sallyport/internal/httperror"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

func TestAnswersOfTheGateway(t *testing.T) {
	t.Parallel()
	body := func(message string) string {
		return "{\n  \"message\":\"" + message + "\",\n  \"request_id\":\"" + requestID + "\"\n}"
	}
	secure := route("r2", "s1", "secure.test")
	secure.Protocols = []string{"https"}
	redirect := route("r3", "s1", "redirect.test")
	redirect.Protocols, redirect.HTTPSRedirectStatusCode = []string{"https"}, 308
	disabled := &entity.Service{ID: "s2", Protocol: "http", Host: "127.0.0.1", Port: 1}
	set := &entity.Set{
		Services: []*entity.Service{upstreamAt(t, hello), disabled},
		Routes: []*entity.Route{
			route("r1", "s1", "a.test"), secure, redirect, route("r4", "", "alone.test"), route("r5", "s2", "disabled.test"),
		},
	}
	for _, tc := range []struct {
		name, host, path string
		headers          []string
		status           int
		body             string
		want             http.Header
	}{
		{name: "an upstream's answer", host: "a.test", path: "/", status: 200, body: "hello"},
		{name: "no route", host: "b.test", path: "/", status: 404, body: body("no Route matched with those values")},
		{
			name: "no route, as text", host: "b.test", path: "/", headers: []string{"Accept", "text/plain"}, status: 404,
			body: "no Route matched with those values\nrequest_id: " + requestID + "\n",
		},
		{name: "the route of a disabled service does not exist", host: "disabled.test", path: "/", status: 404, body: body("no Route matched with those values")},
		{name: "no service", host: "alone.test", path: "/", status: 503, body: body("no Service found with those values")},
		{
			name: "https is required", host: "secure.test", path: "/", status: 426, body: body("Please use HTTPS protocol"),
			want: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"TLS/1.2, HTTP/1.1"}},
		},
		{
			name: "https by redirect", host: "redirect.test:8000", path: "/a%2Fb?x=1", status: 308, body: "",
			want: http.Header{"Location": {"https://redirect.test/a%2Fb?x=1"}},
		},
		{
			name: "https by redirect keeps a bare question mark", host: "redirect.test", path: "/?", status: 308, body: "",
			want: http.Header{"Location": {"https://redirect.test/?"}},
		},
		{
			name: "a trusted peer's https counts", host: "secure.test", path: "/", headers: []string{"X-Forwarded-Proto", "https"},
			status: 200, body: "hello",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			f.install(t, set)
			res := f.get(t, tc.host, tc.path, tc.headers...)
			if got := text(t, res.Body); res.StatusCode != tc.status || got != tc.body {
				t.Errorf("got %d %q, want %d %q", res.StatusCode, got, tc.status, tc.body)
			}
			for name, values := range tc.want {
				if diff := cmp.Diff(values, res.Header[name]); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			if res.Header.Get("X-Kong-Request-Id") != requestID {
				t.Error("no X-Kong-Request-Id")
			}
			a := f.access()
			if a.Status != tc.status || a.BytesSent != int64(len(tc.body)) || (a.Err != nil) != (tc.status >= 400) {
				t.Errorf("access record %+v", a)
			}
		})
	}
}

func TestBeforeAnyConfigurationNoRouteMatches(t *testing.T) {
	t.Parallel()
	if res := newFront(t).get(t, "a.test", "/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestWhoAnsweredShowsInTheHead(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("answer", 1, func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
		switch q.Canonical.Path {
		case "/answer":
			_, err := io.WriteString(w, "by a plugin")
			return err
		case "/nothing":
			return nil
		}
		return next(w, q)
	}))
	service := upstreamAt(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/named" {
			w.Header().Set("Server", "theirs")
		}
	})
	down := *service
	down.ID, down.Port = "s2", 1
	f.install(t, &entity.Set{
		Services: []*entity.Service{service, &down},
		Routes:   []*entity.Route{route("r1", "s1", "a.test"), route("r2", "s2", "down.test")},
		Plugins:  []*entity.Plugin{globally("p1", "answer")},
	})
	for _, tc := range []struct {
		name, host, path, server, via string
		proxied                       bool
	}{
		{"an upstream without a name", "a.test", "/", "sallyport", "1.1 sallyport", true},
		{"an upstream with a name", "a.test", "/named", "theirs", "1.1 sallyport", true},
		{"a plugin", "a.test", "/answer", "sallyport", "", false},
		{"a plugin that writes nothing", "a.test", "/nothing", "sallyport", "", false},
		{"an error in place of an upstream", "down.test", "/", "sallyport", "", false},
	} {
		res := f.get(t, tc.host, tc.path)
		h := res.Header
		if h.Get("Server") != tc.server || h.Get("Via") != tc.via {
			t.Errorf("%s: Server %q, Via %q", tc.name, h.Get("Server"), h.Get("Via"))
		}
		for name, present := range map[string]bool{
			"X-Kong-Upstream-Latency": tc.proxied, "X-Kong-Proxy-Latency": tc.proxied, "X-Kong-Response-Latency": !tc.proxied,
		} {
			if (h.Get(name) != "") != present {
				t.Errorf("%s: %s is %q", tc.name, name, h.Get(name))
			}
		}
	}
}

// cookieSetting sets a session cookie, then fails or goes on as the path says.
func cookieSetting(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	q.OwnCookies = append(q.OwnCookies, message.OwnCookie{Name: "session", Setting: "config.session_cookie_name"})
	q.DropUpstreamCookies = append(q.DropUpstreamCookies, "session")
	if q.Canonical.Path != "/without" {
		q.Response.Add("Set-Cookie", "session=rotated; HttpOnly")
	}
	switch q.Canonical.Path {
	case "/refused":
		return httperror.New(http.StatusForbidden, "Forbidden")
	case "/broken":
		return errBroken
	case "/panic":
		panic("plugin is broken")
	case "/itself":
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return next(w, q)
}

func TestAResponseThatCarriesOurCookieIsNotCached(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("cookie", 1, cookieSetting))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Link", "</a.css>")
			w.WriteHeader(http.StatusEarlyHints)
			h.Set("Cache-Control", "public, max-age=600")
			h.Set("Cdn-Cache-Control", "max-age=600")
			h.Set("Surrogate-Control", "max-age=600")
			h.Set("X-Accel-Expires", "600")
			h.Set("Expires", "Thu, 01 Jan 2099 00:00:00 GMT")
			h.Add("Set-Cookie", "session=flask; Path=/")
			h.Add("Set-Cookie", "theme=dark")
			if r.Header.Get("Cookie") != "a=1" {
				w.WriteHeader(http.StatusBadRequest)
			}
		})},
		Routes: []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "cookie")},
	})
	for _, tc := range []struct {
		path    string
		status  int
		cookies []string
		ours    bool
	}{
		{"/", 200, []string{"theme=dark", "session=rotated; HttpOnly"}, true},
		{"/without", 200, []string{"theme=dark"}, false},
		{"/refused", 403, []string{"session=rotated; HttpOnly"}, true},
		{"/broken", 500, []string{"session=rotated; HttpOnly"}, true},
		{"/panic", 500, []string{"session=rotated; HttpOnly"}, true},
		{"/itself", 204, []string{"session=rotated; HttpOnly"}, true},
	} {
		res := f.get(t, "a.test", tc.path, "Cookie", "session=x; a=1")
		if res.StatusCode != tc.status {
			t.Errorf("%s: status %d", tc.path, res.StatusCode)
		}
		if diff := cmp.Diff(tc.cookies, res.Header["Set-Cookie"]); diff != "" {
			t.Errorf("%s: %s", tc.path, diff)
		}
		if ours := res.Header.Get("Cache-Control") == "no-store"; ours != tc.ours {
			t.Errorf("%s: Cache-Control %q", tc.path, res.Header.Get("Cache-Control"))
		}
		for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control", "X-Accel-Expires", "Expires"} {
			if got := res.Header.Get(name); (got == "") != tc.ours {
				t.Errorf("%s: %s is %q", tc.path, name, got)
			}
		}
	}
}

// The session cookie must be in the final head and in no informational one.
func TestOurCookieIsNotInAnInformationalResponse(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("cookie", 1, cookieSetting))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a.css>")
			w.WriteHeader(http.StatusEarlyHints)
		})},
		Routes: []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "cookie")},
	})
	c := f.dial(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	answer := text(t, c)
	hint, final, ok := strings.Cut(answer, "\r\n\r\n")
	if !ok || !strings.HasPrefix(hint, "HTTP/1.1 103") || strings.Contains(hint, "session=") || !strings.Contains(hint, "Link:") {
		t.Errorf("informational head %q", hint)
	}
	if strings.Count(final, "session=rotated") != 1 {
		t.Errorf("final head %q", final)
	}
}

func (f *front) dial(t *testing.T, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOurCookieIsInTheHeadOfASwitchToWebSocket(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("cookie", 1, cookieSetting))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, "tunnelled")
				_ = c.Close()
			}
		})},
		Routes: []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "cookie")},
	})
	c := f.dial(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	head, body, _ := strings.Cut(text(t, c), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 101") || !strings.Contains(head, "session=rotated") || body != "tunnelled" {
		t.Errorf("got %q, %q", head, body)
	}
}

// The list of what must be refused, item 10: CR and LF inside a value.
func TestResponseValuesCannotSplitTheHead(t *testing.T) {
	t.Parallel()
	for value, passes := range map[string]bool{"alice": true, "alice\r\nSet-Cookie: evil=1": false, "alice\n": false, "\x00": false} {
		f := newFront(t, define("claim", 1, func(_ http.ResponseWriter, q *plugin.Request, _ plugin.Next) error {
			q.Response.Set("X-Claim", value)
			return httperror.New(http.StatusForbidden, "Forbidden")
		}))
		f.install(t, &entity.Set{Routes: []*entity.Route{route("r1", "", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "claim")}})
		res := f.get(t, "a.test", "/")
		if got := res.Header.Get("X-Claim"); (got == value) != passes || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q: the head is %v", value, res.Header)
		}
		if logged := strings.Contains(f.log.String(), "X-Claim"); logged == passes {
			t.Errorf("%q: logged: %v", value, logged)
		}
	}
}

func TestAnErrorLeavesNothingOfTheAnswerItReplaces(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("half", 1, func(w http.ResponseWriter, _ *plugin.Request, _ plugin.Next) error {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Etag", `"x"`)
		return errBroken
	}))
	f.install(t, &entity.Set{Routes: []*entity.Route{route("r1", "", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "half")}})
	res := f.get(t, "a.test", "/")
	if res.StatusCode != 500 || res.Header.Get("Content-Encoding") != "" || res.Header.Get("Etag") != "" {
		t.Errorf("got %d %v", res.StatusCode, res.Header)
	}
	if body := text(t, res.Body); strings.Contains(body, "broken") || !strings.Contains(body, "An unexpected error occurred") {
		t.Errorf("body %q", body)
	}
	if !errors.Is(f.access().Err, errBroken) || !strings.Contains(f.log.String(), "broken") {
		t.Errorf("recorded %v, logged %q", f.access().Err, f.log)
	}
}

func TestAPanicIsLoggedWithItsPlace(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("panic", 1, func(http.ResponseWriter, *plugin.Request, plugin.Next) error { panic("oops") }))
	f.install(t, &entity.Set{Routes: []*entity.Route{route("r1", "", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "panic")}})
	if res := f.get(t, "a.test", "/"); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
	if log := f.log.String(); !strings.Contains(log, "oops") || !strings.Contains(log, "serve_test.go") {
		t.Errorf("log %q", log)
	}
}

// An error after the head must cut the connection.
func TestAnErrorAfterTheHeadCutsTheConnection(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() error{
		"complete":  func() error { return nil },
		"an error":  func() error { return errBroken },
		"a refusal": func() error { return httperror.New(403, "no") },
		"a panic":   func() error { panic("oops") },
		"a cut":     func() error { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, define("late", 1, func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
				if err := next(w, q); err != nil {
					return err
				}
				return end()
			}))
			f.install(t, &entity.Set{
				Services: []*entity.Service{upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) {
					_ = http.NewResponseController(w).Flush() // chunked
					_, _ = io.WriteString(w, "body")
				})},
				Routes: []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "late")},
			})
			_, err := io.ReadAll(f.get(t, "a.test", "/").Body)
			if complete := err == nil; complete != (name == "complete") {
				t.Errorf("reading gives %v", err)
			}
		})
	}
}

func TestAPluginCannotAnswerPastTheHead(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("hijack", 1, func(w http.ResponseWriter, q *plugin.Request, _ plugin.Next) error {
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack gives %v", err)
		}
		q.Response.Set("X-Ours", "1")
		return http.NewResponseController(w).Flush() // writes the head
	}))
	f.install(t, &entity.Set{Routes: []*entity.Route{route("r1", "", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "hijack")}})
	if res := f.get(t, "a.test", "/"); res.Header.Get("X-Ours") != "1" || res.Header.Get("X-Kong-Request-Id") == "" {
		t.Errorf("head %v", res.Header)
	}
}

// The list of what must be refused, item 12: the session is untouched.
func TestAnUpstreamThatFailsLeavesTheSessionAlone(t *testing.T) {
	t.Parallel()
	hangs := upstreamAt(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	hangs.ReadTimeout = 50 * time.Millisecond
	down := *hangs
	down.ID, down.Port = "s2", 1
	nonsense := &entity.Service{}
	*nonsense = *hangs
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, "nonsense\r\n\r\n")
			_ = c.Close()
		}
	}()
	nonsense.ID, nonsense.Port = "s3", l.Addr().(*net.TCPAddr).Port
	works := upstreamAt(t, hello)
	works.ID = "s4"
	f := newFront(t, define("session", 1, func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
		q.OwnCookies = append(q.OwnCookies, message.OwnCookie{Name: "session"})
		return next(w, q)
	}))
	f.install(t, &entity.Set{
		Services: []*entity.Service{hangs, &down, nonsense, works},
		Routes: []*entity.Route{
			route("r1", "s1", "hangs.test"), route("r2", "s2", "down.test"), route("r3", "s3", "nonsense.test"), route("r4", "s4", "works.test"),
		},
		Plugins: []*entity.Plugin{globally("p1", "session")},
	})
	for host, status := range map[string]int{"hangs.test": 504, "down.test": 502, "nonsense.test": 502, "works.test": 200} {
		res := f.get(t, host, "/", "Cookie", "session=x")
		if res.StatusCode != status || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d, Set-Cookie %q", host, res.StatusCode, res.Header["Set-Cookie"])
		}
	}
}

func TestAFormIsPeekedIntoAndReachesTheUpstream(t *testing.T) {
	t.Parallel()
	var seen plugin.Form
	f := newFront(t, define("peek", 1, func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
		form, ok, err := q.PeekForm()
		if err != nil || !ok {
			return errBroken
		}
		seen = form
		return next(w, q)
	}))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })},
		Routes:   []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "peek")},
	})
	res := f.do(t, http.MethodPost, "a.test", "/", strings.NewReader("a=1&a=%32"), "Content-Type", "application/x-www-form-urlencoded")
	if got := text(t, res.Body); got != "a=1&a=%32" || len(seen) != 2 {
		t.Errorf("upstream got %q, plugin saw %v", got, seen)
	}
}

func TestRewriteReachesTheUpstream(t *testing.T) {
	t.Parallel()
	f := newFront(t, define("rewrite", 1, func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
		q.Rewrite = &plugin.Rewrite{Method: http.MethodGet, RawQuery: "hello=world"}
		return next(w, q)
	}))
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type")+text(t, r.Body))
		})},
		Routes: []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "rewrite")},
	})
	res := f.do(t, http.MethodPost, "a.test", "/x?code=1", strings.NewReader("code=1"), "Content-Type", "application/x-www-form-urlencoded")
	if got := text(t, res.Body); got != "GET /x?hello=world " {
		t.Errorf("upstream got %q", got)
	}
}
