package certificate

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"sallyport/internal/certificate/certtest"
)

func TestCertificatesOfHeaders(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	pair := root.Issue(t, certtest.Spec{Names: []string{"client"}})
	between := root.Issue(t, certtest.Spec{Names: []string{"between"}, Authority: true})
	escaped := url.PathEscape(pair.Cert)
	der := base64.StdEncoding.EncodeToString(pair.Leaf.Raw)
	for _, tt := range []struct {
		name, value string
		base64, ok  bool
	}{
		{"escaped PEM, as nginx writes it", strings.ReplaceAll(escaped, "+", "%2B"), false, true},
		{"escaped PEM with plain pluses, as load balancers write it", strings.ReplaceAll(strings.ReplaceAll(escaped, "%2F", "/"), "%2B", "+"), false, true},
		{"a chain", escaped + url.PathEscape(between.Cert), false, true},
		{"base64", der, true, true},
		{"base64 where PEM is expected", der, false, false},
		{"PEM where base64 is expected", escaped, true, false},
		{"nothing", "", false, false},
		{"nothing, base64", "", true, false},
		{"PEM cut short", escaped[:len(escaped)/2], false, false},
		{"base64 cut short", der[:len(der)/2/4*4], true, false},
		{"base64 with something behind", base64.StdEncoding.EncodeToString(append(bytes.Clone(pair.Leaf.Raw), 0)), true, false},
		{"a broken escape", escaped + "%z", false, false},
		{"text in front", "x" + escaped, false, false},
		{"a key", url.PathEscape(pair.Key), false, false},
		{"without end", escaped + strings.Repeat("A", maxShown), false, false},
		{"base64 without end", strings.Repeat("A", maxShown+4), true, false},
	} {
		read := FromEscapedPEM
		if tt.base64 {
			read = FromBase64
		}
		cert, err := read(tt.value)
		if (err == nil) != tt.ok || tt.ok && !cert.Equal(pair.Leaf) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzCertificateOfAHeader(f *testing.F) {
	pair := certtest.SelfSigned(f, certtest.Spec{Names: []string{"client"}})
	f.Add(url.PathEscape(pair.Cert))
	f.Add(base64.StdEncoding.EncodeToString(pair.Leaf.Raw))
	f.Add("-----BEGIN CERTIFICATE-----%0AAAAA%0A-----END CERTIFICATE-----")
	f.Add("%")
	f.Fuzz(func(t *testing.T, value string) {
		if cert, err := FromEscapedPEM(value); (cert == nil) == (err == nil) {
			t.Errorf("%v %v", cert, err)
		}
		if cert, err := FromBase64(value); (cert == nil) == (err == nil) || err == nil && base64.StdEncoding.EncodeToString(cert.Raw) != value {
			t.Errorf("%v %v for %q", cert, err, value)
		}
	})
}
