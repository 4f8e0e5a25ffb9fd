package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/oidc"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// checkClientIDs refuses an id that stands in the list twice: sessions and
// login states know their client by its id.
func checkClientIDs() schema.Check {
	const field = "client_id"
	return schema.Check{Fields: []string{field}, Run: func(v map[string]any) []schema.Violation {
		ids, _ := v[field].([]any)
		for i, id := range ids {
			if id != nil && id != "" && slices.Index(ids, id) < i {
				return []schema.Violation{{Field: field, Message: fmt.Sprintf(
					"element %d is the same as element %d: sessions know their client by its id", i+1, slices.Index(ids, id)+1)}}
			}
		}
		return nil
	}}
}

// checkClientKeys refuses keys that cannot sign, and algorithms that do not fit
// the method or the key beside them.
func checkClientKeys() schema.Check {
	const keys, algs, auth = "client_jwk", "client_alg", "client_auth"
	return schema.Check{Fields: []string{keys, algs, auth}, Run: func(v map[string]any) []schema.Violation {
		var out []schema.Violation
		algorithms, _ := v[algs].([]any)
		methods, _ := v[auth].([]any)
		for i, alg := range algorithms {
			text, _ := alg.(string)
			method, _ := beside(methods, i).(string)
			symmetric := strings.HasPrefix(text, "HS")
			if symmetric && method == string(oidc.AuthPrivateKeyJWT) || !symmetric && method == string(oidc.AuthSecretJWT) {
				out = append(out, schema.Violation{Field: element(algs, i), Message: text + " is not for " + method})
			}
		}
		list, _ := v[keys].([]any)
		for i, item := range list {
			members, _ := item.(map[string]any)
			if !complete(members) {
				continue
			}
			key, err := oidc.ParsePrivateKey(members)
			if err != nil {
				out = append(out, schema.Violation{Field: element(keys, i), Message: err.Error()})
				continue
			}
			if ops, _ := members["key_ops"].([]any); len(ops) > 0 && !allows(ops, key.ForSigning()) {
				out = append(out, schema.Violation{Field: element(keys, i), Message: "key_ops does not allow to sign, or to decrypt with a key for that"})
				continue
			}
			alg, _ := beside(algorithms, i).(string)
			if alg != "" && !strings.HasPrefix(alg, "HS") && key.ForSigning() && !key.Signs(alg) {
				out = append(out, schema.Violation{Field: element(keys, i), Message: "does not sign with " + alg + " of " + algs})
			}
		}
		return out
	}}
}

// allows reports whether key_ops (RFC 7517 §4.3) have what a key is used for.
func allows(ops []any, signs bool) bool {
	if signs {
		return slices.Contains(ops, any("sign"))
	}
	return slices.ContainsFunc(ops, func(op any) bool {
		return op == "decrypt" || op == "unwrapKey" || op == "deriveKey" || op == "deriveBits"
	})
}

func element(list string, i int) string { return list + "." + strconv.Itoa(i+1) }

// complete tells whether the members of a key are all there: none is a
// reference, nor was one that did not resolve.
func complete(members map[string]any) bool {
	for _, value := range members {
		if text, ok := value.(string); ok && secret.IsReference(text) {
			return false
		}
	}
	return privateMembers(members) == nil
}

// privateMembers demands that a key has its private half.
func privateMembers(v any) error {
	members, _ := v.(map[string]any)
	names := []string{"d"}
	if members["kty"] == "RSA" {
		names = append(names, "p", "q")
	}
	for _, name := range names {
		if members[name] == nil {
			return fmt.Errorf("not a private key: member %s is missing", name)
		}
	}
	return nil
}

// checkClientCertificate demands a certificate where one is to be shown.
func checkClientCertificate() schema.Check {
	const id = "tls_client_auth_cert_id"
	single := []string{
		"token_endpoint_auth_method", "revocation_endpoint_auth_method", "pushed_authorization_request_endpoint_auth_method",
		"introspection_endpoint_auth_method",
	}
	return schema.Check{Fields: append([]string{id, "client_auth"}, single...), Run: func(v map[string]any) []schema.Violation {
		if v[id] != nil {
			return nil
		}
		methods, _ := v["client_auth"].([]any)
		methods = slices.Clone(methods)
		for _, name := range single {
			methods = append(methods, v[name])
		}
		for _, m := range methods {
			if text, _ := m.(string); oidc.AuthMethod(text).MutualTLS() {
				return []schema.Violation{{Field: id, Message: "required for " + text}}
			}
		}
		return nil
	}}
}
