package config

import (
	"fmt"
	"strings"

	"sallyport/internal/schema"
	"sallyport/internal/session"
)

func sameSites() []session.SameSite {
	return []session.SameSite{
		session.SameSiteDefault, session.SameSiteLax, session.SameSiteNone, session.SameSiteStrict,
	}
}

// cookieName, cookiePath and cookieDomain judge one attribute by itself; how
// they fit together is judged by checkCookies.
func cookieName(v any) error {
	text, _ := v.(string)
	return session.Cookie{Name: text}.Check()
}

func cookiePath(v any) error {
	text, _ := v.(string)
	return session.Cookie{Name: "x", Path: text}.Check()
}

func cookieDomain(v any) error {
	text, _ := v.(string)
	return session.Cookie{Name: "x", Domain: text}.Check()
}

// cookieOf reads the attributes of one cookie from normalised values.
func cookieOf(v map[string]any, prefix string) session.Cookie {
	text := func(name string) string {
		s, _ := v[prefix+name].(string)
		return s
	}
	c := session.Cookie{
		Name: text("name"), Path: text("path"), Domain: text("domain"),
		SameSite: session.SameSite(text("same_site")),
	}
	if secure, ok := v[prefix+"secure"].(bool); ok {
		c.Secure = &secure
	}
	return c
}

func cookieFieldNames(prefix string) []string {
	var out []string
	for _, name := range []string{"name", "path", "domain", "same_site", "secure"} {
		out = append(out, prefix+name)
	}
	return out
}

// checkCookie demands attributes that fit together: __Host- and __Secure-
// names, and SameSite None, need what browsers demand of them (RFC 6265bis
// §4.1.3).
func checkCookie(prefix string) schema.Check {
	return schema.Check{Fields: cookieFieldNames(prefix), Run: func(v map[string]any) []schema.Violation {
		c := cookieOf(v, prefix)
		if c.Name == "" {
			return nil
		}
		if err := c.Check(); err != nil {
			return []schema.Violation{{Field: prefix + "name", Message: err.Error()}}
		}
		return nil
	}}
}

// checkCookieNames demands that the two cookies and the session's chunks,
// which append a digit from 2 to 9, do not meet under one name.
func checkCookieNames() schema.Check {
	const login, kept = "authorization_cookie_name", "session_cookie_name"
	return schema.Check{Fields: []string{login, kept}, Run: func(v map[string]any) []schema.Violation {
		a, _ := v[login].(string)
		b, _ := v[kept].(string)
		if a != "" && strings.HasPrefix(b, a+"_target") {
			return []schema.Violation{{Field: kept, Message: fmt.Sprintf("must differ from %s and its companions", login)}}
		}
		rest, same := strings.CutPrefix(a, b)
		if a == "" || b == "" || !same || len(rest) > 1 || strings.Trim(rest, "23456789") != "" {
			return nil
		}
		return []schema.Violation{{Field: login, Message: fmt.Sprintf("must differ from %s and its chunks", kept)}}
	}}
}
