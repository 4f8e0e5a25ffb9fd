package config

import (
	"strings"
	"testing"
)

func TestEmailDomains(t *testing.T) {
	t.Parallel()
	var domains []EmailDomain
	for _, text := range []string{"corp.example", "*.Sub.Example", "bücher.example"} {
		d, err := parseEmailDomain(text)
		if err != nil {
			t.Fatal(err)
		}
		domains = append(domains, d)
	}
	for _, tc := range []struct {
		rule, address string
		holds         bool
	}{
		{"a domain that is listed", "ada@corp.example", true},
		{"in upper case", "Ada.Lovelace+x@CORP.example", true},
		{"a subdomain of one listed with a star", "ada@a.b.sub.example", true},
		{"not that domain itself", "ada@sub.example", false},
		{"no subdomain of one listed without", "ada@mail.corp.example", false},
		{"no longer name", "ada@evilcorp.example", false},
		{"no longer name below", "ada@evilsub.example", false},
		{"no domain in front", "ada@corp.example.evil", false},
		{"an international domain", "ada@bücher.example", true},
		{"its ASCII form", "ada@xn--bcher-kva.example", true},
		{"its decomposed form", "ada@bu\u0308cher.example", false},
		{"two @", "ada@evil.example@corp.example", false},
		{"two @ the other way", "ada@corp.example@evil.example", false},
		{"a quoted local part", `"ada@evil.example"@corp.example`, false},
		{"a quoted local part without @", `"ada"@corp.example`, false},
		{"a comment", "ada(@evil.example)@corp.example", false},
		{"a comment in the domain", "ada@corp.example(x)", false},
		{"a display name", "Ada <ada@corp.example>", false},
		{"a list", "ada@evil.example,bob@corp.example", false},
		{"a blank in front", " ada@corp.example", false},
		{"a blank behind", "ada@corp.example ", false},
		{"a line break", "ada@corp.example\n", false},
		{"NUL", "ada@corp.example\x00.evil.example", false},
		{"no local part", "@corp.example", false},
		{"a dot at the end of it", "ada.@corp.example", false},
		{"a local part beyond the bound", strings.Repeat("a", 65) + "@corp.example", false},
		{"one within", strings.Repeat("a", 64) + "@corp.example", true},
		{"no domain", "ada@", false},
		{"nothing at all", "", false},
		{"a trailing dot", "ada@corp.example.", false},
		{"an address literal", "ada@[127.0.0.1]", false},
		{"percent routing to elsewhere is a local part", "ada%evil.example@corp.example", true},
		{"an @ of full width", "ada\uff20evil.example@corp.example", false},
		{"an @ of full width in the domain", "ada@evil\uff20corp.example", false},
		{"letters of full width", "ada@\uff43orp.example", false},
		{"a dot of full width", "ada@corp\u3002example", false},
		{"a zero-width joiner", "ada@co\u200drp.example", false},
		{"a letter that looks alike", "ada@c\u043erp.example", false},
		{"the Kelvin sign", "ada@boo\u212a.sub.example", false},
	} {
		if got := EmailIsOf(tc.address, domains); got != tc.holds {
			t.Errorf("%s: %q: %v", tc.rule, tc.address, got)
		}
	}
	for _, text := range []string{"", "*", "*.", "corp", "a@corp.example", "corp.example.", ".corp.example", "*.*.corp.example", "corp example"} {
		if d, err := parseEmailDomain(text); err == nil {
			t.Errorf("%q is accepted as %s", text, d)
		}
	}
}

func FuzzEmailIsOf(f *testing.F) {
	d, err := parseEmailDomain("corp.example")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("ada@corp.example")
	f.Add("a@b@corp.example")
	f.Fuzz(func(t *testing.T, address string) {
		if EmailIsOf(address, []EmailDomain{d}) &&
			(!strings.EqualFold(address[strings.IndexByte(address, '@'):], "@corp.example") || strings.ContainsAny(address, "\"()<>, \t\r\n\x00")) {
			t.Errorf("%q passes", address)
		}
	})
}
