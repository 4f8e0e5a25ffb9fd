package schema_test

import (
	"testing"

	"sallyport/internal/schema"
)

func marked() *schema.Record {
	return &schema.Record{Fields: []*schema.Field{
		schema.Bool("revoke", nil, false).Unsupported("not here"),
		schema.OptBool("par", nil).Accepts(false).Unsupported("not here"),
		schema.Bool("hashed", nil, false).Inert("always so"),
		schema.String("cloud", nil).Referenceable().Unsupported("not here"),
		schema.Strings("methods", nil, "code", "session", "bearer").OneOf("code", "session", "bearer").UnsupportedValues("not here", "bearer"),
		schema.String("mode", nil, "query").OneOf("query", "jwt").UnsupportedValues("not here", "jwt"),
		schema.RecordOf("far", schema.Int("port", nil, 1).Unsupported("not here")),
	}}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"an unsupported field may be absent":                 {`{}`, ""},
		"an unsupported field may be null":                   {`{"revoke":null,"cloud":null}`, ""},
		"an unsupported field may stand at its default":      {`{"revoke":false,"far":{"port":1}}`, ""},
		"an unsupported field may hold a harmless value":     {`{"par":false}`, ""},
		"an unsupported field is refused otherwise":          {`{"revoke":true}`, "schema violation (revoke: not supported: not here)"},
		"an unsupported nested field is refused":             {`{"far":{"port":2}}`, "schema violation (far.port: not supported: not here)"},
		"a harmless value does not open the field":           {`{"par":true}`, "schema violation (par: not supported: not here)"},
		"a reference does not get around the mark":           {`{"cloud":"{vault://env/x}"}`, "schema violation (cloud: not supported: not here)"},
		"an inert field is accepted":                         {`{"hashed":true}`, ""},
		"the default list may hold unsupported members":      {`{"methods":["code","session","bearer"]}`, ""},
		"the default list may be written in another order":   {`{"methods":["bearer","session","code"]}`, ""},
		"another list may not hold unsupported members":      {`{"methods":["code","bearer"]}`, "schema violation (methods.2: bearer is not supported: not here)"},
		"a list of supported members is accepted":            {`{"methods":["session"]}`, ""},
		"an unsupported word of an enumeration is refused":   {`{"mode":"jwt"}`, "schema violation (mode: jwt is not supported: not here)"},
		"a word outside the enumeration keeps Kong's reason": {`{"mode":"x"}`, "schema violation (mode: expected one of: query, jwt)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs := marked().Normalize(parse(t, c.in))
			got := ""
			if errs != nil {
				got = errs.Message()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
