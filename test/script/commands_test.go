package script

import (
	"crypto/tls"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sallyport/internal/echo"
)

// patience bounds every wait of a command.
const patience = 15 * time.Second

// stateKey is the key of the *state of a script.
type stateKey struct{}

// state is what the commands of one script share.
type state struct {
	upstream echo.Handler
	pending  chan string // answer to the request of begin
}

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are what the scripts can do beside the built-in commands.
//
//	ready                        wait until the Admin API at $ADMIN answers
//	get [-host NAME] URL STATUS  request; the answer goes to the files head and body
//	send METHOD URL TYPE FILE STATUS   the same with a body
//	await URL TEXT               ask until the answer holds TEXT
//	awaitlog FILE TEXT           wait until the file holds TEXT
//	signal SIGNAL                signal the one background command: HUP, INT, TERM
//	hold ADDRESS                 listen on the address
//	upstream                     start an echo upstream, $UPSTREAM
//	begin URL, finish TEXT       a request in flight; its answer must hold TEXT
//	certificate CERT KEY         write a self-signed certificate and its key
//	expand FILE                  replace $NAME in the file by the variables' values
//	login URL USER PASSWORD      log in as a browser would; the last answer goes to body
func commands() map[string]command {
	return map[string]command{
		"ready": ready, "get": get, "send": send, "await": await, "awaitlog": awaitLog, "signal": signal,
		"hold": hold, "upstream": upstream, "begin": begin, "finish": finish, "login": login,
		"expand": expand, "certificate": certificate,
	}
}

func need(ts *testscript.TestScript, neg bool, args []string, n int) {
	if neg || len(args) != n {
		ts.Fatalf("want %d arguments and no negation", n)
	}
}

// poll repeats try until it reports success.
func poll(ts *testscript.TestScript, what string, try func() bool) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if try() {
			return
		}
	}
	ts.Fatalf("waited in vain for %s", what)
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	text   string
}

// fetch asks once without following redirects.
func fetch(method, target, host, contentType string, body io.Reader) (reply, error) {
	r, err := http.NewRequest(method, target, body)
	if err != nil {
		return reply{}, err
	}
	r.Host = host
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	client := http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 0)
	poll(ts, "the Admin API", func() bool {
		got, err := fetch(http.MethodGet, "http://"+ts.Getenv("ADMIN")+"/status", "", "", nil)
		return err == nil && got.status == http.StatusOK
	})
}

func get(ts *testscript.TestScript, neg bool, args []string) {
	host := ""
	if len(args) == 4 && args[0] == "-host" {
		host, args = args[1], args[2:]
	}
	need(ts, neg, args, 2)
	answer(ts, http.MethodGet, args[0], host, "", nil, args[1])
}

func send(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 5)
	answer(ts, args[0], args[1], "", args[2], strings.NewReader(strings.TrimSuffix(ts.ReadFile(args[3]), "\n")), args[4])
}

// answer stores the answer in the files head and body, and demands its status.
func answer(ts *testscript.TestScript, method, target, host, contentType string, body io.Reader, status string) {
	got, err := fetch(method, target, host, contentType, body)
	ts.Check(err)
	var head strings.Builder
	ts.Check(got.header.Write(&head))
	ts.Check(os.WriteFile(ts.MkAbs("head"), []byte(head.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("body"), []byte(got.text), 0o600))
	if strconv.Itoa(got.status) != status {
		ts.Fatalf("%s %s: status %d, want %s: %s", method, target, got.status, status, got.text)
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	poll(ts, args[1], func() bool {
		got, err := fetch(http.MethodGet, args[0], "", "", nil)
		return err == nil && strings.Contains(got.text, args[1])
	})
}

func awaitLog(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	poll(ts, args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1])
	})
}

func signal(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	sig, ok := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	running := ts.BackgroundCmds()
	if !ok || len(running) != 1 {
		ts.Fatalf("signal %q to %d background commands", args[0], len(running))
	}
	ts.Check(running[0].Process.Signal(sig))
}

func hold(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	l, err := net.Listen("tcp4", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

func expand(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func shared(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

func upstream(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 0)
	s := httptest.NewServer(&shared(ts).upstream)
	ts.Defer(s.Close)
	ts.Setenv("UPSTREAM", s.URL)
}

// begin returns once the upstream has the request.
func begin(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	s := shared(ts)
	before := s.upstream.Hits()
	s.pending = make(chan string, 1)
	go func() {
		got, err := fetch(http.MethodGet, args[0], "", "", nil)
		if err != nil {
			s.pending <- err.Error()
			return
		}
		s.pending <- fmt.Sprint(got.status, " ", got.text)
	}()
	poll(ts, "the upstream to get the request", func() bool { return s.upstream.Hits() > before })
}

func finish(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	select {
	case got := <-shared(ts).pending:
		if !strings.Contains(got, args[0]) {
			ts.Fatalf("the request in flight got %s", got)
		}
	case <-time.After(patience):
		ts.Fatalf("the request in flight got no answer")
	}
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formInput  = regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]*>`)
	inputValue = regexp.MustCompile(` value="([^"]*)"`)
)

// login follows redirects and fills in each form that it meets on the way: the
// credentials, and consent.
func login(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3)
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	client := http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := client.Get(args[0])
	for range 5 {
		ts.Check(err)
		text, readErr := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		ts.Check(readErr)
		action := formAction.FindStringSubmatch(string(text))
		if action == nil {
			ts.Check(os.WriteFile(ts.MkAbs("body"), text, 0o600))
			_, _ = fmt.Fprintln(ts.Stdout(), resp.StatusCode, resp.Request.URL)
			return
		}
		target, parseErr := resp.Request.URL.Parse(html.UnescapeString(action[1]))
		ts.Check(parseErr)
		form := url.Values{"answer": {"allow"}}
		for _, input := range formInput.FindAllStringSubmatch(string(text), -1) {
			if value := inputValue.FindStringSubmatch(input[0]); value != nil {
				form.Set(html.UnescapeString(input[1]), html.UnescapeString(value[1]))
			}
		}
		form.Set("username", args[1])
		form.Set("password", args[2])
		resp, err = client.PostForm(target.String(), form)
	}
	ts.Fatalf("too many forms")
}
