package config

import (
	"fmt"

	"sallyport/internal/schema"
)

// checkPossession refuses methods whose tokens nobody would hold to a proof of
// possession, unless that check is switched off.
func checkPossession() schema.Check {
	const methods, validation = "auth_methods", "proof_of_possession_auth_methods_validation"
	kinds := []string{"proof_of_possession_mtls", "proof_of_possession_dpop"}
	return schema.Check{Fields: append(kinds, methods, validation), Run: func(v map[string]any) []schema.Violation {
		demanded := ""
		for _, name := range kinds {
			if mode, _ := v[name].(string); demanded == "" && mode != "" && mode != string(PossessionOff) {
				demanded = name
			}
		}
		if checked, _ := v[validation].(bool); demanded == "" || !checked {
			return nil
		}
		list, _ := v[methods].([]any)
		proved := false
		for _, item := range list {
			switch text, _ := item.(string); Method(text) {
			case MethodBearer, MethodIntrospection:
				proved = true
			case MethodSession:
			default:
				return []schema.Violation{{Field: methods, Message: fmt.Sprintf(
					"%v is not held to %s: leave bearer, introspection and session, or set %s to false", item, demanded, validation)}}
			}
		}
		if !proved {
			return []schema.Violation{{Field: methods, Message: "bearer or introspection is required for " + demanded}}
		}
		return nil
	}}
}
