package main

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// cannedAnswer is what the upstream of the budgets answers, whatever is asked.
var cannedAnswer = []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\nContent-Type: application/json\r\n" +
	"Content-Length: 11\r\nConnection: keep-alive\r\n\r\nhello world")

// cannedServer answers every request alike and allocates nothing. It gives its
// address.
func cannedServer(tb testing.TB, answer []byte) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				defer func() { _ = c.Close() }()
				in := make([]byte, 64<<10)
				for n := 0; ; {
					more, err := c.Read(in[n:])
					if err != nil {
						return
					}
					if n += more; !wholeRequest(in[:n]) {
						continue
					}
					n = 0
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// wholeRequest tells whether in ends with the end of a request.
func wholeRequest(in []byte) bool {
	head, body, ended := bytes.Cut(in, []byte("\r\n\r\n"))
	if !ended {
		return false
	}
	_, length, has := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !has {
		return true
	}
	length, _, _ = bytes.Cut(length, []byte("\r"))
	n, err := strconv.Atoi(string(length))
	return err == nil && len(body) >= n
}

// exchanger gives a function that has one exchange on one connection and
// allocates nothing itself. end is what the answer ends with.
func exchanger(tb testing.TB, proxy, request, end string) func() {
	tb.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(proxy, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	out, in := []byte(request), make([]byte, 64<<10)
	return func() {
		if _, err := c.Write(out); err != nil {
			tb.Fatal(err)
		}
		for n := 0; n < len(end) || string(in[n-len(end):n]) != end; {
			more, err := c.Read(in[n:])
			if err != nil {
				tb.Fatal(err)
			}
			n += more
		}
	}
}

// budgetRig is a node with its access log and metrics, an upstream and an IdP.
type budgetRig struct {
	*runningNode
	tb            testing.TB
	upstream, idp string
	// tokens is the last answer of the IdP's token endpoint.
	tokens *httptest.ResponseRecorder
}

const (
	budgetClient = "budget"
	budgetSecret = "a secret that protects nothing"
	budgetUser   = "alice"
)

func newBudgetRig(tb testing.TB) *budgetRig {
	tb.Helper()
	r := &budgetRig{runningNode: runNode(tb, io.Discard, func(*settings) {}), tb: tb, upstream: cannedServer(tb, cannedAnswer)}
	var idp http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/token" {
			idp.ServeHTTP(w, q)
			return
		}
		r.tokens = httptest.NewRecorder()
		idp.ServeHTTP(r.tokens, q)
		w.Header().Set("Content-Type", r.tokens.Header().Get("Content-Type"))
		_, _ = w.Write(r.tokens.Body.Bytes())
	}))
	tb.Cleanup(server.Close)
	r.idp = server.URL
	var err error
	idp, err = practiceidp.New(practiceidp.Options{
		Issuer:    r.idp,
		Clients:   []practiceidp.Client{{ID: budgetClient, Secret: budgetSecret, RedirectURIs: []string{r.proxy + "/memory/callback", r.proxy + "/cookie/callback"}, SkipConsent: true}},
		Users:     []practiceidp.User{{Name: budgetUser}},
		AutoLogin: budgetUser, AccessTokenTTL: time.Hour,
	})
	if err != nil {
		tb.Fatal(err)
	}
	r.create("/services", map[string]any{"name": "backend", "url": "http://" + r.upstream})
	return r
}

func (r *budgetRig) create(path string, body map[string]any) {
	r.tb.Helper()
	if status, answer := ask(r.tb, http.MethodPost, r.admin+path, body); status != http.StatusCreated {
		r.tb.Fatalf("%s: %d %v", path, status, answer)
	}
}

// route makes a route for a path, which asks for a login unless storage is
// empty. change is laid over the settings of the plugin.
func (r *budgetRig) route(name, storage string, change map[string]any) {
	r.tb.Helper()
	r.create("/services/backend/routes", map[string]any{"name": name, "paths": []string{"/" + name}, "strip_path": false})
	if storage == "" {
		return
	}
	settings := map[string]any{
		"issuer": r.idp, "client_id": []string{budgetClient}, "client_secret": []string{budgetSecret},
		"redirect_uri": []string{r.proxy + "/" + name + "/callback"}, "auth_methods": []string{"authorization_code", "session"},
		"session_secret": "a session secret of the budgets", "session_storage": storage, "session_cookie_name": name,
	}
	maps.Copy(settings, change)
	r.create("/routes/"+name+"/plugins", map[string]any{"name": "openid-connect", "config": settings})
}

// logIn gives the cookie header after a login at a route.
func (r *budgetRig) logIn(name string) string {
	r.tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{}}
	defer browser.CloseIdleConnections()
	res, err := browser.Get(r.proxy + "/" + name)
	if err != nil {
		r.tb.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.tb.Fatalf("the login ended with %d at %s", res.StatusCode, res.Request.URL)
	}
	var pairs []string
	for _, c := range jar.Cookies(res.Request.URL) {
		if strings.HasPrefix(c.Name, name) {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	return "Cookie: " + strings.Join(pairs, "; ") + "\r\n"
}

// get is an exchanger of a GET.
func (r *budgetRig) get(path, headers string) func() {
	r.tb.Helper()
	host := strings.TrimPrefix(r.proxy, "http://")
	return exchanger(r.tb, r.proxy, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\n"+headers+"\r\n", "hello world")
}

// budgetKinds are requests through the whole node, and what each may allocate.
func budgetKinds(tb testing.TB) []budgetKind {
	tb.Helper()
	r := newBudgetRig(tb)
	r.route("bare", "", nil)
	kinds := []budgetKind{
		{"route without a plugin", 6, r.get("/bare", "")},
		{"request of a browser", 6, r.get("/bare?item=1", "Accept: text/html,application/xhtml+xml\r\n"+
			"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nCookie: theme=dark; lang=en\r\n")},
	}
	for _, storage := range []struct {
		name   string
		budget float64
	}{{"memory", 10}, {"cookie", 10}} {
		r.route(storage.name, storage.name, nil)
		kinds = append(kinds, budgetKind{storage.name + " session", storage.budget, r.get("/"+storage.name, r.logIn(storage.name))})
	}
	return append(kinds, r.loginKinds()...)
}

type budgetKind struct {
	name   string
	budget float64
	do     func()
}

// It is not parallel: it counts what the whole process allocates.
func TestAllocationBudgetOfTheWholeNode(t *testing.T) {
	if raceDetector {
		t.Skip("pools lose values under the race detector")
	}
	for _, kind := range budgetKinds(t) {
		if got := testing.AllocsPerRun(500, kind.do); got > kind.budget {
			t.Errorf("%s: %v allocations, the budget is %v", kind.name, got, kind.budget)
		} else {
			t.Logf("%s: %v allocations", kind.name, got)
		}
	}
}

// BenchmarkNode is one request through the whole node over the loopback, the
// client's and the upstream's part included.
func BenchmarkNode(b *testing.B) {
	for _, kind := range budgetKinds(b) {
		b.Run(strings.ReplaceAll(kind.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				kind.do()
			}
		})
	}
}
