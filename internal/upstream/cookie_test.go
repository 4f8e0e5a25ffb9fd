package upstream

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/message"
)

func TestWithoutCookies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, line, want string }{
		{"nothing of ours", `a=1; b="x, y";c`, `a=1; b="x, y";c`},
		{"first", "session=x; a=1; b=2", "a=1; b=2"},
		{"middle", "a=1; session=x; b=2", "a=1; b=2"},
		{"last", "a=1; b=2; session=x", "a=1; b=2"},
		{"only", "session=x", ""},
		{"several of one name, and chunks", "session=x; a=1; session=y; session2=z; session12=z", "a=1"},
		{"names that only begin alike are others'", "session_id=1; session2x=2; session100=3; xsession=4", "session_id=1; session2x=2; session100=3; xsession=4"},
		{"without a value", "session; a", "a"},
		{"blanks around the name", "a=1; \tsession = x ;b=2", "a=1;b=2"},
		{"names are case-sensitive", "Session=1", "Session=1"},
		{"others stay byte for byte", "a=1;  b = 2 ;session=x;c=%3B=;;d", "a=1;  b = 2 ;c=%3B=;;d"},
		{"exact names do not match chunks", "key=1; key2=2", "key2=2"},
		{"an empty line", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := withoutCookies(tc.line, []string{"session*", "key"}); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzWithoutCookies(f *testing.F) {
	for _, seed := range []string{"", "session=x", "a=1; session=x; b", ";;=;session;", "session=a;session2=b; c=session=d"} {
		f.Add(seed)
	}
	names := []string{"session*"}
	f.Fuzz(func(t *testing.T, line string) {
		got := withoutCookies(line, names)
		if len(got) > len(line) {
			t.Errorf("%q grew to %q", line, got)
		}
		var want []string
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if !matches(names, strings.Trim(name, " \t")) {
				want = append(want, part)
			}
		}
		if len(want) == strings.Count(line, ";")+1 {
			if got != line {
				t.Errorf("%q without a cookie of ours became %q", line, got)
			}
			return
		}
		if joined := strings.Trim(strings.Join(want, ";"), " \t;"); got != joined {
			t.Errorf("%q gave %q, want %q", line, got, joined)
		}
	})
}

func TestOneCookieHeaderReachesTheUpstream(t *testing.T) {
	t.Parallel()
	addr, head := capture(t)
	b := start(t, addr, func(s *setup) { s.exchange = func(x *Exchange) { x.DropCookies = []string{"session"} } })
	b.raw(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: a=1; session=x\r\nCookie: b=2\r\n\r\n")
	if diff := cmp.Diff([]string{"a=1; b=2"}, header(head(), "Cookie")); diff != "" {
		t.Error(diff)
	}
	b.raw(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: session=x\r\n\r\n")
	if got := header(head(), "Cookie"); got != nil {
		t.Errorf("Cookie is %q, want none", got)
	}
}

func TestSetCookieUnderOurNamesIsDroppedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "session=theirs; Path=/")
			w.Header().Add("Set-Cookie", "theme=dark")
			w.Header().Add("Set-Cookie", " session2 =theirs")
			w.Header().Add("Set-Cookie", "=session=theirs; Path=/") // sent back as session=theirs
			w.Header().Add("Set-Cookie", "=plain")
		})
		b := start(t, addr, func(s *setup) {
			s.exchange = func(x *Exchange) {
				x.OwnCookies = []message.OwnCookie{{Name: "session*", Setting: "config.session_cookie_name"}}
			}
		})
		for range 2 {
			res := b.get(t, "/")
			if diff := cmp.Diff([]string{"theme=dark", "=plain"}, res.Header["Set-Cookie"]); diff != "" {
				t.Error(diff)
			}
		}
		if n := strings.Count(b.log.String(), "setting=config.session_cookie_name"); n != 1 {
			t.Errorf("logged %d times, want once:\n%s", n, b.log)
		}
		if strings.Contains(b.log.String(), "theirs") {
			t.Error("the cookie's value is in the log")
		}
	})
}
