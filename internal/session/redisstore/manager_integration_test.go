//go:build integration

package redisstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/redis"
	"sallyport/internal/secret"
	"sallyport/internal/session"
	"sallyport/internal/session/redisstore"
)

const planted = "planted"

func newManager(t *testing.T, store session.Store, change ...func(*session.Options)) *session.Manager {
	t.Helper()
	ring, err := secret.NewKeyring(secret.New(planted + "-secret"))
	if err != nil {
		t.Fatal(err)
	}
	opts := session.Options{
		Cookie: session.Cookie{Name: "session", HTTPOnly: true}, Keyring: ring, Store: store,
		Realms: []session.Realm{{Issuer: planted + "-issuer"}}, Audience: planted + "-audience",
		Idling: 15 * time.Minute, Rolling: time.Hour, Absolute: 24 * time.Hour,
	}
	for _, f := range change {
		f(&opts)
	}
	m, err := session.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func plantedEntry() session.Entry {
	return session.Entry{
		Realm: session.Realm{Issuer: planted + "-issuer"}, Subject: planted + "-subject", Method: planted + "-method",
		AccessToken: secret.New(planted + "-access"), RefreshToken: secret.New(planted + "-refresh"), IDToken: secret.New(planted + "-id"),
		Scope: planted + "-scope", SID: planted + "-sid", Claims: []session.Claim{{Name: planted + "-name", Value: planted + "-value"}},
	}
}

// cookies makes the next request of a user agent that got these lines.
func cookies(t *testing.T, lines []string) session.Visit {
	t.Helper()
	var pairs []string
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.MaxAge >= 0 {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	return session.Visit{Cookie: pairs}
}

// Neither a key nor a value in Redis, nor any command to it, contains a token,
// a claim, or anything that can be used as a cookie.
func TestNothingReadableReachesRedis(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	var mu sync.Mutex // guards monitored
	var monitored bytes.Buffer
	monitor := exec.CommandContext(t.Context(), "redis-cli", "-s", s.Socket, "MONITOR")
	monitor.Stdout = writer(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return monitored.Write(b)
	})
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	seen := func(text string) bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(monitored.String(), text)
	}
	for end := time.Now().Add(20 * time.Second); !seen("OK"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no MONITOR")
		}
	}

	ctx := t.Context()
	now := time.Now()
	m := newManager(t, s.open(t, redisstore.Options{Prefix: "prefix"}), func(o *session.Options) { o.Now = func() time.Time { return now } })
	var visits []session.Visit
	_, lines, err := m.Start(ctx, session.Visit{}, plantedEntry())
	if err != nil {
		t.Fatal(err)
	}
	visits = append(visits, cookies(t, lines))
	loaded, err := m.Load(ctx, visits[0])
	if err != nil {
		t.Fatal(err)
	}
	if loaded, _, err = m.Refresh(ctx, visits[0], loaded, func(context.Context, *session.Session) (session.Entry, error) {
		e := plantedEntry()
		e.AccessToken = secret.New(planted + "-access-2")
		return e, nil
	}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(14 * time.Minute)
	for range 4 { // past the renewal
		var again []string
		if loaded, again, err = m.Keep(ctx, visits[len(visits)-1], loaded); err != nil {
			t.Fatal(err)
		}
		visits = append(visits, cookies(t, again))
		now = now.Add(13 * time.Minute)
	}
	if err := m.MarkUsed(ctx, planted+"-flow", time.Minute); err != nil {
		t.Fatal(err)
	}
	if found, err := m.Find(ctx, session.Finder{Issuer: planted + "-issuer", Subject: planted + "-subject"}); err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	held := s.dump(t)
	if !strings.Contains(held, "prefix:session:") {
		t.Fatalf("control: no record in %s", held)
	}
	if _, err := m.End(ctx, visits[len(visits)-1]); err != nil {
		t.Fatal(err)
	}
	s.CLI(t, "ECHO", "the end of it")
	for end := time.Now().Add(20 * time.Second); !seen("the end of it"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("MONITOR is incomplete")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	all := held + monitored.String()
	if !strings.Contains(all, "EVALSHA") && !strings.Contains(all, "EVAL") {
		t.Fatal("control: MONITOR saw no script")
	}
	secrets := []string{planted, loaded.ID()}
	for _, v := range visits {
		for _, pair := range v.Cookie {
			_, value, _ := strings.Cut(pair, "=")
			raw, err := base64.RawURLEncoding.DecodeString(value)
			if err != nil {
				t.Fatal(err)
			}
			id := raw[4:36]
			secrets = append(secrets, value, base64.RawURLEncoding.EncodeToString(id), base64.StdEncoding.EncodeToString(id), hex.EncodeToString(id), string(id), quoted(id))
		}
	}
	for _, text := range secrets {
		if i := strings.Index(all, text); i >= 0 {
			t.Errorf("Redis saw %q", all[max(0, i-80):min(len(all), i+80)])
		}
	}
}

// quoted is how MONITOR shows bytes.
func quoted(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		switch i := strings.IndexByte("\n\r\t\a\b", c); {
		case i >= 0:
			s.WriteString(`\` + `nrtab`[i:i+1])
		case c == '\\' || c == '"':
			s.WriteString(`\` + string(rune(c)))
		case c >= ' ' && c <= '~':
			s.WriteByte(c)
		default:
			s.WriteString(`\x` + strconv.FormatUint(uint64(c)+256, 16)[1:])
		}
	}
	return s.String()
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// Every key ends with the least of what is left of the timeouts.
func TestRecordsEndWithTheirTimeouts(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	for name, c := range map[string]struct {
		rolling, absolute, want time.Duration
	}{
		"rolling":      {time.Hour, 24 * time.Hour, time.Hour},
		"absolute":     {time.Hour, 10 * time.Minute, 10 * time.Minute},
		"no timeout":   {0, 0, 400 * 24 * time.Hour},
		"rolling only": {90 * time.Second, 0, 90 * time.Second},
	} {
		m := newManager(t, s.open(t, redisstore.Options{Prefix: "p"}), func(o *session.Options) { o.Rolling, o.Absolute = c.rolling, c.absolute })
		if _, _, err := m.Start(t.Context(), session.Visit{}, plantedEntry()); err != nil {
			t.Fatal(err)
		}
		for key := range strings.FieldsSeq(s.CLI(t, "--scan")) {
			ms, err := strconv.ParseInt(strings.TrimSpace(s.CLI(t, "PTTL", key)), 10, 64)
			if got := time.Duration(ms) * time.Millisecond; err != nil || got > c.want || got < c.want-20*time.Second {
				t.Errorf("%s: %s lives for %v, want %v", name, key, got, c.want)
			}
		}
		s.CLI(t, "FLUSHALL")
	}
}

// Item 11 of what must be survived, through the manager: a session outlives an
// outage, and during it nobody is told that there is none.
func TestSessionsOutliveAnOutage(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	s := newServer(t).start(t)
	m := newManager(t, s.open(t, redisstore.Options{Redis: redis.Options{Timeout: limit}}))
	ctx := t.Context()
	_, lines, err := m.Start(ctx, session.Visit{}, plantedEntry())
	if err != nil {
		t.Fatal(err)
	}
	v := cookies(t, lines)
	if _, err := m.Load(ctx, v); err != nil {
		t.Fatalf("control: %v", err)
	}
	s.Signal(t, syscall.SIGSTOP)
	for range 3 {
		begun := time.Now()
		if _, err := m.Load(ctx, v); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrNone) {
			t.Errorf("while Redis hangs: %v, want ErrUnavailable", err)
		}
		if took := time.Since(begun); took > 3*limit {
			t.Errorf("while Redis hangs: %v", took)
		}
	}
	if lines, err := m.End(ctx, v); !errors.Is(err, session.ErrUnavailable) || len(lines) > 0 {
		t.Errorf("end while Redis hangs: %q, %v", lines, err)
	}
	s.Signal(t, syscall.SIGCONT)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := m.Load(ctx, v)
		if err == nil {
			break
		}
		if !errors.Is(err, session.ErrUnavailable) || time.Now().After(end) {
			t.Fatalf("after the outage: %v", err)
		}
	}
}

// Two gateways refresh one session through one Redis.
func TestRefreshHappensOnceBetweenGateways(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	var managers []*session.Manager
	for range 4 {
		managers = append(managers, newManager(t, s.open(t, redisstore.Options{})))
	}
	ctx := t.Context()
	loaded, lines, err := managers[0].Start(ctx, session.Visit{}, plantedEntry())
	if err != nil {
		t.Fatal(err)
	}
	v := cookies(t, lines)
	var mu sync.Mutex // guards calls
	calls := 0
	var wg sync.WaitGroup
	for _, m := range managers {
		for range 5 {
			wg.Go(func() {
				n, _, err := m.Refresh(ctx, v, loaded, func(context.Context, *session.Session) (session.Entry, error) {
					mu.Lock()
					calls++
					mu.Unlock()
					time.Sleep(50 * time.Millisecond)
					e := plantedEntry()
					e.AccessToken = secret.New("new")
					return e, nil
				})
				if err != nil || n.Entry().AccessToken.Reveal() != "new" {
					t.Errorf("refresh: %v", err)
				}
			})
		}
	}
	wg.Wait()
	if calls != 1 {
		t.Errorf("%d redemptions, want 1", calls)
	}
}
