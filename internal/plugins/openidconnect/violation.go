package openidconnect

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// violation is a rule that a request breaks: a sentence for a person, and what a
// developer needs to find out why.
type violation struct {
	// cause names the setting, what it demands and what was found, for logs and,
	// with display_errors, for the user agent. It is bounded.
	cause string
	// text explains it to a person, without the values that are demanded.
	text string
	// scope is what the access token lacks (RFC 6750 section 3.1); empty for
	// rules about something else.
	scope string
}

func (w *violation) size() int {
	if w == nil {
		return 0
	}
	return len(w.cause) + len(w.scope)
}

// askTheOperator ends every sentence for a person.
const askTheOperator = " Whoever runs this site can change that; the identifiers below help them to find out why."

// ruleTexts tell a person which rule they fail.
var ruleTexts = map[string]string{
	config.ScopesRequired:   "You are signed in, but this site was not given the permission that this page asks for.",
	config.AudienceRequired: "You are signed in, but the sign-in is meant for another application than this page.",
	config.GroupsRequired:   "You are signed in, but your account is not in a group that may open this page.",
	config.RolesRequired:    "You are signed in, but your account does not have a role that may open this page.",
}

// The bounds of what a cause shows of a token.
const (
	maxShown     = 10
	maxShownText = 60
)

// shown lists values for a developer.
func shown(values []string) string {
	if len(values) == 0 {
		return "nothing"
	}
	list := make([]string, 0, maxShown+1)
	for i, v := range values {
		if i == maxShown {
			list = append(list, fmt.Sprintf("and %d more", len(values)-maxShown))
			break
		}
		if len(v) > maxShownText {
			v = v[:maxShownText] + "…"
		}
		list = append(list, fmt.Sprintf("%q", v))
	}
	return strings.Join(list, ", ")
}

// violated is the first rule that e breaks, nil for none.
func (h *handler) violated(e *session.Entry) *violation {
	for _, check := range []func(*session.Entry) *violation{h.forbiddenClaim, h.missingClaim, h.foreignDomain, h.foreignMail} {
		if found := check(e); found != nil {
			return found
		}
	}
	return nil
}

func (h *handler) forbiddenClaim(e *session.Entry) *violation {
	for _, name := range h.config.Claims.Forbidden {
		state := ruleClaim(e, forbiddenPrefix+name, unreadable, func(t *oidc.Claims) string { return presence(t, name) })
		if state == "" {
			continue
		}
		found := &violation{
			cause: "claims_forbidden: the access token has the claim " + name,
			text:  "You are signed in, but your account has a property with which this page cannot be opened." + askTheOperator,
		}
		if state == unreadable {
			found.cause = "claims_forbidden: the access token cannot be read, so that nobody knows whether it has the claim " + name
		}
		return found
	}
	return nil
}

func (h *handler) missingClaim(e *session.Entry) *violation {
	for i := range h.config.Claims.Rules {
		rule := &h.config.Claims.Rules[i]
		joined := ruleClaim(e, rulePrefix+strings.Join(rule.Path, pathSeparator), "", func(t *oidc.Claims) string { return ruleValues(t, rule.Path) })
		var values []string
		if joined != "" {
			values = strings.Split(joined, valueSeparator)
		}
		if rule.Holds(values) {
			continue
		}
		found := &violation{
			cause: fmt.Sprintf("%s: missing %s; the claim %s of the access token has %s", rule.Name, missing(rule, values), strings.Join(rule.Path, " → "), shown(values)),
			text:  ruleTexts[rule.Name] + askTheOperator,
		}
		if rule.Name == config.ScopesRequired && len(rule.Alternatives) > 0 {
			found.scope = strings.Join(rule.Alternatives[0], " ")
		}
		return found
	}
	return nil
}

// missing tells, for each alternative of a rule, the words that are not among
// values.
func missing(rule *config.ClaimRule, values []string) string {
	ways := make([]string, 0, len(rule.Alternatives))
	for _, words := range rule.Alternatives {
		var lacks []string
		for _, w := range words {
			if !slices.Contains(values, w) {
				lacks = append(lacks, fmt.Sprintf("%q", w))
			}
		}
		ways = append(ways, strings.Join(lacks, " and "))
	}
	return strings.Join(ways, ", or ")
}

// foreignDomain is the rule domains: Google's hosted domain, of whichever source
// names one.
func (h *handler) foreignDomain(e *session.Entry) *violation {
	domains := h.config.Claims.Domains
	if len(domains) == 0 {
		return nil
	}
	domain, present := whoTextOf(e, hostedDomain)
	if present && slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, domain) }) {
		return nil
	}
	found := "no hd claim"
	if present {
		found = shown([]string{domain})
	}
	return &violation{
		cause: "domains: none of " + shown(domains) + "; there is " + found,
		text:  "You are signed in, but your account does not belong to an organisation that may open this page." + askTheOperator,
	}
}

// foreignMail is the rule sallyport.email_domains.
func (h *handler) foreignMail(e *session.Entry) *violation {
	domains := h.config.Own.Emails
	if len(domains) == 0 {
		return nil
	}
	address, flag, _ := strings.Cut(keptOf(e, whoMail, mailOf), valueSeparator)
	switch {
	case flag == verified && config.EmailIsOf(address, domains):
		return nil
	case address == "":
		return &violation{
			cause: "sallyport.email_domains: there is no email claim",
			text:  "You are signed in, but the identity provider did not tell your e-mail address, by which this page lets people in." + askTheOperator,
		}
	case flag != verified:
		return &violation{
			cause: "sallyport.email_domains: email_verified is not true beside " + shown([]string{address}),
			text:  "You are signed in, but your e-mail address is not confirmed. Confirm it where your account is kept, and sign in again.",
		}
	}
	names := make([]string, 0, len(domains))
	for _, d := range domains {
		names = append(names, d.String())
	}
	return &violation{
		cause: "sallyport.email_domains: " + shown([]string{address}) + " is no address of " + shown(names),
		text:  "You are signed in, but your e-mail address is not one of an organisation that may open this page." + askTheOperator,
	}
}
