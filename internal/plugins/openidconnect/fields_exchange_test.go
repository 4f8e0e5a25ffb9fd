package openidconnect_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
)

// exchanger stands before the token endpoint of a rig and exchanges tokens as
// RFC 8693 says, for tokens of the rig's IdP. It tells every token that it gave.
type exchanger struct {
	*tap
	r *rig
	// answer changes what it answers; nil leaves it.
	change func(answer map[string]any)
	given  []string
}

func (r *rig) exchanger() *exchanger {
	r.t.Helper()
	x := &exchanger{tap: r.tapped("token"), r: r}
	x.respond(func(w http.ResponseWriter, _ *http.Request) {
		form, _, _ := x.last()
		if form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || form.Get("subject_token") == "" {
			w.WriteHeader(http.StatusBadRequest)
			say(`{"error":"unsupported_grant_type"}`)(w, nil)
			return
		}
		token := r.accessToken()
		answer := map[string]any{
			"access_token": token, "token_type": "Bearer", "expires_in": 300, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
		}
		if x.change != nil {
			x.change(answer)
		}
		x.given = append(x.given, token)
		say(jsonText(answer))(w, nil)
	})
	return x
}

// foreignIdP is another issuer, with keys of its own.
func (r *rig) foreignIdP() *practiceidp.Provider {
	r.t.Helper()
	p := r.twinIdP()
	if err := p.RotateKeys(); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// twinIdP is another issuer with the keys of the rig's.
func (r *rig) twinIdP() *practiceidp.Provider {
	r.t.Helper()
	return idptest.Start(r.t, practiceidp.Options{
		Clients: []practiceidp.Client{{ID: clientID, Secret: clientSecret}},
		Users:   []practiceidp.User{{Name: "grace", Password: "hopper"}}, Now: r.clock.now,
	})
}

// foreignToken is an access token of another issuer.
func (r *rig) foreignToken(p *practiceidp.Provider) string {
	r.t.Helper()
	token, _ := r.issueAt(p, url.Values{"grant_type": {"password"}, "username": {"grace"}, "password": {"hopper"}})["access_token"].(string)
	return token
}

// exchanging is a configuration that exchanges the tokens of subjects.
func exchanging(subjects ...map[string]any) map[string]any {
	list := make([]any, 0, len(subjects))
	for _, s := range subjects {
		list = append(list, s)
	}
	return map[string]any{"subject_token_issuers": list}
}

func subject(issuer string, more map[string]any) map[string]any {
	return with(map[string]any{"issuer": issuer}, more)
}

// exchangeRows are the rows of token exchange. Addresses are known when a rig
// runs: so the change is made by the observation.
func exchangeRows() []fieldRow {
	// foreign observes what becomes of tokens of another issuer.
	foreign := func(section string, base, change map[string]any, look func(*rig, *exchanger, *practiceidp.Provider) string) func(*rig) string {
		return func(r *rig) string {
			p := r.foreignIdP()
			x := r.exchanger()
			entry, config := subject(p.Issuer(), nil), map[string]any{}
			if section != "" {
				config[section] = with(map[string]any{}, base)
			} else {
				entry = with(entry, base)
			}
			if r.changed && section != "" {
				config[section] = with(map[string]any{}, base, change)
			} else if r.changed {
				entry = with(entry, change)
			}
			r.change(map[string]any{"token_exchange": with(exchanging(entry), config)})
			return look(r, x, p)
		}
	}
	asked := func(name string) func(*rig, *exchanger, *practiceidp.Provider) string {
		return func(r *rig, x *exchanger, p *practiceidp.Provider) string {
			r.bearer(r.foreignToken(p))
			form, _, _ := x.last()
			return strings.Join(form[name], " ")
		}
	}
	twice := func(wait time.Duration) func(*rig, *exchanger, *practiceidp.Provider) string {
		return func(r *rig, x *exchanger, p *practiceidp.Provider) string {
			token := r.foreignToken(p)
			r.bearer(token)
			r.clock.advance(wait)
			r.bearer(token)
			return fmt.Sprint(x.calls())
		}
	}
	answered := func(r *rig, _ *exchanger, p *practiceidp.Provider) string { return status(r.bearer(r.foreignToken(p))) }
	forged := func(r *rig, x *exchanger, p *practiceidp.Provider) string {
		r.bearer(changed(r.t, r.foreignToken(p), func(claims map[string]any) { claims["sub"] = "root" }))
		return fmt.Sprint(x.calls())
	}
	// own observes how often a token of the configured issuer is exchanged.
	own := func(conditions map[string]any) func(*rig) string {
		return func(r *rig) string {
			x := r.exchanger()
			c := map[string]any{}
			if r.changed {
				c = conditions
			}
			r.change(map[string]any{"token_exchange": exchanging(subject(r.idp.Issuer(), one("conditions", c)))})
			r.bearer(r.accessToken())
			return fmt.Sprint(x.calls())
		}
	}
	const f = "token_exchange."
	bearer := apiConfig("bearer")
	return []fieldRow{
		{f + "cache.enabled", bearer, nil, foreign("cache", nil, one("enabled", false), twice(0)), "2"},
		{f + "cache.ttl", bearer, nil, foreign("cache", nil, one("ttl", 30), twice(time.Minute)), "2"},
		{f + "request.scopes", bearer, nil, foreign("request", nil, one("scopes", []any{"orders", "mail"}), asked("scope")), "orders mail"},
		{f + "request.empty_scopes", bearer, nil, foreign("request", nil, one("empty_scopes", true), asked("scope")), ""},
		{f + "request.audience", with(bearer, one("audience", []any{"all"})), nil, foreign("request", nil, one("audience", []any{"one", "two"}), asked("audience")), "one two"},
		{f + "request.empty_audience", with(bearer, one("audience", []any{"all"})), nil, foreign("request", nil, one("empty_audience", true), asked("audience")), ""},
		{f + "subject_token_issuers", bearer, nil, func(r *rig) string {
			p, x := r.foreignIdP(), r.exchanger()
			if r.changed {
				r.change(map[string]any{"token_exchange": exchanging(subject(p.Issuer(), nil))})
			}
			return answered(r, x, p)
		}, "200"},
		{f + "subject_token_issuers[].issuer", bearer, nil, foreign("", nil, one("issuer", "https://elsewhere.test"), answered), "401"},
		{f + "subject_token_issuers[].verify_signature", bearer, nil, foreign("", nil, one("verify_signature", true), forged), "0"},
		{f + "subject_token_issuers[].jwks_uri", bearer, nil, foreign("", one("verify_signature", true), one("jwks_uri", "http://127.0.0.1:1/none"), answered), "503"},
		{f + "subject_token_issuers[].conditions.has_scopes", bearer, nil, own(one("has_scopes", []any{"openid", "absent"})), "0"},
		{f + "subject_token_issuers[].conditions.missing_scopes", bearer, nil, own(one("missing_scopes", []any{"absent", "openid"})), "0"},
		{f + "subject_token_issuers[].conditions.has_audience", bearer, nil, own(one("has_audience", []any{"account", "absent"})), "0"},
		{f + "subject_token_issuers[].conditions.missing_audience", bearer, nil, own(one("missing_audience", []any{"absent", "account"})), "0"},
		{"token_exchange_endpoint", bearer, nil, func(r *rig) string {
			e := r.exchangeEndpoint()
			if r.changed {
				r.change(one("token_exchange_endpoint", e.url()))
			}
			return upstreamHeader(r, r.bearer(r.accessToken()), "Authorization") // "Bearer …" otherwise
		}, "Bearer h.p.s1"},
		{"cache_token_exchange", bearer, one("cache_token_exchange", false), func(r *rig) string {
			e := r.exchangeEndpoint()
			r.change(one("token_exchange_endpoint", e.url()))
			token := r.accessToken()
			r.bearer(token)
			r.bearer(token)
			return fmt.Sprint(e.calls())
		}, "2"},
	}
}

// exchangeEndpoint is a token_exchange_endpoint, which numbers its tokens.
func (r *rig) exchangeEndpoint() *tap {
	r.t.Helper()
	p := newTap(r.t, "")
	p.respond(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, "h.p.s%d\n", p.calls()) })
	return p
}

// changed is a token with other claims under its signature.
func changed(t testing.TB, token string, change func(map[string]any)) string {
	t.Helper()
	claims := payload(t, token)
	change(claims)
	return segment(token, 1, jsonText(claims))
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
