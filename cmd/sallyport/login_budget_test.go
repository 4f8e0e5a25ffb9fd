package main

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
)

// loginKinds are a request without a session, and a login from there to the
// redirect with the session's cookie. The token endpoint of the latter is a
// canned one: it gives every login the tokens of one at the practice IdP. Of all
// checks of the ID token, that leaves out the one of the nonce alone.
func (r *budgetRig) loginKinds() []budgetKind {
	r.tb.Helper()
	answer := r.tokens.Body.Bytes()
	canned := cannedServer(r.tb, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer))
	r.route("login", "memory", map[string]any{
		"token_endpoint": "http://" + canned, "verify_nonce": false, "login_action": "redirect", "login_tokens": nil,
	})
	l := &budgetLogin{tb: r.tb, issuer: url.QueryEscape(r.idp), host: strings.TrimPrefix(r.proxy, "http://"), in: make([]byte, 64<<10)}
	c, err := net.Dial("tcp", l.host)
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { _ = c.Close() })
	l.conn = c
	return []budgetKind{{"no session", 26, l.start}, {"a whole login", 425, l.whole}}
}

// budgetLogin is a browser that logs in over one connection and allocates
// nothing itself.
type budgetLogin struct {
	tb           testing.TB
	conn         net.Conn
	host, issuer string
	out, in      []byte
}

// start has a request without a session sent to the IdP.
func (l *budgetLogin) start() {
	l.exchange(fmt.Appendf(l.out[:0], "GET /login HTTP/1.1\r\nHost: %s\r\n\r\n", l.host))
}

// whole starts a login and finishes it.
func (l *budgetLogin) whole() {
	l.out = fmt.Appendf(l.out[:0], "GET /login HTTP/1.1\r\nHost: %s\r\n\r\n", l.host)
	head := l.exchange(l.out)
	state, key := l.after(head, "state=", "&\r"), l.after(head, "Set-Cookie: authorization=", ";")
	l.out = append(l.out[:0], "GET /login/callback?code=c&iss="...)
	l.out = append(append(l.out, l.issuer...), "&state="...)
	l.out = append(append(l.out, state...), " HTTP/1.1\r\nHost: "...)
	l.out = append(append(l.out, l.host...), "\r\nCookie: authorization="...)
	l.out = append(append(l.out, key...), "\r\n\r\n"...)
	l.after(l.exchange(l.out), "Set-Cookie: login=", ";")
}

// exchange sends a request and gives the head of its answer, a redirect.
func (l *budgetLogin) exchange(request []byte) []byte {
	if _, err := l.conn.Write(request); err != nil {
		l.tb.Fatal(err)
	}
	for n := 0; ; {
		more, err := l.conn.Read(l.in[n:])
		if err != nil {
			l.tb.Fatal(err)
		}
		if n += more; bytes.HasSuffix(l.in[:n], []byte("\r\n\r\n")) {
			if head := l.in[:n]; bytes.HasPrefix(head, []byte("HTTP/1.1 302 ")) {
				return head
			}
			l.tb.Fatalf("no redirect: %s", l.in[:n])
		}
	}
}

// after gives what stands behind a text of a head, up to any of ends.
func (l *budgetLogin) after(head []byte, from, ends string) []byte {
	_, rest, ok := bytes.Cut(head, []byte(from))
	end := bytes.IndexAny(rest, ends)
	if !ok || end < 0 {
		l.tb.Fatalf("no %q in %s", from, head)
	}
	return rest[:end]
}
