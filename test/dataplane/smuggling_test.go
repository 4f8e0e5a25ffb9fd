//go:build integration

package dataplane

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// upstreams are what stands behind the gateway, each under a path of its name.
var upstreams = []struct {
	name  string
	start func(*testing.T) recorder
}{{"go", goRecorder}, {"nginx", nginxRecorder}, {"node", nodeRecorder}}

// arena is a gateway before the three upstreams, and nginx before it.
type arena struct {
	g      *gateway
	front  string
	routed func(*testing.T) map[string]nginxLine
	behind map[string]recorder
}

func newArena(t *testing.T) *arena {
	t.Helper()
	a := &arena{behind: map[string]recorder{}}
	var services []service
	for _, u := range upstreams {
		r := u.start(t)
		a.behind[u.name] = r
		services = append(services, service{path: "/" + u.name, url: "http://" + r.addr, more: "  retries: 0\n"})
	}
	a.g = startGateway(t, watched(t), nil, yaml(services...))
	a.front, a.routed = nginxFront(t, a.g.proxy)
	return a
}

// answer is what came back for one request; seen is what the upstream says that
// it answers.
type answer struct {
	status int
	seen   string
}

// converse sends text on a connection and gives the answers up to the end of the
// connection. ended is false where the end did not come in time.
func converse(t *testing.T, addr, text, method string, limit time.Duration) (answers []answer, ended bool) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(limit))
	if _, err := io.WriteString(c, text); err != nil {
		return nil, true // it ended before it had all
	}
	r := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			if len(answers) > 0 && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) && !isReset(err) {
				t.Errorf("what follows %v is no answer: %v", answers, err)
			}
			return answers, !errors.Is(err, os.ErrDeadlineExceeded)
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode < 200 {
			continue
		}
		method = http.MethodGet // of all that follow
		answers = append(answers, answer{res.StatusCode, res.Header.Get("X-Seen")})
		if err != nil {
			return answers, !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

func isReset(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && !op.Timeout()
}

// text is the case for a path: the request, the hidden one where it is not in
// the body, and an innocent one that ends the connection.
func (h *hiding) text(path string) string {
	hidden := "GET " + path + "/hidden HTTP/1.1\r\nHost: a.test\r\n\r\n"
	text := h.head + "\r\n" + h.body
	if !strings.Contains(text, "{hidden}") {
		text += hidden
	}
	text = strings.NewReplacer(
		"{P}", path, "{hidden}", hidden, "{len}", strconv.Itoa(len(hidden)), "{hex}", strconv.FormatInt(int64(len(hidden)), 16),
	).Replace(text)
	return text + "GET " + path + "/innocent HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
}

// own is the request itself, as X-Seen tells of it.
func (h *hiding) own(path string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(h.head, "{P}", path), "\r\n"), "\r\n")
	method, target, _ := strings.Cut(line, " ")
	target, _, _ = strings.Cut(strings.TrimPrefix(target, "http://a.test"), " ")
	return method + " " + target
}

func (h *hiding) method() string {
	method, _, _ := strings.Cut(strings.TrimLeft(h.head, "\r\n "), " ")
	return method
}

// straight plays a case against the gateway itself.
func (a *arena) straight(t *testing.T, h hiding, path string) {
	limit := patience
	if h.waits {
		limit = 500 * time.Millisecond
	}
	answers, ended := converse(t, a.g.proxy, h.text(path), h.method(), limit)
	want := []answer{{200, h.own(path)}}
	if h.follows {
		want = append(want, answer{200, "GET " + path + "/hidden"})
	}
	want = append(want, answer{200, "GET " + path + "/innocent"})
	switch {
	case h.status < 0:
		if len(answers) > 1 || !ended || len(answers) == 1 && answers[0].seen != "" && answers[0].seen != h.own(path) {
			t.Errorf("answers %v, ended %v; want one at most, and the end", answers, ended)
		}
	case h.waits:
		// An upstream may answer before it has the body.
		if len(answers) > 1 || len(answers) == 1 && answers[0].seen != "" && answers[0].seen != h.own(path) {
			t.Errorf("answers %v to a request that is not complete", answers)
		}
	case h.status > 0:
		if len(answers) != 1 || answers[0].status != h.status || answers[0].seen != "" || !ended {
			t.Errorf("answers %v, ended %v; want %d alone, and the end", answers, ended, h.status)
		}
	case h.early() && len(answers) > 0:
		if answers[0] != want[0] || len(answers) > 1 && !slices.Equal(answers, want) || !ended {
			t.Errorf("answers %v, want %v", answers, want)
		}
	case !slices.Equal(answers, want) || !ended:
		t.Errorf("answers %v, ended %v; want %v", answers, ended, want)
	}
}

// fromBehind plays a case against nginx, which has its own way to read it.
func (a *arena) fromBehind(t *testing.T, h hiding, path string) {
	limit := patience
	if h.waits || h.status != 0 {
		limit = 700 * time.Millisecond // nginx may wait for more
	}
	answers, _ := converse(t, a.front, h.text(path), h.method(), limit)
	order := []string{"/a", "/hidden", "/innocent"}
	from := 0
	for _, got := range answers {
		if got.seen == "" {
			continue // nginx's own, or the gateway's
		}
		_, rest, ours := strings.Cut(got.seen, path)
		at := slices.IndexFunc(order[from:], func(s string) bool { return strings.HasPrefix(rest, s) })
		if !ours || at < 0 {
			t.Errorf("answers %v are not in the order of the requests", answers)
			return
		}
		from += at + 1
	}
	if strings.HasPrefix(h.name, "control") && len(answers) < 2 {
		t.Errorf("answers %v", answers)
	}
}

// victim asks on a connection of its own, and must get its own answer.
func (a *arena) victim(t *testing.T, addr, path string) {
	text := "GET " + path + "/victim HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
	if answers, _ := converse(t, addr, text, http.MethodGet, patience); len(answers) != 1 || answers[0] != (answer{200, "GET " + path + "/victim"}) {
		t.Errorf("the next request gets %v", answers)
	}
}

// No upstream sees a request that the gateway did not route, whoever stands
// before the gateway, and no answer goes to another request.
func TestNoRequestIsSmuggled(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	t.Run("play", func(t *testing.T) {
		for i, h := range corpus {
			for _, u := range upstreams {
				t.Run(h.name+" to "+u.name, func(t *testing.T) {
					t.Parallel()
					path := fmt.Sprintf("/%s/straight/%d", u.name, i)
					a.straight(t, h, path)
					a.victim(t, a.g.proxy, path)
					path = fmt.Sprintf("/%s/behind/%d", u.name, i)
					a.fromBehind(t, h, path)
					a.victim(t, a.front, path)
				})
			}
		}
	})
	a.reckon(t)
}

// reckon compares the logs of all: what an upstream saw the gateway routed, and
// what the gateway got from nginx, nginx routed.
func (a *arena) reckon(t *testing.T) {
	for _, u := range upstreams { // after it nothing of before is on its way
		a.victim(t, a.front, "/"+u.name+"/end")
	}
	var records map[string]record
	eventually(t, "the last access record", func() bool {
		records = a.g.records(t)
		ends := 0
		for _, r := range records {
			if strings.HasSuffix(r.Path, "/end/victim") {
				ends++
			}
		}
		return ends == len(upstreams)
	})
	hidden := func(path string) (hiding, bool) {
		var i int
		var u, side string
		parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
		if len(parts) != 4 || parts[3] != "hidden" {
			return hiding{}, false
		}
		u, side = parts[0], parts[1]
		i, err := strconv.Atoi(parts[2])
		if err != nil || u == "" {
			return hiding{}, false
		}
		return corpus[i], side == "straight"
	}
	routed := a.routed(t)
	fromFront := 0
	for _, r := range records {
		if h, straight := hidden(r.Path); straight && !h.follows {
			t.Errorf("%s: the hidden request was routed: %+v", h.name, r)
		}
		if !strings.Contains(r.Path, "/behind/") {
			continue
		}
		line, known := routed[r.Agent]
		target, _, _ := strings.Cut(line.Target, "?")
		fromFront++
		if r.Upstream != "" && (!known || line.Method != r.Method || strings.TrimPrefix(target, "http://a.test") != r.Path) {
			t.Errorf("nginx did not send %+v: %+v", r, line)
		}
	}
	if fromFront < len(corpus) {
		t.Errorf("only %d requests came from nginx", fromFront)
	}
	for _, u := range upstreams {
		seen := a.behind[u.name].seen(t)
		if len(seen) < len(corpus) {
			t.Errorf("%s saw only %d requests", u.name, len(seen))
		}
		for _, s := range seen {
			r, known := records[s.ID]
			target, _, _ := strings.Cut(s.Target, "?")
			if s.Unreadable != "" || !known || r.Method != s.Method || r.Path != target {
				t.Errorf("%s saw %+v; the gateway's record of it is %+v", u.name, s, r)
			}
		}
	}
}
