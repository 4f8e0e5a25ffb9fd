package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func exchangeOf(request map[string]any, subjects ...map[string]any) map[string]any {
	list := make([]any, 0, len(subjects))
	for _, s := range subjects {
		list = append(list, s)
	}
	return map[string]any{"request": request, "subject_token_issuers": list}
}

// TestExchangesThatContradictThemselves are refused by the field that is wrong.
func TestExchangesThatContradictThemselves(t *testing.T) {
	t.Parallel()
	const target, other = "https://idp.test/realms/a", "https://other.test"
	const first = "config.token_exchange.subject_token_issuers.1."
	type object = map[string]any
	conditions := object{"has_scopes": []any{"x"}}
	for _, tt := range []struct {
		name     string
		issuer   string
		exchange object
		want     string // empty: accepted
	}{
		{"a foreign issuer", target, exchangeOf(nil, object{"issuer": other}), ""},
		{"one that is verified by discovery", target, exchangeOf(nil, object{"issuer": other, "verify_signature": true}), ""},
		{"one that is verified by a key set", target, exchangeOf(nil, object{"issuer": "a name", "verify_signature": true, "jwks_uri": other + "/keys"}), ""},
		{"the target with conditions", target, exchangeOf(nil, object{"issuer": target, "conditions": conditions}), ""},
		{"the target twice", target, exchangeOf(nil, object{"issuer": target, "conditions": conditions}, object{"issuer": target, "conditions": object{}}), ""},
		{"the target by its document", target + "/.well-known/openid-configuration", exchangeOf(nil, object{"issuer": target, "conditions": conditions}), ""},
		{"an issuer that is a reference", "{vault://env/sallyport-test-issuer}", exchangeOf(nil, object{"issuer": target, "conditions": conditions}), ""},
		{"a reference that shows the contradiction", "{vault://env/sallyport-test-issuer}", exchangeOf(nil, object{"issuer": other, "conditions": conditions}), first + "conditions: is for the configured issuer's own tokens"},
		{"no issuers", target, exchangeOf(nil), "subject_token_issuers: length must be at least 1"},
		{"a list that is missing", target, object{}, "subject_token_issuers: required field missing"},
		{"a foreign issuer with conditions", target, exchangeOf(nil, object{"issuer": other, "conditions": conditions}), first + "conditions: is for the configured issuer's own tokens"},
		{"the target without conditions", target, exchangeOf(nil, object{"issuer": target}), first + "conditions: required for the configured issuer's own tokens"},
		{"the target, with a slash, without conditions", target, exchangeOf(nil, object{"issuer": target + "/"}), first + "conditions: required"},
		{"the target, to be verified", target, exchangeOf(nil, object{"issuer": target, "conditions": conditions, "verify_signature": true}), first + "verify_signature: is for other issuers"},
		{"keys that nobody uses", target, exchangeOf(nil, object{"issuer": other, "jwks_uri": other}), first + "jwks_uri: is not used without verify_signature"},
		{"no place of keys", target, exchangeOf(nil, object{"issuer": "a name", "verify_signature": true}), first + "jwks_uri: required where issuer is no URL"},
		{"keys at no URL", target, exchangeOf(nil, object{"issuer": other, "verify_signature": true, "jwks_uri": "file:///keys"}), "expected an absolute http or https URL"},
		{"a foreign issuer twice", target, exchangeOf(nil, object{"issuer": "x"}, object{"issuer": other}, object{"issuer": "x"}), "subject_token_issuers.3.issuer: is the same as that of element 1"},
		{"scopes and none", target, exchangeOf(object{"scopes": []any{"a"}, "empty_scopes": true}, object{"issuer": other}), "token_exchange.request.empty_scopes: contradicts scopes"},
		{"audience and none", target, exchangeOf(object{"audience": []any{"a"}, "empty_audience": true}, object{"issuer": other}), "token_exchange.request.empty_audience: contradicts audience"},
		{"no scope at all", target, exchangeOf(object{"empty_scopes": true, "empty_audience": true}, object{"issuer": other}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var problem string
			values, errs := Record().Normalize(object{"issuer": tt.issuer, "token_exchange": tt.exchange})
			if errs != nil {
				problem = "config." + errs.Message()
			} else if _, err := New(values, func(string) (string, error) { return target, nil }); err != nil {
				problem = err.Error()
			}
			want := strings.TrimPrefix(tt.want, "config.")
			if (problem == "") != (tt.want == "") || !strings.Contains(problem, want) {
				t.Errorf("got %q, want %q", problem, tt.want)
			}
		})
	}
}

func TestWhatAnExchangeAsksFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		request          map[string]any
		scopes, audience []string
	}{
		{"what a login asks for", nil, []string{"openid"}, []string{"all"}},
		{"its own", map[string]any{"scopes": []any{"a", "b"}, "audience": []any{"c"}}, []string{"a", "b"}, []string{"c"}},
		{"nothing", map[string]any{"empty_scopes": true, "empty_audience": true}, nil, nil},
	} {
		c := compiled(t, map[string]any{
			"audience": []any{"all"}, "token_exchange": exchangeOf(tt.request, map[string]any{"issuer": "https://other.test"}),
		})
		if !slices.Equal(c.Exchange.Scopes, tt.scopes) || !slices.Equal(c.Exchange.Audience, tt.audience) {
			t.Errorf("%s: %v for %v", tt.name, c.Exchange.Scopes, c.Exchange.Audience)
		}
	}
	c := compiled(t, map[string]any{"token_exchange": map[string]any{
		"cache": map[string]any{"ttl": 7}, "subject_token_issuers": []any{map[string]any{"issuer": "https://other.test"}},
	}, "auth_methods": []any{"introspection"}})
	if c.Exchange.TTL == nil || *c.Exchange.TTL != 7*time.Second || !c.Exchange.Cache {
		t.Errorf("the cache is %+v", c.Exchange)
	}
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasPrefix(w, "config.token_exchange: auth_methods has no bearer") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

func TestExchangeConditions(t *testing.T) {
	t.Parallel()
	scopes, audience := []string{"a", "b"}, []string{"x", "y"}
	for _, tt := range []struct {
		c    ExchangeConditions
		want bool
	}{
		{ExchangeConditions{}, true},
		{ExchangeConditions{HasScopes: []string{"b", "a"}, HasAudience: []string{"x"}, MissingScopes: []string{"c"}, MissingAudience: []string{"z"}}, true},
		{ExchangeConditions{HasScopes: []string{"a", "c"}}, false},
		{ExchangeConditions{MissingScopes: []string{"c", "b"}}, false},
		{ExchangeConditions{HasAudience: []string{"y", "z"}}, false},
		{ExchangeConditions{MissingAudience: []string{"z", "x"}}, false},
		{ExchangeConditions{HasScopes: []string{"a"}, MissingAudience: []string{"x"}}, false},
	} {
		if got := tt.c.Hold(scopes, audience); got != tt.want {
			t.Errorf("%+v: %t", tt.c, got)
		}
	}
	if (&ExchangeConditions{HasScopes: []string{"a"}}).Hold(nil, nil) {
		t.Error("a token without scopes has one")
	}
}
