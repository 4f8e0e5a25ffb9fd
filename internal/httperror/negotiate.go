package httperror

import (
	"strconv"
	"strings"
)

type kind int

const (
	kindJSON kind = iota
	kindHTML
	kindXML
	kindPlain
)

func (k kind) contentType() string {
	switch k {
	case kindHTML:
		return "text/html; charset=utf-8"
	case kindXML:
		return "application/xml; charset=utf-8"
	case kindPlain:
		return "text/plain; charset=utf-8"
	case kindJSON:
	}
	return "application/json; charset=utf-8"
}

// maxAcceptParts bounds how many members of Accept are looked at.
const maxAcceptParts = 32

// negotiate picks the body type by Accept with its q-values; without a usable
// one it is JSON. A plugin's refusal is a page where the request prefers HTML
// and JSON everywhere else.
func negotiate(r Request, shape Shape) kind {
	best, bestQ := kindJSON, 0.0
	for i, part := range strings.Split(r.Accept, ",") {
		if i == maxAcceptParts {
			break
		}
		media, q := parseAccept(part)
		k, ok := kindOf(media)
		if ok && q > bestQ {
			best, bestQ = k, q
		}
	}
	if shape == Plugin && best != kindHTML {
		return kindJSON
	}
	return best
}

func kindOf(media string) (kind, bool) {
	switch media {
	case "application/json", "*/*", "application/*":
		return kindJSON, true
	case "text/html", "application/xhtml+xml", "text/*":
		return kindHTML, true
	case "application/xml", "text/xml":
		return kindXML, true
	case "text/plain":
		return kindPlain, true
	}
	return kindJSON, false
}

func parseAccept(part string) (media string, q float64) {
	media, params, _ := strings.Cut(part, ";")
	q = 1
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			if f, err := strconv.ParseFloat(value, 64); err == nil && f >= 0 && f <= 1 {
				q = f
			}
		}
	}
	return strings.ToLower(strings.TrimSpace(media)), q
}
