package store

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/certificate/certtest"
	"sallyport/internal/entity"
)

// withPEM is a document in which NAME.crt and NAME.key stand for the texts of
// the pairs of those names.
func withPEM(t *testing.T, text string, pairs map[string]*certtest.Pair) string {
	t.Helper()
	quote := func(s string) string {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for name, p := range pairs {
		text = strings.NewReplacer(name+".crt", quote(p.Cert), name+".key", quote(p.Key)).Replace(text)
	}
	return text
}

const certificates = `
_format_version: "3.0"
ca_certificates:
  - id: 00000000-0000-4000-8000-0000000000aa
    cert: root.crt
certificates:
  - id: 00000000-0000-4000-8000-000000000001
    cert: one.crt
    key: one.key
    tags: [shop]
    snis:
      - name: shop.test
      - name: "*.shop.test"
        tags: [wild]
  - cert: "{vault://env/tls-cert}"
    key: "{vault://env/tls-key}"
snis:
  - name: "*"
    certificate: 00000000-0000-4000-8000-000000000001
services:
  - name: s
    url: https://a.test
    client_certificate: 00000000-0000-4000-8000-000000000001
    ca_certificates: [00000000-0000-4000-8000-0000000000aa]
`

func TestCertificatesInADocument(t *testing.T) {
	t.Parallel()
	pairs := map[string]*certtest.Pair{
		"root": certtest.Root(t, "root"), "one": certtest.SelfSigned(t, certtest.Spec{Names: []string{"shop.test"}}),
	}
	b := newBench(t)
	text := withPEM(t, certificates, pairs)
	loaded(t, b, text)
	set := b.View().Set()
	if len(set.Certificates) != 2 || len(set.CACertificates) != 1 || len(set.CACertificates[0].Digest) != 64 {
		t.Fatalf("%d certificates, %d authorities", len(set.Certificates), len(set.CACertificates))
	}
	names := map[string]string{}
	for _, sni := range set.SNIs {
		names[sni.Name] = sni.CertificateID
	}
	if diff := cmp.Diff(map[string]string{"shop.test": id(1), "*.shop.test": id(1), "*": id(1)}, names); diff != "" {
		t.Error(diff)
	}
	if s := set.Services[0]; s.CertificateID != id(1) || len(s.CAIDs) != 1 {
		t.Errorf("service %+v", s)
	}

	before := b.View().Entities()
	if again := loaded(t, b, text); len(again.Dropped)+len(again.Reverted) != 0 {
		t.Errorf("reading it again changes something: %+v", again)
	}
	if diff := cmp.Diff(before, b.View().Entities()); diff != "" {
		t.Error(diff)
	}
	exported, err := b.View().Export()
	if err != nil {
		t.Fatal(err)
	}
	loaded(t, b, string(exported))
	if diff := cmp.Diff(before, b.View().Entities()); diff != "" {
		t.Errorf("the export means something else:\n%s", diff)
	}
}

func TestCertificatesInADocumentAreRefused(t *testing.T) {
	t.Parallel()
	root, one, two := certtest.Root(t, "root"), certtest.SelfSigned(t, certtest.Spec{Names: []string{"a"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"b"}})
	pairs := map[string]*certtest.Pair{"root": root, "one": one, "two": two}
	for name, tc := range map[string]struct{ text, want string }{
		"another's key": {
			"certificates:\n  - cert: one.crt\n    key: two.key\n",
			"kong.yaml:3: certificates.1: certificate does not match key\nkong.yaml:4: certificates.1.key: is not the key of cert",
		},
		"no PEM": {
			"certificates:\n  - cert: x\n    key: two.key\n",
			"kong.yaml:3: certificates.1.cert: invalid certificate: no PEM block of type CERTIFICATE",
		},
		"a name of two certificates": {
			"certificates:\n  - {cert: one.crt, key: one.key, snis: [{name: x}]}\n  - {cert: two.crt, key: two.key, snis: [{name: x}]}\n",
			"kong.yaml:4: certificates.2.snis.1: uniqueness violation: 'snis' entity with name set to 'x' already declared",
		},
		"names as texts": {
			"certificates:\n  - {cert: one.crt, key: one.key, snis: [x]}\n",
			"kong.yaml:3: certificates.1.snis.1: expected a record",
		},
		"an authority twice": {
			"ca_certificates:\n  - cert: root.crt\n  - cert: root.crt\n",
			"kong.yaml:4: ca_certificates.2: uniqueness violation: 'ca_certificates' entity with cert_digest set to '",
		},
		"a name without a certificate": {
			"snis:\n  - name: x\n    certificate: nobody\n",
			"kong.yaml:4: snis.1.certificate: invalid reference 'certificate: nobody' (no such entry in 'certificates')",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseDeclarative("kong.yaml", []byte(withPEM(t, "_format_version: \"3.0\"\n"+tc.text, pairs)), testKinds())
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestAnAuthorityInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	authority := b.must(t, insert(entity.CACertificates, Object{"cert": certtest.Root(t, "root").Cert}))
	other := b.must(t, insert(entity.CACertificates, Object{"cert": certtest.Root(t, "other").Cert}))
	b.must(t, insert(entity.Services, Object{"url": "https://a.test", "ca_certificates": []any{authority["id"]}}))
	remove := func(v Object) error {
		return b.Update(t.Context(), func(tx *Tx) error { return tx.Delete(entity.CACertificates, v["id"].(string)) })
	}
	if err := remove(authority); err == nil || !strings.Contains(err.Error(), "is still referenced by services") {
		t.Errorf("got %v", err)
	}
	if err := remove(other); err != nil {
		t.Errorf("one that nobody uses: %v", err)
	}
}
