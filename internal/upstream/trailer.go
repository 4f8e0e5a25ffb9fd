package upstream

import (
	"net/http"
	"net/textproto"
	"strings"
)

// announcedTrailer lists the trailers of the request that the upstream gets.
// One that could stand in for a header which decides who asks is left out: some
// upstreams merge trailers into headers.
func (e *exchange) announcedTrailer() http.Header {
	var announced http.Header
	for name := range e.r.Trailer {
		if !plainTrailer(name) || removed(name) || e.Header != nil && e.Header.Touches(name) {
			continue
		}
		if announced == nil {
			announced = make(http.Header, len(e.r.Trailer))
		}
		announced[name] = nil
	}
	return announced
}

// plainTrailer reports whether a field may be a trailer (RFC 9110 §6.5.1): none
// that frames, routes, authenticates or describes the content.
func plainTrailer(name string) bool {
	switch name {
	case "Authorization", "Cookie", "Set-Cookie", "Cache-Control", "Expect", "Host", "Max-Forwards", "Pragma", "Range",
		"Www-Authenticate", "Location", "Age", "Date", "Expires", "Vary", "Retry-After":
		return false
	}
	return !strings.HasPrefix(name, "Content-") && !strings.HasPrefix(name, "If-") && !hopByHop(name)
}

// fillTrailer gives the announced trailers the values that came.
func fillTrailer(announced, received http.Header) {
	for name := range announced {
		announced[name] = received[name]
	}
}

// wantsTrailers reports whether the user agent takes trailers.
func wantsTrailers(h http.Header) bool {
	for _, value := range h["Te"] {
		for more := true; more; {
			var coding string
			coding, value, more = strings.Cut(value, ",")
			coding, _, _ = strings.Cut(coding, ";")
			if strings.EqualFold(textproto.TrimString(coding), "trailers") {
				return true
			}
		}
	}
	return false
}
