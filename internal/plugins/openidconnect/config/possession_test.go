package config

import (
	"maps"
	"strings"
	"testing"
)

func TestWarningsOfPossession(t *testing.T) {
	t.Parallel()
	sound := object{
		"auth_methods": list("bearer"), "audience_required": list("api"), "client_id": list("a"), "session_secret": "0123456789abcdef0123456789abcdef",
		"proof_of_possession_mtls": "strict", "proof_of_possession_dpop": "strict", "dpop_use_nonce": true,
		"proof_of_possession_mtls_from_header": object{"certificate_header_name": "x-cert", "ca_certificates": list("aaaaaaaa-0000-0000-0000-000000000001")},
	}
	if c := compiled(t, sound); len(c.Warnings) > 0 {
		t.Errorf("warnings about a sound configuration: %q", c.Warnings)
	}
	for field, change := range map[string]object{
		"secure_source":   {"proof_of_possession_mtls_from_header": object{"certificate_header_name": "x-cert", "ca_certificates": list("aaaaaaaa-0000-0000-0000-000000000001"), "secure_source": false}},
		"ssl_verify":      {"proof_of_possession_mtls_from_header": object{"certificate_header_name": "x-cert", "ca_certificates": list("aaaaaaaa-0000-0000-0000-000000000001"), "ssl_verify": false}},
		"it does nothing": {"proof_of_possession_mtls": "off"},
		"DPoP nonces":     {"session_secret": nil},
	} {
		config := maps.Clone(sound)
		maps.Copy(config, change)
		if c := compiled(t, config); len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], field) {
			t.Errorf("%s: %q", field, c.Warnings)
		}
	}
}

func TestPolicyFollowsPossession(t *testing.T) {
	t.Parallel()
	seen := map[string]string{compiled(t, object{"auth_methods": list("bearer")}).Policy(): "off"}
	for _, field := range []string{"proof_of_possession_mtls", "proof_of_possession_dpop"} {
		for _, mode := range []string{"optional", "strict"} {
			policy := compiled(t, object{"auth_methods": list("bearer"), field: mode}).Policy()
			if seen[policy] != "" {
				t.Errorf("%s %s has the policy of %s", field, mode, seen[policy])
			}
			seen[policy] = field + " " + mode
		}
	}
	if policy := compiled(t, object{"auth_methods": list("bearer"), "dpop_use_nonce": true}).Policy(); seen[policy] != "off" {
		t.Error("sessions of instances without any demand are told apart")
	}
}
