package config

import (
	"strconv"

	"sallyport/internal/oidc"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// checkExchange refuses exchanges that contradict themselves, and checks that
// would never be made.
func checkExchange() schema.Check {
	const record = "token_exchange"
	return schema.Check{Fields: []string{record, "issuer"}, Run: func(v map[string]any) []schema.Violation {
		exchange, ok := v[record].(map[string]any)
		if !ok {
			return nil
		}
		var out []schema.Violation
		request, _ := exchange["request"].(map[string]any)
		for _, name := range []string{"scopes", "audience"} {
			list, _ := request[name].([]any)
			if empty, _ := request["empty_"+name].(bool); empty && len(list) > 0 {
				out = append(out, schema.Violation{Field: record + ".request.empty_" + name, Message: "contradicts " + name})
			}
		}
		target, _ := v["issuer"].(string)
		list, _ := exchange["subject_token_issuers"].([]any)
		foreign := make(map[string]int)
		for i, item := range list {
			s, _ := item.(map[string]any)
			name, _ := s["issuer"].(string)
			found := subjectViolation(s, target)
			if first, twice := foreign[name]; found.Message == "" && twice {
				found = schema.Violation{Field: "issuer", Message: "is the same as that of element " + strconv.Itoa(first)}
			}
			if s["conditions"] == nil {
				foreign[name] = i + 1
			}
			if found.Message != "" {
				found.Field = record + "." + element("subject_token_issuers", i) + "." + found.Field
				out = append(out, found)
			}
		}
		return out
	}}
}

// subjectViolation is what is wrong with one subject issuer; without a message
// for nothing. The tokens of the target itself are exchanged by conditions and
// known to whoever exchanges them; those of another issuer always.
func subjectViolation(s map[string]any, target string) schema.Violation {
	name, _ := s["issuer"].(string)
	verify, _ := s["verify_signature"].(bool)
	known := target != "" && !secret.IsReference(target)
	own := known && oidc.SameIssuer(name, target)
	switch {
	case s["jwks_uri"] != nil && !verify:
		return schema.Violation{Field: "jwks_uri", Message: "is not used without verify_signature"}
	case own && verify:
		return schema.Violation{Field: "verify_signature", Message: "is for other issuers than the configured one"}
	case own && s["conditions"] == nil:
		return schema.Violation{Field: "conditions", Message: "required for the configured issuer's own tokens"}
	case known && !own && s["conditions"] != nil:
		return schema.Violation{Field: "conditions", Message: "is for the configured issuer's own tokens"}
	case verify && s["jwks_uri"] == nil && issuerURL(name) != nil:
		return schema.Violation{Field: "jwks_uri", Message: "required where issuer is no URL"}
	}
	return schema.Violation{}
}
