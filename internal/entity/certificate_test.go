package entity

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"sallyport/internal/certificate/certtest"
)

func TestCertificateRules(t *testing.T) {
	t.Parallel()
	one := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}})
	two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"two.test"}})
	rsa := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}, RSA: true})
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	expired := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}, NotAfter: past})
	with := func(pairs ...any) map[string]any {
		in := map[string]any{"cert": one.Cert, "key": one.Key}
		for i := 0; i < len(pairs); i += 2 {
			in[pairs[i].(string)] = pairs[i+1]
		}
		return in
	}
	const reference = "{vault://env/tls-cert}"
	checkRules(t, testKinds(t)[Certificates], []rule{
		{"a pair", with(), ""},
		{"both are required", map[string]any{}, "2 schema violations (cert: required field missing; key: required field missing)"},
		{"no PEM", with("cert", "x"), "schema violation (cert: invalid certificate: no PEM block of type CERTIFICATE)"},
		{
			"no key", with("key", "x"),
			"schema violation (key: invalid key: expected one PEM private key (PKCS #8, PKCS #1 or SEC 1) without a passphrase)",
		},
		{
			"the key of another", with("key", two.Key),
			"2 schema violations (certificate does not match key; key: is not the key of cert)",
		},
		{
			"an expired certificate", with("cert", expired.Cert, "key", expired.Key),
			"schema violation (cert: invalid certificate: certificate expired on " + past.UTC().Format(time.RFC3339) + ")",
		},
		{"references are resolved later", with("cert", reference, "key", reference), ""},
		{"a reference for one of the two", with("key", reference), ""},
		{"an alternative of another type", with("cert_alt", rsa.Cert, "key_alt", rsa.Key), ""},
		{
			"an alternative of the same type", with("cert_alt", two.Cert, "key_alt", two.Key),
			"schema violation (cert_alt: certificate and alternative certificate need to have different type " +
				"(e.g. RSA and ECDSA), the provided certificates were both of the same type)",
		},
		{
			"an alternative without its key", with("cert_alt", rsa.Cert),
			"schema violation (all or none of these fields must be set: 'cert_alt', 'key_alt')",
		},
		{
			"an alternative with the wrong key", with("cert_alt", rsa.Cert, "key_alt", one.Key),
			"2 schema violations (alternative certificate does not match key; key_alt: is not the key of cert_alt)",
		},
		{"names", with("snis", texter("a.test", "*.b.test", "c.*")), ""},
		{"names may be null", with("snis", nil), ""},
		{"a name twice", with("snis", texter("a.test", "A.test.")), "schema violation (snis: A.test. is duplicated)"},
		{"a name with a port", with("snis", texter("a.test:1")), "schema violation (snis: must not have a port)"},
		{"unknown fields are refused", with("certs", "x"), "schema violation (certs: unknown field)"},
	})
}

func TestNoMessageQuotesAKey(t *testing.T) {
	t.Parallel()
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two.test"}})
	k := testKinds(t)[Certificates]
	for name, key := range map[string]string{
		"another's": two.Key, "cut": two.Key[:120], "in other clothes": strings.ReplaceAll(two.Key, "PRIVATE KEY", "RSA PRIVATE KEY"),
	} {
		errs := k.Validate(map[string]any{"cert": one.Cert, "key": key})
		if errs == nil {
			t.Fatalf("%s: accepted", name)
		}
		if body := strings.Split(two.Key, "\n")[1][:40]; strings.Contains(errs.Message(), body) {
			t.Errorf("%s: %s", name, errs.Message())
		}
	}
	set := &Set{}
	set.Add(Certificates, map[string]any{"cert": one.Cert, "key": two.Key})
	if text := strings.ReplaceAll(fmt.Sprintf("%+v %#v", *set.Certificates[0], *set.Certificates[0]), one.Cert, ""); strings.Contains(text, "PRIVATE KEY") {
		t.Errorf("printing shows the key: %s", text)
	}
}

func TestSNIRules(t *testing.T) {
	t.Parallel()
	with := func(name any) map[string]any {
		return map[string]any{"name": name, "certificate": map[string]any{"id": uuid1}}
	}
	checkRules(t, testKinds(t)[SNIs], []rule{
		{"a host", with("a.test"), ""},
		{"first label", with("*.a.test"), ""},
		{"last label", with("a.*"), ""},
		{"all", with("*"), ""},
		{"in the middle", with("a.*.test"), "schema violation (name: wildcard must be leftmost or rightmost character)"},
		{"two", with("*.a.*"), "schema violation (name: only one wildcard must be specified)"},
		{"an address", with("10.0.0.1"), "schema violation (name: must not be an IP)"},
		{"a port", with("a.test:443"), "schema violation (name: must not have a port)"},
		{"no host", with("a b"), "schema violation (name: invalid value: a b)"},
		{
			"both are required",
			map[string]any{},
			"2 schema violations (certificate: required field missing; name: required field missing)",
		},
	})
}

func TestCACertificateRules(t *testing.T) {
	t.Parallel()
	root, other := certtest.Root(t, "root"), certtest.Root(t, "other")
	leaf := root.Issue(t, certtest.Spec{Names: []string{"a.test"}})
	expired := certtest.SelfSigned(t, certtest.Spec{Names: []string{"old"}, Authority: true, NotAfter: time.Now().Add(-time.Hour)})
	with := func(cert string) map[string]any { return map[string]any{"cert": cert} }
	k := testKinds(t)[CACertificates]
	checkRules(t, k, []rule{
		{"an authority", with(root.Cert), ""},
		{"none", map[string]any{}, "schema violation (cert: required field missing)"},
		{"two at once", with(root.Cert + other.Cert), "schema violation (cert: please submit only one certificate at a time)"},
		{
			"an ordinary certificate", with(leaf.Cert),
			`schema violation (cert: certificate does not appear to be a CA because it is missing the "CA" basic constraint)`,
		},
		{"an expired one", with(expired.Cert), `schema violation (cert: certificate expired, "Not After" time is in the past)`},
		{"no PEM", with("x"), "schema violation (cert: invalid certificate: no PEM block of type CERTIFICATE)"},
	})
	digest := sha256.Sum256(root.Leaf.Raw)
	for name, in := range map[string]map[string]any{"absent": with(root.Cert), "wrong": {"cert": root.Cert, "cert_digest": "0"}} {
		before := maps.Clone(in)
		v, errs := k.Normalize(in)
		if errs != nil || v["cert_digest"] != hex.EncodeToString(digest[:]) {
			t.Errorf("%s digest becomes %v, %v", name, v["cert_digest"], errs)
		}
		if !maps.Equal(in, before) {
			t.Errorf("%s: the argument was changed", name)
		}
	}
}
