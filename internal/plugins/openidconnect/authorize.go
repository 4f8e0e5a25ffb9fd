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

// admit refuses a request whose token breaks a claims rule, or whose consumer is
// demanded and not known; else it records who is there. It is asked at login and
// for every request, and other rules are another handler, which opens each record
// anew: so a rule that is added later applies to sessions that exist. The error is
// the 403, the 503 of a session that could not be ended with it, or errStandIn.
func (h *handler) admit(v *visit, r *ready, client *config.Client) error {
	if found := h.refusal(v, r); found != nil {
		return h.forbid(v, found, client)
	}
	return nil
}

// admitSession is admit for a session.
func (h *handler) admitSession(v *visit, s *session.Session) error {
	found := h.refusal(v, readyOf(s))
	if found == nil {
		return nil
	}
	client, _ := h.config.ClientByID(s.Entry().Realm.ClientID)
	return h.forbid(v, found, client)
}

// refusal is the rule by which a request is refused, nil for one that passes.
func (h *handler) refusal(v *visit, r *ready) *violation {
	if r.violated != nil {
		return r.violated
	}
	return h.recognize(v, &r.who)
}

func (h *handler) forbid(v *visit, found *violation, client *config.Client) error {
	v.emit(flow.Event{Kind: flow.Session, Step: "claims", Verdict: flow.Refused, Found: found.cause})
	if v.mayStandIn() {
		return errStandIn
	}
	if h.config.Error.EndSessionForbidden && v.session != nil {
		if err := h.endRefused(v); err != nil {
			return err
		}
	}
	return v.refuse(outcome{
		status: http.StatusForbidden, cause: found.cause, client: client, tokenError: "insufficient_scope", scope: found.scope,
		text: found.text, other: true,
	})
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
