package config

import (
	"errors"
	"strings"

	"golang.org/x/net/idna"
)

// EmailDomain is a domain of e-mail addresses, or all subdomains of one.
type EmailDomain struct {
	// name is in lower case and, where it is international, in its ASCII form.
	name string
	// below tells that its subdomains are meant, and not the domain itself.
	below bool
}

// String is the domain as it is configured, in its canonical form.
func (d EmailDomain) String() string {
	if d.below {
		return "*." + d.name
	}
	return d.name
}

// holds tells whether a domain in canonical form is meant.
func (d EmailDomain) holds(domain string) bool {
	if !d.below {
		return domain == d.name
	}
	rest, ok := strings.CutSuffix(domain, "."+d.name)
	return ok && rest != ""
}

// EmailIsOf tells whether address is one address of one of domains. It is read
// strictly: what mail servers, display names and databases might take for
// another address is none.
func EmailIsOf(address string, domains []EmailDomain) bool {
	domain, ok := domainOf(address)
	if !ok {
		return false
	}
	for _, d := range domains {
		if d.holds(domain) {
			return true
		}
	}
	return false
}

// The limits of an address (RFC 5321 section 4.5.3.1).
const (
	maxAddress   = 254
	maxLocalPart = 64
)

// atomCharacters may stand in a local part besides letters and digits (RFC 5322
// section 3.2.3). Quoted strings and comments are not taken.
const atomCharacters = "!#$%&'*+-/=?^_`{|}~."

// domainOf is the domain of an address in canonical form.
func domainOf(address string) (string, bool) {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || len(address) > maxAddress || !isDotAtom(local) || strings.Contains(domain, "@") {
		return "", false
	}
	canonical, ok := canonicalDomain(domain)
	if !ok || !sameLetters(domain, canonical) {
		return "", false
	}
	return canonical, true
}

func isDotAtom(local string) bool {
	if local == "" || len(local) > maxLocalPart || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for i := range len(local) {
		if c := local[i]; !isLetterOrDigit(c) && !strings.ContainsRune(atomCharacters, rune(c)) {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// sameLetters refuses look-alikes that IDNA maps to other letters, such as the
// Kelvin sign and letters of full width: whoever sent a message to that domain to
// verify the address may have mapped them otherwise.
func sameLetters(domain, canonical string) bool {
	if strings.EqualFold(domain, canonical) && isASCII(domain) {
		return true
	}
	unicode, err := idna.Lookup.ToUnicode(canonical)
	return err == nil && unicode == domain
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// canonicalDomain folds case and gives the ASCII form (RFC 5891). A trailing dot,
// an address literal and a name of one label are no domain of an address.
func canonicalDomain(domain string) (string, bool) {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" || !strings.Contains(ascii, ".") || strings.HasPrefix(ascii, ".") || strings.HasSuffix(ascii, ".") ||
		strings.Contains(ascii, "..") {
		return "", false
	}
	for i := range len(ascii) {
		c := ascii[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' && c != '.' {
			return "", false
		}
	}
	return ascii, true
}

var errEmailDomain = errors.New("expected a domain, as in example.com or *.example.com")

func parseEmailDomain(text string) (EmailDomain, error) {
	rest, below := strings.CutPrefix(text, "*.")
	name, ok := canonicalDomain(rest)
	if !ok {
		return EmailDomain{}, errEmailDomain
	}
	return EmailDomain{name: name, below: below}, nil
}
