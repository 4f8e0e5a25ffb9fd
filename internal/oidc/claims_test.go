package oidc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

func TestClaimsLookup(t *testing.T) {
	t.Parallel()
	c, err := ParseClaims([]byte(`{
		"iss":"i","sub":"s","aud":["a","b"],"n":12345678901234567890,"b":true,"null":null,"one":"x y",
		"realm_access":{"roles":["admin","user"]},"https://claims.test/a.b":{"c":"d"},
		"mixed":["a",1,{"x":1},false],"list":[{"name":"first"}],"exp":1700000000
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"n": "12345678901234567890", "b": "true", "realm_access/roles/1": "admin", "realm_access/roles/2": "user",
		"list/1/name": "first", "one": "x y",
	} {
		if got, ok := c.Text(strings.Split(path, "/")...); !ok || got != want {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
	}
	if got, ok := c.Text("https://claims.test/a.b", "c"); !ok || got != "d" {
		t.Errorf("%q, %v", got, ok)
	}
	for _, path := range []string{"none", "null", "realm_access", "realm_access/none", "realm_access/roles/0", "realm_access/roles/3", "realm_access/roles/x", "one/1", "aud"} {
		if got, ok := c.Text(strings.Split(path, "/")...); ok {
			t.Errorf("%s: %q", path, got)
		}
	}
	for path, want := range map[string][]string{"aud": {"a", "b"}, "mixed": {"a", "1", "false"}, "one": {"x y"}, "realm_access/roles": {"admin", "user"}} {
		got, ok := c.Texts(strings.Split(path, "/")...)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if _, ok := c.Texts("realm_access"); ok {
		t.Error("an object is a list")
	}
	if at, ok := c.Time("exp"); !ok || at.Unix() != 1700000000 {
		t.Errorf("%v, %v", at, ok)
	}
	if _, ok := c.Time("one"); ok {
		t.Error("a text is a date")
	}
	c.Raw()[0] = 'x'
	if c.Raw()[0] != '{' || c.Issuer() != "i" || c.Subject() != "s" {
		t.Error("claims changed")
	}
}

func TestUnverifiedClaims(t *testing.T) {
	t.Parallel()
	if c, err := UnverifiedClaims(assemble(`{"alg":"ES256"}`, `{"scope":"a"}`, "x")); err != nil || c.str("scope") != "a" {
		t.Errorf("%v, %v", c, err)
	}
	for _, opaque := range []string{"", "opaque", "a.b", "a.b.c.d", "..", ".!.", strings.Repeat(".", 1<<20)} {
		if c, err := UnverifiedClaims(secret.New(opaque)); err == nil || c != nil {
			t.Errorf("%.10q accepted", opaque)
		}
	}
}
