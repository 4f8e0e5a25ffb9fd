package session_test

import (
	"testing"

	"sallyport/internal/session"
)

func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }

func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cookie      session.Cookie
		http, https string
	}{
		"usual":                   {session.Cookie{SameSite: session.SameSiteLax, HTTPOnly: true}, "; Path=/; SameSite=Lax; HttpOnly", "; Path=/; SameSite=Lax; Secure; HttpOnly"},
		"Default is left out":     {session.Cookie{SameSite: session.SameSiteDefault}, "; Path=/", "; Path=/; Secure"},
		"HttpOnly false counts":   {session.Cookie{HTTPOnly: false}, "; Path=/", "; Path=/; Secure"},
		"Secure false counts":     {session.Cookie{Secure: no()}, "; Path=/", "; Path=/"},
		"Secure true counts":      {session.Cookie{Secure: yes()}, "; Path=/; Secure", "; Path=/; Secure"},
		"None forces Secure":      {session.Cookie{SameSite: session.SameSiteNone}, "; Path=/; SameSite=None; Secure", "; Path=/; SameSite=None; Secure"},
		"domain and path":         {session.Cookie{Domain: "Example.test", Path: "/app"}, "; Domain=example.test; Path=/app", "; Domain=example.test; Path=/app; Secure"},
		"localhost is no domain":  {session.Cookie{Domain: "localhost"}, "; Path=/", "; Path=/; Secure"},
		"leading dot of a domain": {session.Cookie{Domain: ".example.test"}, "; Domain=example.test; Path=/", "; Domain=example.test; Path=/; Secure"},
		"Strict":                  {session.Cookie{SameSite: session.SameSiteStrict}, "; Path=/; SameSite=Strict", "; Path=/; SameSite=Strict; Secure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cookie.Name = "session"
			b := newBench(t, "store", func(o *session.Options) { o.Cookie = c.cookie })
			for secure, want := range map[bool]string{false: c.http, true: c.https} {
				a := newAgent(t)
				a.secure = secure
				_, lines, err := b.Start(t.Context(), a.visit(), entry())
				if err != nil || len(lines) != 1 {
					t.Fatalf("start: %q, %v", lines, err)
				}
				if got := lines[0][len("session=")+92:]; got != want {
					t.Errorf("secure %v: attributes %q, want %q", secure, got, want)
				}
				// What removes a cookie has the attributes of what set it.
				expired := "session=" + want + "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
				if got := b.Expire(a.visit()); len(got) != 1 || got[0] != expired {
					t.Errorf("expire: %q, want %q", got, expired)
				}
			}
		})
	}
}

func TestCookiesThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cookie session.Cookie
		ok     bool
	}{
		"usual":                       {session.Cookie{Name: "session"}, true},
		"no name":                     {session.Cookie{}, false},
		"name with a space":           {session.Cookie{Name: "a b"}, false},
		"name with =":                 {session.Cookie{Name: "a=b"}, false},
		"name with a line break":      {session.Cookie{Name: "a\r\nSet-Cookie: x"}, false},
		"path without slash":          {session.Cookie{Name: "s", Path: "app"}, false},
		"path with semicolon":         {session.Cookie{Name: "s", Path: "/;Secure"}, false},
		"path with a line break":      {session.Cookie{Name: "s", Path: "/\n"}, false},
		"domain with semicolon":       {session.Cookie{Name: "s", Domain: "a;b"}, false},
		"unknown SameSite":            {session.Cookie{Name: "s", SameSite: "lax"}, false},
		"None":                        {session.Cookie{Name: "s", SameSite: session.SameSiteNone}, true},
		"None without Secure":         {session.Cookie{Name: "s", SameSite: session.SameSiteNone, Secure: no()}, false},
		"__Secure-":                   {session.Cookie{Name: "__Secure-s", Domain: "example.test"}, true},
		"__Secure- without Secure":    {session.Cookie{Name: "__Secure-s", Secure: no()}, false},
		"__Host-":                     {session.Cookie{Name: "__Host-s", Path: "/", Secure: yes()}, true},
		"__Host- on localhost":        {session.Cookie{Name: "__Host-s", Domain: "localhost"}, true},
		"__Host- without Secure":      {session.Cookie{Name: "__Host-s", Secure: no()}, false},
		"__Host- with a domain":       {session.Cookie{Name: "__Host-s", Domain: "example.test"}, false},
		"__Host- with a path":         {session.Cookie{Name: "__Host-s", Path: "/app"}, false},
		"__HOST- in another spelling": {session.Cookie{Name: "__HOST-s", Path: "/app"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := c.cookie.Check(); (err == nil) != c.ok {
				t.Errorf("check: %v", err)
			}
		})
	}
}

func TestCookiesThatBrowsersDropOnPlainHTTP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cookie session.Cookie
		drops  bool
	}{
		"usual":     {session.Cookie{Name: "s"}, false},
		"Secure":    {session.Cookie{Name: "s", Secure: yes()}, true},
		"None":      {session.Cookie{Name: "s", SameSite: session.SameSiteNone}, true},
		"__Host-":   {session.Cookie{Name: "__Host-s"}, true},
		"__Secure-": {session.Cookie{Name: "__Secure-s"}, true},
	} {
		if err := c.cookie.Obstacle(false); (err != nil) != c.drops {
			t.Errorf("%s over http: %v", name, err)
		}
		if err := c.cookie.Obstacle(true); err != nil {
			t.Errorf("%s over https: %v", name, err)
		}
	}
}

func TestManagersThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	for name, change := range map[string]func(*session.Options){
		"no secret":          func(o *session.Options) { o.Keyring = nil },
		"no realm":           func(o *session.Options) { o.Realms = nil },
		"no cookie name":     func(o *session.Options) { o.Cookie.Name = "" },
		"a negative timeout": func(o *session.Options) { o.Rolling = -1 },
	} {
		opts := b.opts
		change(&opts)
		if _, err := session.New(opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := session.NewKeyCookie(session.KeyOptions{Cookie: session.Cookie{Name: "k"}}); err == nil {
		t.Error("a key cookie without secret: accepted")
	}
	if _, err := session.New(b.opts); err != nil {
		t.Errorf("control: %v", err)
	}
}
