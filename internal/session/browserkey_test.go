package session_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/internal/session"
)

func newKeyCookie(t testing.TB, b *bench, name string) *session.KeyCookie {
	t.Helper()
	k, err := session.NewKeyCookie(session.KeyOptions{
		Cookie: session.Cookie{Name: name, HTTPOnly: true}, Keyring: b.opts.Keyring,
		Lifetime: 10 * time.Minute, Now: b.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func issue(t *testing.T, k *session.KeyCookie, a *agent) session.BrowserKey {
	t.Helper()
	key, lines, err := k.Issue(a.visit())
	if err != nil {
		t.Fatal(err)
	}
	a.take(lines)
	return key
}

func TestBrowserKeyIsSharedByTabsAndGetsAFreshTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	k := newKeyCookie(t, b, "authorization")
	a := newAgent(t)
	if _, ok := k.Find(a.visit()); ok {
		t.Error("a key before any login")
	}
	first := issue(t, k, a)
	if n := len(a.value("authorization")); n != 104 {
		t.Errorf("the cookie has %d characters, want 104", n)
	}
	b.clock.Pass(9 * time.Minute)
	second := issue(t, k, a)
	if first.Key() != second.Key() || len(a.order) != 1 {
		t.Error("a second tab got another key")
	}
	b.clock.Pass(10 * time.Minute)
	if found, ok := k.Find(a.visit()); !ok || found.Key() != first.Key() {
		t.Error("the key is invalid exactly at its limit")
	}
	b.clock.Pass(time.Second)
	if _, ok := k.Find(a.visit()); ok {
		t.Error("the key is valid past its limit")
	}
	if third := issue(t, k, a); third.Key() == first.Key() {
		t.Error("an expired key was reused")
	}
	other := newAgent(t)
	if issue(t, k, other).Key() == issue(t, k, a).Key() {
		t.Error("two user agents got the same key")
	}
}

func TestBrowserKeyAttributes(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	_, lines, err := newKeyCookie(t, b, "authorization").Issue(session.Visit{})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 || !strings.HasSuffix(lines[0], "; Path=/; HttpOnly; Max-Age=600") {
		t.Errorf("lines %q: want no SameSite and a Max-Age of 600", lines)
	}
}

// A sibling subdomain can toss its own key cookie.
func TestPlantedBrowserKeyDoesNotCount(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	k := newKeyCookie(t, b, "authorization")
	victim, attacker := newAgent(t), newAgent(t)
	own := issue(t, k, victim)
	planted := issue(t, k, attacker)
	if found, ok := k.Find(victim.visit()); !ok || found.Key() != own.Key() {
		t.Fatal("control: the victim's key does not count")
	}
	victim.take([]string{"authorization=" + attacker.value("authorization") + "; Domain=example.test; Path=/"})
	if _, ok := k.Find(victim.visit()); ok {
		t.Error("one of two keys counts")
	}
	fresh := issue(t, k, victim)
	if fresh.Key() == own.Key() || fresh.Key() == planted.Key() {
		t.Error("the next login uses one of the two")
	}
	if found, ok := k.Find(victim.visit()); !ok || found.Key() != fresh.Key() || len(victim.order) != 1 {
		t.Errorf("the next login does not clear the planted key: %q", victim.order)
	}
	for _, forged := range []string{"", "x", attacker.value("authorization") + "A", strings.Repeat("A", 104)} {
		c := newAgent(t)
		c.set("authorization", forged)
		if _, ok := k.Find(c.visit()); ok {
			t.Errorf("a forged key counts: %q", forged)
		}
	}
	if _, ok := newKeyCookie(t, b, "other").Find(attacker.visit()); ok {
		t.Error("a key counts under another name")
	}
}

func TestBrowserKeyCountsRedirectsToOneTarget(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	k := newKeyCookie(t, b, "authorization")
	a := newAgent(t)
	issue(t, k, a)
	redirected := func(target string, want int) {
		t.Helper()
		key, ok := k.Find(a.visit())
		if !ok {
			t.Fatal("no key")
		}
		lines := k.Redirected(a.visit(), key, target)
		if !strings.HasSuffix(lines[0], "; Max-Age=60") {
			t.Errorf("line %q: want a Max-Age of 60", lines[0])
		}
		a.take(lines)
		found, _ := k.Find(a.visit())
		if n := k.Redirects(found, target); n != want {
			t.Errorf("%d redirects to %s, want %d", n, target, want)
		}
	}
	redirected("https://app.test/", 1)
	b.clock.Pass(15 * time.Second)
	redirected("https://app.test/", 2)
	b.clock.Pass(15 * time.Second)
	redirected("https://app.test/", 3)
	key, _ := k.Find(a.visit())
	if n := k.Redirects(key, "https://app.test/other"); n != 0 {
		t.Errorf("%d redirects to another target, want 0", n)
	}
	issue(t, k, a) // a new login keeps the count
	key, _ = k.Find(a.visit())
	if n := k.Redirects(key, "https://app.test/"); n != 3 {
		t.Errorf("%d redirects after another login, want 3", n)
	}
	b.clock.Pass(time.Second)
	if n := k.Redirects(key, "https://app.test/"); n != 0 {
		t.Errorf("%d redirects after 31 seconds, want 0", n)
	}
	redirected("https://app.test/", 1)
	redirected("https://app.test/other", 1)
}
