package upstream

import (
	"net/http"
	"strings"
	"sync"

	"sallyport/internal/message"
)

// dropCookies takes the cookies named by patterns out of the request and leaves
// the others byte for byte. What is left is one Cookie header.
func dropCookies(h http.Header, patterns []string) {
	lines := h["Cookie"]
	if len(lines) == 0 || len(lines) == 1 && len(patterns) == 0 {
		return
	}
	if kept := keptCookies(lines, patterns); kept == "" {
		delete(h, "Cookie")
	} else {
		h["Cookie"] = []string{kept}
	}
}

// keptCookies joins Cookie lines (HTTP/2 sends them in crumbs) and removes the
// cookies named by patterns.
func keptCookies(lines, patterns []string) string {
	return withoutCookies(strings.Join(lines, "; "), patterns)
}

// withoutCookies removes the cookies named by patterns from a Cookie line.
func withoutCookies(line string, patterns []string) string {
	var kept strings.Builder
	unchanged := 0 // bytes of line that are copied neither to kept nor dropped yet
	dropped := false
	for from := 0; from <= len(line); {
		end := strings.IndexByte(line[from:], ';')
		next := from + end + 1
		if end < 0 {
			end = len(line) - from
			next = len(line) + 1
		}
		name, _, _ := strings.Cut(line[from:from+end], "=")
		if matches(patterns, strings.Trim(name, " \t")) {
			kept.WriteString(line[unchanged:from])
			unchanged = min(next, len(line))
			dropped = true
		}
		from = next
	}
	if !dropped {
		return line
	}
	kept.WriteString(line[unchanged:])
	return strings.Trim(kept.String(), " \t;")
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if message.MatchCookie(pattern, name) {
			return true
		}
	}
	return false
}

// dropSetCookies takes out of a response what it sets under one of our own
// names: the user agent would lose our cookie to it.
func (e *exchange) dropSetCookies(h http.Header) {
	lines := h["Set-Cookie"]
	if len(lines) == 0 || len(e.OwnCookies) == 0 {
		return
	}
	kept := lines[:0:0]
	for _, line := range lines {
		if !e.dropsSetCookie(line) {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}

// dropsSetCookie reports whether a Set-Cookie line sets a cookie of ours.
func (e *exchange) dropsSetCookie(line string) bool {
	pair, _, _ := strings.Cut(line, ";")
	name := cookieName(pair)
	own := ownCookie(e.OwnCookies, name)
	if own == nil {
		return false
	}
	e.t.proxy.reportDrop(e, own, name)
	return true
}

// cookieName is the name under which a user agent sends a cookie back: of one
// without a name it sends the value alone, which may hold a name.
func cookieName(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	if name = strings.Trim(name, " \t"); name == "" {
		name, _, _ = strings.Cut(value, "=")
	}
	return strings.Trim(name, " \t")
}

func ownCookie(own []message.OwnCookie, name string) *message.OwnCookie {
	for i := range own {
		if message.MatchCookie(own[i].Name, name) {
			return &own[i]
		}
	}
	return nil
}

// maxReports bounds how many dropped cookies are told apart.
const maxReports = 1024

// cookieLog remembers which dropped cookies were logged.
type cookieLog struct {
	mu   sync.Mutex // guards seen
	seen map[[2]string]bool
}

func (l *cookieLog) first(service, pattern string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{service, pattern}
	if l.seen[key] || len(l.seen) >= maxReports {
		return false
	}
	if l.seen == nil {
		l.seen = map[[2]string]bool{}
	}
	l.seen[key] = true
	return true
}

// reportDrop logs once for a service and cookie.
func (p *Proxy) reportDrop(e *exchange, own *message.OwnCookie, name string) {
	if !p.drops.first(e.t.service.ID, own.Name) {
		return
	}
	p.opts.Logger.WarnContext(e.r.Context(),
		"upstream sets a cookie under a name of ours: it is dropped; rename ours with the setting to let it through",
		"cookie", name, "setting", own.Setting, "service_id", e.t.service.ID, "service", e.t.service.Name)
}
