package openidconnect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/schema"
)

const referenceHead = `<!-- Made by go generate ./internal/plugins/openidconnect from the declared fields. Do not edit. -->

# openid-connect: every setting

The configuration of the plugin ` + "`openid-connect`" + `: all fields of Kong's plugin, and the additions of sallyport. Nested fields are
written with a dot, fields of list elements with ` + "`[]`" + `.

What a field does here is its *mark*:

- **supported**: it does what the text says. The test beside it observes the difference that it makes.
- **inert**: it is accepted, stored and returned, and changes nothing, for the reason given. None of these restricts, verifies, binds or hides.
- **unsupported**: anything but its default is refused, with the reason given; it is never silently ignored.

Where the behaviour differs from Kong's, [kong-divergences.md](../kong-divergences.md) says so. A default of ` + "`null`" + ` means unset. A text
that may be a reference takes ` + "`{vault://env/name}`" + `. Tests are named by package and function; ` + "`make test`" + ` fails when one of
them did not run.
`

// reference makes the page: an index, the sections, and the former names.
func reference(tests map[string]string) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	sections := config.Sections()
	writeIndex(&b, sections)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| field | type | default | allowed values | meaning | mark | test |\n|---|---|---|---|---|---|---|\n", s.Title, s.About)
		for _, f := range settings("", s.Fields, nil) {
			writeField(&b, f, tests[f.path])
		}
	}
	b.WriteString("\n## Former names\n\nThese are accepted in place of the fields they became, and never returned.\n\n| former name | field |\n|---|---|\n")
	for _, s := range config.Record().Shorthands {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", s.Name, strings.Join(s.ReplacedWith, "."))
	}
	return b.String()
}

func writeIndex(b *strings.Builder, sections []config.Section) {
	b.WriteString("\n## Index\n\n| section | supported | inert | unsupported |\n|---|--:|--:|--:|\n")
	var total [3]int
	places := make(map[string]string)
	for _, s := range sections {
		var n [3]int
		for _, f := range settings("", s.Fields, nil) {
			mark, _ := f.mark()
			n[mark]++
			total[mark]++
		}
		for _, f := range s.Fields {
			places[f.Name] = anchor(s.Title)
		}
		fmt.Fprintf(b, "| [%s](#%s) | %d | %d | %d |\n", s.Title, anchor(s.Title), n[schema.Supported], n[schema.Inert], n[schema.Unsupported])
	}
	fmt.Fprintf(b, "| all | %d | %d | %d |\n", total[schema.Supported], total[schema.Inert], total[schema.Unsupported])
	b.WriteString("\n<details><summary>All fields by name</summary>\n\n")
	for _, name := range slices.Sorted(maps.Keys(places)) {
		fmt.Fprintf(b, "- [`%s`](#%s)\n", name, places[name])
	}
	b.WriteString("\n</details>\n")
}

// anchor is the fragment that a heading gets.
func anchor(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") }

func writeField(b *strings.Builder, s setting, test string) {
	mark, why := s.mark()
	label := mark.String()
	if why != "" {
		label += ": " + why
	}
	if test != "" {
		test = "`" + test + "`"
	}
	meaning := s.field.Attr.Description
	if d := s.field.Attr.Deprecated; d != "" {
		meaning += " Deprecated: use `" + d + "`."
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
		s.path, typeOf(s.field), defaultOf(s.field), allowed(s.field), cell(meaning), cell(label), test)
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func typeOf(f *schema.Field) string {
	text := string(f.Type)
	if f.Elements != nil {
		text += " of " + typeOf(f.Elements)
	}
	return text
}

func defaultOf(f *schema.Field) string {
	switch {
	case f.Attr.Required && f.Attr.Default == nil && f.Record == nil:
		return "required"
	case f.Attr.Auto:
		return "generated"
	}
	text, err := json.Marshal(f.Attr.Default)
	if err != nil {
		return err.Error()
	}
	return "`" + string(text) + "`"
}

// allowed says what a value must be, beyond its type.
func allowed(f *schema.Field) string {
	rules := f.Attr
	if f.Elements != nil {
		rules = f.Elements.Attr
		rules.UnsupportedValues = f.Attr.UnsupportedValues
		if rules.UnsupportedValues == nil {
			rules.UnsupportedValues = f.Elements.Attr.UnsupportedValues
		}
	}
	var parts []string
	var good, bad []string
	for _, v := range rules.OneOf {
		if why, refused := rules.UnsupportedValues[v]; refused {
			bad = append(bad, fmt.Sprintf("`%s` (%s)", v, why))
		} else {
			good = append(good, "`"+v+"`")
		}
	}
	if good != nil {
		parts = append(parts, strings.Join(good, ", "))
	}
	if bad != nil {
		parts = append(parts, "not supported: "+strings.Join(bad, ", "))
	}
	if r := rules.Between; r != nil {
		parts = append(parts, fmt.Sprintf("%.0f to %.0f", r[0], r[1]))
	}
	if rules.Gt != nil {
		parts = append(parts, fmt.Sprintf("above %g", *rules.Gt))
	}
	if rules.UUID {
		parts = append(parts, "a UUID")
	}
	if rules.Referenceable {
		parts = append(parts, "may be a reference")
	}
	if rules.Encrypted {
		parts = append(parts, "secret")
	}
	return cell(strings.Join(parts, "; "))
}
