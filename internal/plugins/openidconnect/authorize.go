package openidconnect

import (
	"net/http"
	"strings"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

const (
	// rulePrefix and forbiddenPrefix name what a session keeps of the access
	// token for the claims rules.
	rulePrefix      = "\x00rule\x1f"
	forbiddenPrefix = "\x00forbidden\x1f"
	// valueSeparator joins the values of a claim; a value that holds it counts
	// as absent.
	valueSeparator = "\x1e"
	present        = "present"
	// unreadable stands for every claim of a token that is no JWT, or none that
	// we read: nobody can say what it does not hold.
	unreadable = "unreadable"
)

// authorize holds the access token of a login to the claims rules. The error is
// that of admit.
func (h *handler) authorize(v *visit, e *session.Entry, client *config.Client) error {
	return h.admit(v, h.violated(e), client)
}

// admit refuses a request whose access token breaks the rule called cause, empty
// for none. It is asked at login and for every request, and other rules are
// another handler, which opens each record anew: so a rule that is added later
// applies to sessions that exist. The error is the 403, or the 503 of a session
// that could not be ended with it.
func (h *handler) admit(v *visit, cause string, client *config.Client) error {
	if cause == "" {
		return nil
	}
	v.emit(flow.Event{Kind: flow.Session, Step: "claims", Verdict: flow.Refused, Found: cause})
	if h.config.Error.EndSessionForbidden && v.session != nil {
		if err := h.endRefused(v); err != nil {
			return err
		}
	}
	return v.refuse(outcome{
		status: http.StatusForbidden, cause: cause, client: client, tokenError: "insufficient_scope", scope: h.demandedScope(cause),
		text: "You are signed in, but your account lacks a permission that this page asks for.",
	})
}

// admitSession is admit for a session.
func (h *handler) admitSession(v *visit, s *session.Session) error {
	cause := readyOf(s).violated
	if cause == "" {
		return nil
	}
	client, _ := h.config.ClientByID(s.Entry().Realm.ClientID)
	return h.admit(v, cause, client)
}

// demandedScope is what a request that breaks the rule of this name needs (RFC
// 6750 section 3.1); empty for rules about something else.
func (h *handler) demandedScope(rule string) string {
	for i := range h.config.Claims.Rules {
		if r := &h.config.Claims.Rules[i]; r.Name == rule && rule == config.ScopesRequired && len(r.Alternatives) > 0 {
			return strings.Join(r.Alternatives[0], " ")
		}
	}
	return ""
}

// violated names the first rule that the access token breaks, empty for none.
func (h *handler) violated(e *session.Entry) string {
	c := &h.config.Claims
	for _, name := range c.Forbidden {
		switch ruleClaim(e, forbiddenPrefix+name, unreadable, func(t *oidc.Claims) string { return presence(t, name) }) {
		case "":
		case unreadable:
			return "claims_forbidden: " + name + ": the access token cannot be read"
		default:
			return "claims_forbidden: " + name
		}
	}
	for i := range c.Rules {
		rule := &c.Rules[i]
		joined := ruleClaim(e, rulePrefix+strings.Join(rule.Path, pathSeparator), "", func(t *oidc.Claims) string { return ruleValues(t, rule.Path) })
		var values []string
		if joined != "" {
			values = strings.Split(joined, valueSeparator)
		}
		if !rule.Holds(values) {
			return rule.Name
		}
	}
	return ""
}

// ruleClaim is what a session kept under name; one from before the rule was
// configured is asked through its access token, and otherwise says what is to
// be assumed of one that cannot be read.
func ruleClaim(e *session.Entry, name, otherwise string, read func(*oidc.Claims) string) string {
	for _, c := range e.Claims {
		if c.Name == name {
			return c.Value
		}
	}
	claims, err := oidc.UnverifiedClaims(e.AccessToken)
	if err != nil {
		return otherwise
	}
	return read(claims)
}

// keepRuleClaims stores what the claims rules need of the access token, or of its
// introspection; claims is nil where nobody can read it.
func (h *handler) keepRuleClaims(kept []session.Claim, claims *oidc.Claims) []session.Claim {
	c := &h.config.Claims
	if len(c.Rules)+len(c.Forbidden) == 0 {
		return kept
	}
	for _, name := range c.Forbidden {
		value := unreadable
		if claims != nil {
			value = presence(claims, name)
		}
		kept = append(kept, session.Claim{Name: forbiddenPrefix + name, Value: value})
	}
	for i := range c.Rules {
		value := ""
		if claims != nil {
			value = ruleValues(claims, c.Rules[i].Path)
		}
		kept = append(kept, session.Claim{Name: rulePrefix + strings.Join(c.Rules[i].Path, pathSeparator), Value: value})
	}
	return kept
}

func presence(claims *oidc.Claims, name string) string {
	if _, ok := claims.Lookup(name); ok {
		return present
	}
	return ""
}

// ruleValues are the values of a claim, joined: the words of a text, the
// members of a list as they are.
func ruleValues(claims *oidc.Claims, path []string) string {
	if len(path) == 0 {
		return ""
	}
	var values []string
	if text, ok := claims.Text(path...); ok {
		values = strings.Fields(text)
	} else {
		values, _ = claims.Texts(path...)
	}
	usable := values[:0:0]
	for _, value := range values {
		if value != "" && !strings.Contains(value, valueSeparator) {
			usable = append(usable, value)
		}
	}
	return strings.Join(usable, valueSeparator)
}
