package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/session"
)

// Item 1 of what must be refused: the session cookie with one bit changed
// anywhere, cut, lengthened, empty, made with another secret, sent twice,
// beside a thousand other cookies. The positive control is the same cookie.
func TestSessionCookieRefused(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		b := newBench(t, storage)
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		good := a.value("session")
		with := func(value string) session.Visit {
			c := newAgent(t)
			c.set("session", value)
			return c.visit()
		}
		control := func(t *testing.T) {
			t.Helper()
			if s := load(t, b.Manager, a); s.Entry().Subject != "alice" {
				t.Errorf("control: subject %q", s.Entry().Subject)
			}
		}
		none := func(t *testing.T, value, what string) {
			t.Helper()
			s, err := b.Load(t.Context(), with(value))
			if err == nil || s != nil {
				t.Errorf("%s: accepted", what)
			}
		}

		t.Run(storage+"/one bit changed anywhere", func(t *testing.T) {
			t.Parallel()
			control(t)
			for i := range good {
				for bit := range 7 {
					changed := []byte(good)
					changed[i] ^= 1 << bit
					none(t, string(changed), fmt.Sprintf("bit %d of character %d", bit, i))
				}
			}
		})
		t.Run(storage+"/cut", func(t *testing.T) {
			t.Parallel()
			control(t)
			for i := range good {
				none(t, good[:i], fmt.Sprintf("cut to %d", i))
				none(t, good[i+1:], fmt.Sprintf("without the first %d", i+1))
			}
		})
		t.Run(storage+"/lengthened", func(t *testing.T) {
			t.Parallel()
			control(t)
			for _, more := range []string{"A", "AAAA", "=", "==", ".", "%00", good} {
				none(t, good+more, "with "+more+" after it")
				none(t, more+good, "with "+more+" before it")
			}
		})
		t.Run(storage+"/empty", func(t *testing.T) {
			t.Parallel()
			control(t)
			none(t, "", "empty")
			refused(t, b.Manager, session.Visit{}, session.ReasonNoCookie)
			refused(t, b.Manager, session.Visit{Cookie: []string{"", ";", "session", "session;", "=", "=;="}}, session.ReasonNoCookie)
		})
		t.Run(storage+"/made with another secret", func(t *testing.T) {
			t.Parallel()
			control(t)
			other := b.with(t, func(o *session.Options) { o.Keyring = ring(t, "another secret") })
			c := newAgent(t)
			login(t, other, c, entry())
			refused(t, b.Manager, c.visit(), session.ReasonForged)
			load(t, other, c) // its own control
		})
		t.Run(storage+"/made for another cookie name or purpose", func(t *testing.T) {
			t.Parallel()
			control(t)
			other := b.with(t, func(o *session.Options) { o.Cookie.Name = "other" })
			c := newAgent(t)
			login(t, other, c, entry())
			refused(t, b.Manager, with(c.value("other")), session.ReasonForged)
			k := newKeyCookie(t, b, "session")
			_, lines, err := k.Issue(session.Visit{})
			if err != nil {
				t.Fatal(err)
			}
			c = newAgent(t)
			c.take(lines)
			refused(t, b.Manager, c.visit(), session.ReasonForged)
		})
		t.Run(storage+"/beside a thousand other cookies", func(t *testing.T) {
			t.Parallel()
			var pairs []string
			for i := range 1000 {
				pairs = append(pairs, fmt.Sprintf("c%d=session=%s", i, good), fmt.Sprintf("xsession=%d", i), fmt.Sprintf("sessionx=%d", i))
				if i == 500 {
					pairs = append(pairs, "session="+good)
					pairs = append(pairs, strings.TrimPrefix(chunksOf(a), "; "))
				}
			}
			s, err := b.Load(t.Context(), session.Visit{Cookie: []string{strings.Join(pairs, "; ")}})
			if err != nil || s.Entry().Subject != "alice" {
				t.Errorf("load: %v", err)
			}
		})
	}
}

// chunksOf are the chunk cookies of a's session, ready to follow others.
func chunksOf(a *agent) string {
	var s strings.Builder
	for _, key := range a.order {
		if key[0] != "session" {
			s.WriteString("; " + key[0] + "=" + a.cookies[key])
		}
	}
	return s.String()
}

// Item 1, sent twice.
func TestSessionCookieSentTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	victim, attacker := newAgent(t), newAgent(t)
	login(t, b.Manager, victim, entry())
	mallory := entry()
	mallory.Subject = "mallory"
	login(t, b.Manager, attacker, mallory)
	twice := func(values ...string) session.Visit {
		v := victim.visit()
		v.Cookie = nil
		for _, value := range values {
			v.Cookie = append(v.Cookie, "session="+value)
		}
		return v
	}
	good, planted := victim.value("session"), attacker.value("session")

	t.Run("the same value twice counts once", func(t *testing.T) {
		t.Parallel()
		if s, err := b.Load(t.Context(), twice(good, good)); err != nil || s.Entry().Subject != "alice" {
			t.Errorf("load: %v", err)
		}
	})
	t.Run("values that do not verify do not matter, up to three", func(t *testing.T) {
		t.Parallel()
		if s, err := b.Load(t.Context(), twice("x", "", strings.Repeat("A", 92), good)); err != nil || s.Entry().Subject != "alice" {
			t.Errorf("load: %v", err)
		}
		refused(t, b.Manager, twice("1", "2", "3", "4", good), session.ReasonForged)
	})
	t.Run("two different ones that verify: none counts, and all variants are expired", func(t *testing.T) {
		t.Parallel()
		for _, v := range []session.Visit{twice(good, planted), twice(planted, good), twice("x", planted, good)} {
			none := refusal(t, b.Manager, v)
			if none.Reason != session.ReasonAmbiguous {
				t.Errorf("no session because %q", none.Reason)
			}
			want := []string{
				"session=; Domain=app.example.test; Path=/; SameSite=Lax; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
				"session=; Domain=example.test; Path=/; SameSite=Lax; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
				"session=; Path=/; SameSite=Lax; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
			}
			if diff := cmp.Diff(want, none.Cookies); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		}
	})
	t.Run("a planted cookie is gone after the next login", func(t *testing.T) {
		t.Parallel()
		a := victim.copy()
		a.take([]string{"session=" + planted + "; Domain=example.test; Path=/"})
		refused(t, b.Manager, a.visit(), session.ReasonAmbiguous)
		login(t, b.Manager, a, entry())
		if s := load(t, b.Manager, a); s.Entry().Subject != "alice" {
			t.Errorf("subject %q", s.Entry().Subject)
		}
		if len(a.order) != 1 {
			t.Errorf("cookies left: %q", a.order)
		}
	})
	t.Run("two variants of one session, after a change of the cookie's scope, are one", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "store")
		a := newAgent(t)
		login(t, b.Manager, a, entry())
		wider := b.with(t, func(o *session.Options) { o.Cookie.Domain = "example.test" })
		b.clock.Pass(2 * time.Minute)
		_, lines, err := wider.Keep(t.Context(), a.visit(), load(t, wider, a))
		if err != nil {
			t.Fatal(err)
		}
		a.take(lines)
		if len(a.order) != 2 {
			t.Fatalf("cookies: %q", a.order)
		}
		s := load(t, wider, a)
		if _, lines, err = wider.Keep(t.Context(), a.visit(), s); err != nil {
			t.Fatal(err)
		}
		a.take(lines)
		if diff := cmp.Diff([][3]string{{"session", "example.test", "/"}}, a.order); diff != "" {
			t.Errorf("cookies (-want +got):\n%s", diff)
		}
		load(t, wider, a)
	})
}

func TestSessionCookieIsShortAndOpaque(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	s, lines, err := b.Start(t.Context(), a.visit(), entry())
	if err != nil {
		t.Fatal(err)
	}
	a.take(lines)
	if len(lines) != 1 || !strings.HasSuffix(lines[0], "; Path=/; SameSite=Lax; HttpOnly") || !strings.HasPrefix(lines[0], "session=") {
		t.Errorf("lines %q", lines)
	}
	if n := len(a.value("session")); n != 92 {
		t.Errorf("the cookie has %d characters, want 92", n)
	}
	if len(s.ID()) != 43 {
		t.Errorf("id %q", s.ID())
	}
}

func TestUnknownCookieVersionIsNoSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	login(t, b.Manager, a, entry())
	load(t, b.Manager, a)
	// A later release's cookie: the version is the first byte.
	a.set("session", "Ag"+a.value("session")[2:])
	refused(t, b.Manager, a.visit(), session.ReasonForged)
}
