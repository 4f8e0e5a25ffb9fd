package oidc

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

const (
	suffixOpenID = "/.well-known/openid-configuration"
	suffixOAuth  = "/.well-known/oauth-authorization-server"
	tenantMark   = "{tenantid}"
)

// ErrResponseIss is the rule of CheckResponseIssuer.
var ErrResponseIss = errors.New("iss parameter")

// issuerName is a configured issuer: its identifier without a trailing slash,
// and where its document may be found, best place first.
type issuerName struct {
	identifier string
	documents  []string
}

// parseIssuer reads an issuer identifier, or the URL of its document. A
// document that is named by its URL is fetched from exactly there, its query
// included.
func parseIssuer(configured string) (issuerName, error) {
	u, err := absoluteURL(configured)
	if err != nil {
		return issuerName{}, err
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	for _, suffix := range []string{suffixOpenID, suffixOAuth} {
		if base, found := strings.CutSuffix(path, suffix); found {
			return issuerName{identifier: origin + strings.TrimSuffix(base, "/"), documents: []string{configured}}, nil
		}
		// RFC 8414 §3.1 puts the suffix between host and path.
		if rest, found := strings.CutPrefix(path, suffix+"/"); found {
			return issuerName{identifier: origin + "/" + rest, documents: []string{configured}}, nil
		}
	}
	if u.RawQuery != "" {
		return issuerName{}, errors.New("an issuer has no query")
	}
	return issuerName{
		identifier: origin + path,
		documents:  []string{origin + path + suffixOpenID, origin + suffixOAuth + path},
	}, nil
}

// absoluteURL reads an absolute http or https URL without user and fragment.
func absoluteURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" ||
		u.User != nil || u.Fragment != "" || strings.HasSuffix(text, "#") {
		return nil, errors.New("not an absolute http or https url")
	}
	return u, nil
}

// SameIssuer reports whether two configured issuers are one: each may be an
// identifier, with or without a trailing slash, or the URL of its document.
func SameIssuer(a, b string) bool {
	x, xErr := parseIssuer(a)
	y, yErr := parseIssuer(b)
	if xErr != nil || yErr != nil {
		return sameIdentifier(a, b)
	}
	return x.identifier == y.identifier
}

// sameIdentifier compares issuers of documents: a trailing slash and a
// well-known suffix do not count, everything else does.
func sameIdentifier(a, b string) bool { return bareIdentifier(a) == bareIdentifier(b) }

func bareIdentifier(s string) string {
	s = strings.TrimSuffix(s, "/")
	for _, suffix := range []string{suffixOpenID, suffixOAuth} {
		s = strings.TrimSuffix(s, suffix)
	}
	return strings.TrimSuffix(s, "/")
}

// documentIssuer accepts the issuer that a discovery document names: the
// configured one, or one that is listed as allowed (OpenID Connect Discovery
// 1.0 §4.3, RFC 8414 §3.3). An allowed {tenantid} stands here for itself: the
// document of all tenants carries the mark literally.
func documentIssuer(found, configured string, allowed []string) bool {
	if sameIdentifier(found, configured) {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return sameIdentifier(found, a) })
}

// tokenIssuer accepts the iss of a token: exactly one of expected, in which
// {tenantid} stands for the token's own tid.
func tokenIssuer(iss, tenant string, expected []string) bool {
	return slices.ContainsFunc(expected, func(e string) bool {
		if !strings.Contains(e, tenantMark) {
			return iss == e
		}
		return tenantName(tenant) && iss == strings.ReplaceAll(e, tenantMark, tenant)
	})
}

// tenantName keeps a tid from reshaping the issuer it is put into.
func tenantName(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// CheckResponseIssuer checks the iss parameter of an authorization response
// (RFC 9207 §2.4): whenever it was sent it must be the issuer to which the
// user agent had been sent, and it must have been sent where the document
// announces it. The error is a *Violation of ErrResponseIssuer.
func (p *Provider) CheckResponseIssuer(md *Metadata, iss string, sent bool) error {
	refuse := func(found string) error {
		return &Violation{
			Rule: ErrResponseIss, Clause: "RFC 9207 2.4", class: ErrResponseIssuer,
			Expected: quoted(md.Issuer), Found: found,
		}
	}
	switch {
	case !sent && md.ResponseIssuer:
		return refuse("no iss parameter, though it is announced")
	case !sent, iss == md.Issuer, slices.Contains(p.opts.IssuersAllowed, iss) && !strings.Contains(iss, tenantMark):
		return nil
	default:
		return refuse(quoted(iss))
	}
}
