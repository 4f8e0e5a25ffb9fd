package schema_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/schema"
)

// pairs splits a query-like text in order and decodes it.
func pairs(t testing.TB, text string) [][2]string {
	t.Helper()
	var out [][2]string
	for part := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			continue
		}
		out = append(out, [2]string{n, v})
	}
	return out
}

func TestFromForm(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	for name, c := range map[string]struct {
		in   string
		want object
	}{
		"dots nest":                                   {"config.issuer=i&config.redis.port=1", object{"config": object{"issuer": "i", "redis": object{"port": int64(1)}}}},
		"a repeated key fills a list":                 {"paths=/a&paths=/b", object{"paths": []any{"/a", "/b"}}},
		"empty brackets fill a list":                  {"paths[]=/a&paths[]=/b", object{"paths": []any{"/a", "/b"}}},
		"numbered brackets order a list":              {"paths[2]=/b&paths[1]=/a", object{"paths": []any{"/a", "/b"}}},
		"brackets may be percent-encoded":             {"paths%5B%5D=/a&tags%5B1%5D=x", object{"paths": []any{"/a"}, "tags": []any{"x"}}},
		"a nested list by repeated key":               {"config.list=a&config.list=b", object{"config": object{"list": []any{"a", "b"}}}},
		"a single value of a list is one element":     {"paths=/a&tags=x", object{"paths": []any{"/a"}, "tags": []any{"x"}}},
		"a map by dot":                                {"headers.x-foo=bar", object{"headers": object{"x-foo": []any{"bar"}}}},
		"a map by bracket":                            {"headers[x.foo]=bar", object{"headers": object{"x.foo": []any{"bar"}}}},
		"a map with a numeric key":                    {"headers[1]=bar", object{"headers": object{"1": []any{"bar"}}}},
		"numerals become numbers by the schema":       {"port=81&name=81", object{"port": int64(81), "name": "81"}},
		"a fraction for a number":                     {"config.timeout=0.5", object{"config": object{"timeout": 0.5}}},
		"booleans are true and false only":            {"enabled=true", object{"enabled": true}},
		"another word for a boolean stays a text":     {"enabled=1", object{"enabled": "1"}},
		"what is no numeral stays a text":             {"port=x&weight=0x10", object{"port": "x", "weight": "0x10"}},
		"the empty value is null":                     {"name=&port=&config.issuer=", object{"name": nil, "port": nil, "config": object{"issuer": nil}}},
		"the empty value of a list is null":           {"tags=&protocols=", object{"tags": nil, "protocols": nil}},
		"an unknown name stays for validation":        {"garbage=1&config.x.y=2", object{"garbage": "1", "config": object{"x": object{"y": "2"}}}},
		"a repeated scalar stays a list":              {"name=a&name=b", object{"name": []any{"a", "b"}}},
		"a plain value of a record stays a text":      {"config=a", object{"config": "a"}},
		"members of a scalar stay an object":          {"name.x=a", object{"name": object{"x": "a"}}},
		"a foreign key by id or name":                 {"service.id=1&service.name=2", object{"service": object{"id": "1", "name": "2"}}},
		"a shorthand is typed as declared":            {"url=a:1", object{"url": "a:1"}},
		"an unclosed bracket is a part of the name":   {"pa[ths=1", object{"pa[ths": "1"}},
		"a percent-encoded value is a value":          {"name=a%26b%3Dc", object{"name": "a&b=c"}},
		"a reference stays a text in a typed field":   {"config.redis.port={vault://env/p}", object{"config": object{"redis": object{"port": "{vault://env/p}"}}}},
		"a list of records by position and name":      {"nodes[1].ip=a&nodes[1].port=1&nodes[2].ip=b", object{"nodes": []any{object{"ip": "a", "port": int64(1)}, object{"ip": "b"}}}},
		"a record without a position is not a list":   {"nodes.ip=a", object{"nodes": object{"ip": "a"}}},
		"plain and numbered values make one list":     {"paths=/a&paths[1]=/b", object{"paths": []any{"/a", "/b"}}},
		"an explicit position may stay null":          {"paths[1]=", object{"paths": []any{nil}}},
		"members beside a plain value are not lost":   {"name=a&name.x=b", object{"name": object{"x": "b"}}},
		"a position beyond six digits is only a name": {"headers[1234567]=v", object{"headers": object{"1234567": []any{"v"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sample()
			config, _ := r.Lookup("config")
			config.Record.Fields = append(config.Record.Fields, schema.Strings("list", nil))
			r.Fields = append(r.Fields, schema.Array("nodes", schema.RecordOf("", schema.String("ip", nil), schema.Int("port", nil, 1))))
			got, err := r.FromForm(pairs(t, c.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("object (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromFormLeavesTheReasonToValidation(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"host=a&port=x":          "schema violation (port: expected an integer)",
		"host=a&enabled=yes":     "schema violation (enabled: expected a boolean)",
		"host=a&config=x":        "schema violation (config: expected a record)",
		"host=a&host=b":          "schema violation (host: expected a string)",
		"host=a&config.nope=1":   "schema violation (config: required field missing)",
		"host=a&paths[1]=":       "schema violation (paths.1: expected a string)",
		"host=a&paths.x=/a":      "schema violation (paths: expected an array)",
		"host=a&config.issuer=":  "schema violation (config.issuer: required field missing)",
		"host=a&tags[1].x=1":     "schema violation (tags.1: expected a string)",
		"host=a&headers=x":       "schema violation (headers: expected a map)",
		"host=a&service=x":       "schema violation (service: expected a record)",
		"host=a&config[]=1":      "schema violation (config: expected a record)",
		"host=a&port=1&port[]=2": "schema violation (port: expected an integer)",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			r := sample()
			got, err := r.FromForm(pairs(t, in))
			if err != nil {
				t.Fatal(err)
			}
			_, errs := r.Normalize(got)
			if errs == nil {
				t.Fatalf("accepted %v", got)
			}
			if in == "host=a&config.nope=1" {
				want = "2 schema violations (config.issuer: required field missing; config.nope: unknown field)"
			}
			if errs.Message() != want {
				t.Errorf("message %q, want %q", errs.Message(), want)
			}
		})
	}
}

func TestFromFormBounds(t *testing.T) {
	t.Parallel()
	r := sample()
	thousand := make([][2]string, schema.MaxArguments)
	for i := range thousand {
		thousand[i] = [2]string{"tags", "x"}
	}
	if _, err := r.FromForm(thousand); err != nil {
		t.Errorf("%d arguments: %v", len(thousand), err)
	}
	if _, err := r.FromForm(append(thousand, [2]string{"tags", "x"})); !errors.Is(err, schema.ErrTooManyArguments) {
		t.Errorf("one more: %v", err)
	}
	for _, name := range []string{strings.Repeat("a.", 100) + "a", "a" + strings.Repeat("[1]", 100)} {
		if _, err := r.FromForm([][2]string{{name, "x"}}); !errors.Is(err, schema.ErrFormDepth) {
			t.Errorf("a deep name: %v", err)
		}
	}
}

func FuzzFromForm(f *testing.F) {
	for _, seed := range []string{
		"config.auth_methods=authorization_code&config.auth_methods=session&config.login_tokens=",
		"paths[]=/a&paths[1]=/b&paths=/c", "headers[x-y]=1&headers.z=2&headers[1]=3", "a[1][2].b[].c=d", "a.[].b=1&.=2&[]=3&[=4&]=5",
		"port=1e3&port=0x1&port=+1&port=1_0&port=inf&port=NaN", "name=%00&name=%ff", "config=1&config.issuer=2&config[1]=3", "url=a:1",
		"service.id=x&service.name=y", "paths[000001]=a&paths[1]=b", "....=1", "tags[999999]=x&tags[0]=y",
	} {
		f.Add(seed)
	}
	r := sample()
	f.Fuzz(func(t *testing.T, text string) {
		in := pairs(t, text)
		got, err := r.FromForm(in)
		if err != nil {
			return
		}
		if _, err := json.Marshal(got); err != nil {
			t.Fatalf("not a JSON object: %v", err)
		}
		values, errs := r.Normalize(got)
		if errs != nil {
			if errs.Message() == "" {
				t.Fatal("an error without a message")
			}
			return
		}
		if values["id"] == nil { // generated by the store
			values["id"] = "01234567-89ab-cdef-0123-456789abcdef"
		}
		if again, errs := r.Normalize(values); errs != nil || !cmp.Equal(values, again) {
			t.Fatalf("normalising twice: %v\n%s", errs, cmp.Diff(values, again))
		}
		if err := r.Bind(values); err != nil {
			t.Fatalf("bind: %v", err)
		}
	})
}
