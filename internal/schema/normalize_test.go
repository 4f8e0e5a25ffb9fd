package schema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/schema"
)

// sample is a record with every kind of field.
func sample() *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			schema.String("id", nil).Required().Auto().UUID(),
			schema.String("name", nil).Check(func(v any) error {
				if strings.Contains(v.(string), " ") {
					return errors.New("invalid value: " + v.(string))
				}
				return nil
			}),
			schema.String("host", nil).Required(),
			schema.Int("port", nil, 80).Between(0, 65535),
			schema.Bool("enabled", nil, true),
			schema.Strings("paths", nil).CheckEach(func(v any) error {
				if !strings.HasPrefix(v.(string), "/") {
					return errors.New("should start with: /")
				}
				return nil
			}),
			schema.Set("tags", nil),
			schema.Set("protocols", nil, "http", "https").OneOf("http", "https", "grpc").LenMin(1),
			schema.Map("headers", schema.String("", nil), schema.Strings("", nil)),
			schema.Foreign("service", "services"),
			schema.RecordOf("config",
				schema.String("issuer", nil).Required().Referenceable(),
				schema.Seconds("timeout", nil, 0).Default(1.5),
				schema.String("comment", nil).LenMin(0),
				schema.RecordOf("redis", schema.Int("port", nil, 6379).Referenceable()),
				schema.RecordOf("always", schema.Bool("on", nil, true)).Required(),
			),
			schema.Int("weight", nil, 1).Gt(0),
			schema.Any("extra"),
		},
		Shorthands: []schema.Shorthand{{Name: "url", Type: schema.TypeString, Expand: expandURL}},
		Checks: []schema.Check{{
			Fields: []string{"host", "name"},
			Run: func(v map[string]any) []schema.Violation {
				if v["name"] != nil && v["name"] == v["host"] {
					return []schema.Violation{{Message: "name and host must differ"}, {Field: "config.issuer", Message: "seen by a check"}}
				}
				return nil
			},
		}, {
			Fields: []string{"weight"},
			Run: func(v map[string]any) []schema.Violation {
				if _, present := v["weight"]; !present {
					return []schema.Violation{{Message: "ran beside a bad weight"}}
				}
				return nil
			},
		}},
	}
}

func expandURL(v any) (map[string]any, error) {
	text, _ := v.(string)
	host, port, ok := strings.Cut(text, ":")
	if !ok {
		return nil, errors.New("missing port in url")
	}
	return map[string]any{"host": host, "port": json.Number(port)}, nil
}

// parse reads JSON the way a body is read.
func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		t.Fatalf("test data: %v", err)
	}
	return out
}

func TestNormalizeFillsDefaultsAndNulls(t *testing.T) {
	t.Parallel()
	in := parse(t, `{"id":"01234567-89ab-cdef-0123-456789abcdef","host":"a","config":{"issuer":"i","redis":{}},"tags":["x","y","x"],"weight":2.0,"extra":{"n":[1,2.5]}}`)
	got, errs := sample().Normalize(in)
	if errs != nil {
		t.Fatal(errs)
	}
	want := map[string]any{
		"id": "01234567-89ab-cdef-0123-456789abcdef", "name": nil, "host": "a", "port": int64(80), "enabled": true, "paths": nil,
		"tags": []any{"x", "y"}, "protocols": []any{"http", "https"}, "headers": nil, "service": nil,
		"config": map[string]any{
			"issuer": "i", "timeout": 1.5, "comment": nil,
			"redis":  map[string]any{"port": int64(6379)},
			"always": map[string]any{"on": true},
		},
		"weight": int64(2),
		"extra":  map[string]any{"n": []any{int64(1), 2.5}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("normalised values (-want +got):\n%s", diff)
	}
	again, errs := sample().Normalize(got)
	if errs != nil {
		t.Fatal(errs)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("normalising twice differs from once:\n%s", diff)
	}
}

func TestNormalizeKeepsExplicitNull(t *testing.T) {
	t.Parallel()
	got, errs := sample().Normalize(parse(t, `{"host":"a","port":null,"config":null,"protocols":null}`))
	if errs != nil {
		t.Fatal(errs)
	}
	for _, name := range []string{"port", "config", "protocols"} {
		if v, present := got[name]; !present || v != nil {
			t.Errorf("%s is %v (present %v), want an explicit null", name, v, present)
		}
	}
}

func TestNormalizeDoesNotShareWithItsInputOrDefaults(t *testing.T) {
	t.Parallel()
	r := sample()
	in := parse(t, `{"host":"a","paths":["/a"],"config":{"issuer":"i"}}`)
	got, errs := r.Normalize(in)
	if errs != nil {
		t.Fatal(errs)
	}
	got["paths"].([]any)[0] = "changed"
	got["protocols"].([]any)[0] = "changed"
	got["config"].(map[string]any)["issuer"] = "changed"
	if diff := cmp.Diff(parse(t, `{"host":"a","paths":["/a"],"config":{"issuer":"i"}}`), in); diff != "" {
		t.Errorf("input was changed:\n%s", diff)
	}
	again, _ := r.Normalize(in)
	if got := again["protocols"].([]any)[0]; got != "http" {
		t.Errorf("default was changed to %v", got)
	}
}

func TestNormalizeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"a missing required field":         {`{}`, "schema violation (host: required field missing)"},
		"null for a required field":        {`{"host":null}`, "schema violation (host: required field missing)"},
		"an unknown field":                 {`{"host":"a","x":1}`, "schema violation (x: unknown field)"},
		"an unknown nested field":          {`{"host":"a","config":{"issuer":"i","garbage":1}}`, "schema violation (config.garbage: unknown field)"},
		"a number for a string":            {`{"host":1}`, "schema violation (host: expected a string)"},
		"a numeral for an integer":         {`{"host":"a","port":"80"}`, "schema violation (port: expected an integer)"},
		"a fraction for an integer":        {`{"host":"a","port":80.5}`, "schema violation (port: expected an integer)"},
		"a number beyond float64":          {`{"host":"a","port":1e999}`, "schema violation (port: expected an integer)"},
		"a word for a boolean":             {`{"host":"a","enabled":"true"}`, "schema violation (enabled: expected a boolean)"},
		"a string for an array":            {`{"host":"a","paths":"/a"}`, "schema violation (paths: expected an array)"},
		"a string for a set":               {`{"host":"a","tags":"a"}`, "schema violation (tags: expected a set)"},
		"a list for a map":                 {`{"host":"a","headers":[]}`, "schema violation (headers: expected a map)"},
		"a list for a record":              {`{"host":"a","config":[]}`, "schema violation (config: expected a record)"},
		"a value out of range":             {`{"host":"a","port":65536}`, "schema violation (port: value should be between 0 and 65535)"},
		"a value at an exclusive limit":    {`{"host":"a","weight":0}`, "schema violation (weight: value must be greater than 0)"},
		"a word outside the enumeration":   {`{"host":"a","protocols":["ftp"]}`, "schema violation (protocols.1: expected one of: http, https, grpc)"},
		"an empty list where one is due":   {`{"host":"a","protocols":[]}`, "schema violation (protocols: length must be at least 1)"},
		"an empty string":                  {`{"host":""}`, "schema violation (host: length must be at least 1)"},
		"an upper-case uuid":               {`{"host":"a","id":"00000000-0000-0000-0000-00000000000A"}`, "schema violation (id: expected a valid UUID)"},
		"a custom rule":                    {`{"host":"a","name":"b c"}`, "schema violation (name: invalid value: b c)"},
		"the second element by position":   {`{"host":"a","paths":["/a","b"]}`, "schema violation (paths.2: should start with: /)"},
		"null inside a list":               {`{"host":"a","paths":[null]}`, "schema violation (paths.1: expected a string)"},
		"a wrong value in a map":           {`{"host":"a","headers":{"x":"y"}}`, "schema violation (headers.x: expected an array)"},
		"a bare string as foreign key":     {`{"host":"a","service":"s"}`, "schema violation (service: expected a record)"},
		"an empty foreign key":             {`{"host":"a","service":{}}`, "schema violation (service.id: missing primary key)"},
		"a foreign key that is no uuid":    {`{"host":"a","service":{"id":"x"}}`, "schema violation (service.id: expected a valid UUID)"},
		"a missing field of a record":      {`{"host":"a","config":{}}`, "schema violation (config.issuer: required field missing)"},
		"a shorthand of another type":      {`{"host":"a","url":1}`, "schema violation (url: expected a string)"},
		"a shorthand that does not expand": {`{"host":"a","url":"b"}`, "schema violation (url: missing port in url)"},
		"two fields, in alphabetical order": {
			`{"port":"x","enabled":1,"host":"a"}`,
			"2 schema violations (enabled: expected a boolean; port: expected an integer)",
		},
		"findings of a check, entity ones first": {
			`{"host":"a","name":"a","config":{"issuer":"i"}}`,
			"2 schema violations (name and host must differ; config.issuer: seen by a check)",
		},
		"a bad field without the checks that need it": {
			`{"host":"a","weight":"x"}`, "schema violation (weight: expected an integer)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, errs := sample().Normalize(parse(t, c.in))
			if errs == nil {
				t.Fatalf("accepted as %v", got)
			}
			if got != nil {
				t.Errorf("values beside an error: %v", got)
			}
			if errs.Message() != c.want {
				t.Errorf("message %q\nwant    %q", errs.Message(), c.want)
			}
		})
	}
}

func TestErrorsKeepTheirShape(t *testing.T) {
	t.Parallel()
	_, errs := sample().Normalize(parse(t, `{"host":"a","name":"a","paths":["/a","b"],"config":{"issuer":"i"}}`))
	want := schema.Errors{
		"@entity": []any{"name and host must differ"},
		"paths":   []any{nil, "should start with: /"},
		"config":  schema.Errors{"issuer": "seen by a check"},
	}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if got := (schema.Errors{"config": schema.Errors{"@entity": []any{"m"}}}).Error(); got != "schema violation (config: m)" {
		t.Errorf("message about a nested record: %q", got)
	}
}

func TestNormalizeForeignKeys(t *testing.T) {
	t.Parallel()
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	for name, c := range map[string]struct {
		in   string
		want any
	}{
		"an id alone is kept":                      {`{"id":"` + id + `"}`, map[string]any{"id": id}},
		"beside an id everything else is dropped":  {`{"id":"` + id + `","name":"s"}`, map[string]any{"id": id}},
		"a name is left for the store to resolve":  {`{"name":"s"}`, map[string]any{"name": "s"}},
		"a null id beside a name counts as absent": {`{"id":null,"name":"s"}`, map[string]any{"name": "s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, errs := sample().Normalize(parse(t, `{"host":"a","service":`+c.in+`}`))
			if errs != nil {
				t.Fatal(errs)
			}
			if diff := cmp.Diff(c.want, got["service"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShorthandWinsAndIsNotReturned(t *testing.T) {
	t.Parallel()
	got, errs := sample().Normalize(parse(t, `{"url":"b:81","host":"a","port":1}`))
	if errs != nil {
		t.Fatal(errs)
	}
	if _, present := got["url"]; present {
		t.Error("the shorthand is returned")
	}
	if got["host"] != "b" || got["port"] != int64(81) {
		t.Errorf("host %v, port %v", got["host"], got["port"])
	}
}

func TestNormalizeAcceptsGoNumbers(t *testing.T) {
	t.Parallel()
	for _, n := range []any{81, int32(81), int64(81), uint64(81), float32(81), 81.0, json.Number("81"), json.Number("8.1e1")} {
		got, errs := sample().Normalize(map[string]any{"host": "a", "port": n})
		if errs != nil || got["port"] != int64(81) {
			t.Errorf("%T: %v, %v", n, got["port"], errs)
		}
	}
}

// JSON cannot carry such texts, a form can.
func TestNormalizeRefusesTextsThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]map[string]any{
		"a field":         {"host": "a\xff"},
		"a list":          {"host": "a", "paths": []any{"/\xff"}},
		"a map's key":     {"host": "a", "headers": map[string]any{"\xff": []any{"x"}}},
		"a free value":    {"host": "a", "extra": []any{"\xff"}},
		"a free key":      {"host": "a", "extra": map[string]any{"\xff": 1}},
		"a foreign key":   {"host": "a", "service": map[string]any{"name": "\xff"}},
		"an unknown name": {"host": "a", "\xff": 1},
	} {
		if got, errs := sample().Normalize(in); errs == nil {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
	_, errs := sample().Normalize(map[string]any{"host": "a\ufffdé\xff"})
	if errs == nil || errs.Message() != "schema violation (host: invalid utf-8 character sequence detected at position 7)" {
		t.Errorf("message %v", errs)
	}
}

func TestNormalizeBoundsDepth(t *testing.T) {
	t.Parallel()
	nested := func(levels int) any {
		var v any = "x"
		for range levels {
			v = []any{v}
		}
		return v
	}
	r := sample()
	if _, errs := r.Normalize(map[string]any{"host": "a", "extra": nested(20)}); errs != nil {
		t.Errorf("20 levels: %v", errs)
	}
	_, errs := r.Normalize(map[string]any{"host": "a", "extra": nested(100000)})
	if errs == nil || errs.Message() != "schema violation (extra: nested too deeply)" {
		t.Errorf("100000 levels: %v", errs)
	}
}
