package openidconnect

import (
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// What a session keeps of a person is named by these prefixes and the path, and
// holds present in front of the value, or nothing for a claim that is absent.
const (
	whoText = "\x00text\x1f"
	whoList = "\x00list\x1f"
	// whoMail keeps the e-mail address and, after a separator, verified where
	// its source says so.
	whoMail = "\x00mail"

	whoPresent = "="
	verified   = "verified"
)

// who is what a token says of a person, ready for looking it up.
type who struct {
	// owner is the consumer that the configuration itself says, nil for none.
	owner *entity.Consumer
	// consumer names a consumer; empty where nothing does.
	consumer string
	// consumerGroups are names of consumer groups.
	consumerGroups []string
	// credential stands for a credential.
	credential string
	// groups are for the acl plugin; nil where the claim is absent. header is
	// their form for the upstream.
	groups []string
	header string
}

// textOf is a claim of the first source that has it, as text: nothing where that
// is no text.
func textOf(sources []*oidc.Claims, path []string) string {
	for _, claims := range sources {
		if _, there := claims.Lookup(path...); there {
			if text, ok := claims.Text(path...); ok && text != "" {
				return whoPresent + text
			}
			return ""
		}
	}
	return ""
}

// listOf is a claim of the first source that has it, as a list.
func listOf(sources []*oidc.Claims, path []string) string {
	for _, claims := range sources {
		if _, there := claims.Lookup(path...); there {
			return whoPresent + ruleValues(claims, path)
		}
	}
	return ""
}

// mailOf is the e-mail address of the first source that has one. Only what the
// same source says of it counts: another one may mean another address.
func mailOf(sources []*oidc.Claims) string {
	for _, claims := range sources {
		address, ok := claims.Text("email")
		if !ok {
			continue
		}
		if flag, _ := claims.Text("email_verified"); flag == "true" && !strings.Contains(address, valueSeparator) {
			return address + valueSeparator + verified
		}
		return address
	}
	return ""
}

// whoClaims are the claims that looking people up needs.
func (h *handler) whoClaims() (texts, lists [][]string) {
	c := &h.config.Consumer
	texts = append(texts, c.Claims...)
	if len(c.Credential) > 0 {
		texts = append(texts, c.Credential)
	}
	for _, path := range [][]string{c.Groups, c.AuthenticatedGroups} {
		if len(path) > 0 {
			lists = append(lists, path)
		}
	}
	if len(h.config.Claims.Domains) > 0 {
		texts = append(texts, hostedDomain)
	}
	return texts, lists
}

// hostedDomain is Google's claim of the organisation to which an account belongs.
var hostedDomain = []string{"hd"}

// keepWho stores what looking a person up needs. The subject as credential is
// not stored twice.
func (h *handler) keepWho(kept []session.Claim, e *session.Entry, sources []*oidc.Claims) []session.Claim {
	texts, lists := h.whoClaims()
	for _, path := range texts {
		value := textOf(sources, path)
		if isSubject(path) && value == whoPresent+e.Subject {
			continue
		}
		kept = append(kept, session.Claim{Name: whoText + strings.Join(path, pathSeparator), Value: value})
	}
	for _, path := range lists {
		kept = append(kept, session.Claim{Name: whoList + strings.Join(path, pathSeparator), Value: listOf(sources, path)})
	}
	if len(h.config.Own.Emails) > 0 {
		kept = append(kept, session.Claim{Name: whoMail, Value: mailOf(sources)})
	}
	return kept
}

func isSubject(path []string) bool { return len(path) == 1 && path[0] == "sub" }

// keptOf is what a session keeps under name; one from before it was wanted is asked
// through its tokens.
func keptOf(e *session.Entry, name string, read func([]*oidc.Claims) string) string {
	for _, c := range e.Claims {
		if c.Name == name {
			return c.Value
		}
	}
	return read(claimSources(e))
}

func whoTextOf(e *session.Entry, path []string) (text string, present bool) {
	if isSubject(path) && e.Subject != "" && !keeps(e, whoText+path[0]) {
		return e.Subject, true
	}
	return strings.CutPrefix(keptOf(e, whoText+strings.Join(path, pathSeparator), func(from []*oidc.Claims) string { return textOf(from, path) }), whoPresent)
}

func keeps(e *session.Entry, name string) bool {
	for _, c := range e.Claims {
		if c.Name == name {
			return true
		}
	}
	return false
}

// whoListOf is nil for a claim that is absent.
func whoListOf(e *session.Entry, path []string) []string {
	joined, present := strings.CutPrefix(keptOf(e, whoList+strings.Join(path, pathSeparator), func(from []*oidc.Claims) string { return listOf(from, path) }), whoPresent)
	switch {
	case !present:
		return nil
	case joined == "":
		return []string{}
	}
	return strings.Split(joined, valueSeparator)
}

// whoIs reads what e says of a person.
func whoIs(c *config.ConsumerConfig, e *session.Entry) who {
	var w who
	for _, path := range c.Claims {
		if text, present := whoTextOf(e, path); present {
			w.consumer = text
			break
		}
	}
	if len(c.Groups) > 0 {
		w.consumerGroups = whoListOf(e, c.Groups)
	}
	if len(c.Credential) > 0 {
		w.credential, _ = whoTextOf(e, c.Credential)
	}
	if len(c.AuthenticatedGroups) > 0 {
		w.groups = whoListOf(e, c.AuthenticatedGroups)
	}
	return w
}

// size is about how many bytes it takes.
func (w *who) size() int {
	n := len(w.consumer) + len(w.credential) + len(w.header)
	for _, list := range [][]string{w.consumerGroups, w.groups} {
		for _, item := range list {
			n += len(item) + 16
		}
	}
	return n
}
