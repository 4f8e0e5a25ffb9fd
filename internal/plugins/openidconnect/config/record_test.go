package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/schema"
)

// fact is what is known of one field of Kong's plugin.
type fact struct {
	Path          string   `json:"path"`
	Type          string   `json:"type"`
	Items         string   `json:"items"`
	Default       any      `json:"default"`
	Enum          []string `json:"enum"`
	Required      bool     `json:"required"`
	Referenceable bool     `json:"referenceable"`
	Encrypted     bool     `json:"encrypted"`
}

// leaf is one declared field with its path.
type leaf struct {
	path  string
	field *schema.Field
}

// walk lists every field below r, records included, by path.
func walk(prefix string, r *schema.Record) []leaf {
	var out []leaf
	for _, f := range r.Fields {
		path := prefix + f.Name
		out = append(out, leaf{path, f})
		switch {
		case f.Record != nil:
			out = append(out, walk(path+".", f.Record)...)
		case f.Elements != nil && f.Elements.Record != nil:
			out = append(out, walk(path+"[].", f.Elements.Record)...)
		}
	}
	return out
}

func declaredFact(l leaf) fact {
	f := l.field
	d := fact{
		Path: l.path, Type: string(f.Type), Default: f.Attr.Default, Enum: f.Attr.OneOf,
		Required: f.Attr.Required, Referenceable: f.Attr.Referenceable, Encrypted: f.Attr.Encrypted,
	}
	if e := f.Elements; e != nil {
		d.Items, d.Enum, d.Referenceable = string(e.Type), e.Attr.OneOf, e.Attr.Referenceable
		if e.Elements != nil {
			d.Items = fmt.Sprintf("%s of %s", e.Type, e.Elements.Type)
		}
	}
	return d.canonical()
}

// canonical makes facts comparable: numbers are float64, enumerations sorted.
func (f fact) canonical() fact {
	text, err := json.Marshal(f.Default)
	if err != nil {
		panic(err)
	}
	f.Default = nil
	if err := json.Unmarshal(text, &f.Default); err != nil {
		panic(err)
	}
	f.Enum = slices.Sorted(slices.Values(f.Enum))
	return f
}

// TestFieldsAreKongsPlusOurs holds the declaration equal to the list of Kong's
// fields, plus exactly the record sallyport and the storage memory.
func TestFieldsAreKongsPlusOurs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/kong_fields.json")
	if err != nil {
		t.Fatal(err)
	}
	var known []fact
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	if len(known) != 378 {
		t.Errorf("the list has %d fields, want 378", len(known))
	}
	want := make(map[string]fact)
	for _, f := range known {
		if f.Path == "session_storage" {
			f.Enum = append(f.Enum, "memory")
		}
		want[f.Path] = f.canonical()
	}
	for _, f := range []fact{
		{Path: "sallyport", Type: "record"},
		{Path: "sallyport.id_token_signing_algs", Type: "set", Items: "string", Enum: signingAlgs()},
		{Path: "sallyport.access_token_signing_algs", Type: "set", Items: "string", Enum: signingAlgs()},
		{Path: "sallyport.email_domains", Type: "array", Items: "string"},
		{Path: "sallyport.acr", Type: "array", Items: "string"},
		{Path: "sallyport.max_age", Type: "number"},
		{Path: "sallyport.client_assertion_audience", Type: "string", Default: "token_endpoint", Enum: []string{"token_endpoint", "issuer"}},
	} {
		want[f.Path] = f.canonical()
	}
	got := make(map[string]fact)
	for _, l := range walk("", Record()) {
		if _, twice := got[l.path]; twice {
			t.Errorf("%s is declared twice", l.path)
		}
		got[l.path] = declaredFact(l)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("declared fields (-known +declared):\n%s", diff)
	}
}

// TestSupportedFieldsAreBound holds the marks honest: a field that does
// something is bound to exactly one variable, any other to none and says why.
func TestSupportedFieldsAreBound(t *testing.T) {
	t.Parallel()
	bound := make(map[uintptr]string)
	for _, l := range walk("", new(Config).record()) {
		a, target := l.field.Attr, l.field.Target()
		if a.Description == "" {
			t.Errorf("%s has no description", l.path)
		}
		if (a.Mark == schema.Supported) != (a.Why == "") {
			t.Errorf("%s is %v and says why: %q", l.path, a.Mark, a.Why)
		}
		if a.Mark != schema.Supported && target != nil {
			t.Errorf("%s is %v and bound", l.path, a.Mark)
		}
		if target == nil {
			if a.Mark == schema.Supported && l.field.Record == nil && !refusedAsAWhole(l.path) {
				t.Errorf("%s is supported and not bound", l.path)
			}
			continue
		}
		p := reflect.ValueOf(target).Pointer()
		if other, taken := bound[p]; taken {
			t.Errorf("%s and %s are bound to one variable", l.path, other)
		}
		bound[p] = l.path
	}
}

// refusedAsAWhole tells fields of records that stand in an unsupported list:
// the list cannot be set.
func refusedAsAWhole(path string) bool {
	for _, list := range []string{
		"downstream_headers[].", "redis.cluster_nodes[].", "redis.sentinel_nodes[].",
		"cluster_cache_redis.cluster_nodes[].", "cluster_cache_redis.sentinel_nodes[].",
	} {
		if strings.HasPrefix(path, list) {
			return true
		}
	}
	return false
}

// TestInertFieldsAreHarmless is the closed list of fields without effect: none
// of them restricts, verifies, binds or hides.
func TestInertFieldsAreHarmless(t *testing.T) {
	t.Parallel()
	want := []string{
		"client_jwk[].issuer", "client_jwk[].x5c", "client_jwk[].x5u",
		"cluster_cache_redis.keepalive_backlog", "cluster_cache_redis.keepalive_pool_size",
		"redis.keepalive_backlog", "redis.keepalive_pool_size", "session_hash_storage_key",
		"session_hash_subject", "session_store_metadata", "token_cache_key_include_scope",
	}
	var got []string
	for _, l := range walk("", Record()) {
		if l.field.Attr.Mark == schema.Inert {
			got = append(got, l.path)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inert fields (-want +got):\n%s", diff)
	}
}

// TestEveryUnsupportedFieldIsRefused sets each of them to something else.
func TestEveryUnsupportedFieldIsRefused(t *testing.T) {
	t.Parallel()
	n := 0
	for _, l := range walk("", Record()) {
		if l.field.Attr.Mark != schema.Unsupported || strings.Contains(l.path, "[]") {
			continue
		}
		n++
		in := map[string]any{"issuer": "https://idp.test"}
		put(in, strings.Split(l.path, "."), otherValue(l.field))
		_, errs := Record().Normalize(in)
		if errs == nil || !strings.Contains(errs.Message(), l.path+": not supported: "+l.field.Attr.Why) {
			t.Errorf("%s: %v", l.path, errs)
		}
		put(in, strings.Split(l.path, "."), l.field.Attr.Default)
		if _, errs := Record().Normalize(in); errs != nil && strings.Contains(errs.Message(), "not supported") {
			t.Errorf("%s at its default: %v", l.path, errs)
		}
	}
	if n < 30 {
		t.Errorf("only %d unsupported fields seen", n)
	}
}

func put(in map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := in[name].(map[string]any)
		if !ok {
			inner = make(map[string]any)
			in[name] = inner
		}
		in = inner
	}
	in[path[len(path)-1]] = v
}

// otherValue is a valid value that is not the default.
func otherValue(f *schema.Field) any {
	switch f.Type {
	case schema.TypeBoolean:
		return f.Attr.Default != true
	case schema.TypeInteger, schema.TypeNumber:
		if f.Name == "http_version" {
			return 1
		}
		return 7
	case schema.TypeArray, schema.TypeSet:
		if f.Elements.Record != nil {
			r := make(map[string]any)
			for _, m := range f.Elements.Record.Fields {
				if m.Attr.Required {
					r[m.Name] = otherValue(m)
				}
			}
			return []any{r}
		}
		e := *f.Elements
		if standard, _ := f.Attr.Default.([]any); len(standard) > 0 {
			e.Attr.Default = standard[0]
		}
		return []any{otherValue(&e)}
	default:
	}
	for _, v := range f.Attr.OneOf {
		if v != f.Attr.Default {
			return v
		}
	}
	if f.Attr.UUID {
		return "01234567-89ab-cdef-0123-456789abcdef"
	}
	return "something"
}

func TestDefaultsPassTheirOwnChecks(t *testing.T) {
	t.Parallel()
	r := Record()
	values, errs := r.Normalize(map[string]any{"issuer": "https://idp.test"})
	if errs != nil {
		t.Fatal(errs)
	}
	again, errs := r.Normalize(values)
	if errs != nil {
		t.Fatalf("the defaults written out: %v", errs)
	}
	if diff := cmp.Diff(values, again); diff != "" {
		t.Errorf("encode and decode differ:\n%s", diff)
	}
	for _, l := range walk("", r) {
		if l.field.Attr.Default == nil || strings.Contains(l.path, "[]") {
			continue
		}
		in := map[string]any{"issuer": "https://idp.test"}
		put(in, strings.Split(l.path, "."), l.field.Attr.Default)
		if _, errs := r.Normalize(in); errs != nil && strings.Contains(errs.Message(), l.path+":") {
			t.Errorf("%s: %v", l.path, errs)
		}
	}
	for _, name := range []string{"redis", "cluster_cache_redis", "token_exchange", "principals", "sallyport", "login_redirect_uri"} {
		if v, present := values[name]; !present || v != nil {
			t.Errorf("%s is %v, want null", name, v)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files")

// describe writes the description with one line for each field.
func describe(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	all := Record().Describe()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s\n", key)
		for _, item := range all[key].([]any) {
			text, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "  %s\n", text)
		}
	}
	return b.String()
}

// TestDescription compares what GET /schemas/plugins/openid-connect shows.
func TestDescription(t *testing.T) {
	t.Parallel()
	got := describe(t)
	const name = "testdata/description.txt"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("description differs; run go test -update when that is meant:\n%s", diff)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	r := Record()
	for _, s := range r.Shorthands {
		if _, clash := r.Lookup(s.Name); clash {
			t.Errorf("%s is an alias and a field", s.Name)
		}
		f, ok := r.Lookup(s.ReplacedWith[0])
		for _, name := range s.ReplacedWith[1:] {
			if ok {
				f, ok = f.Record.Lookup(name)
			}
		}
		if !ok {
			t.Errorf("%s leads to no field", s.Name)
		} else if f.Type != s.Type && s.Name != "consumer_claim" {
			t.Errorf("%s is a %s, its field a %s", s.Name, s.Type, f.Type)
		}
	}
	for name, c := range map[string]struct {
		in   map[string]any
		path string
		want any
	}{
		"a former name stores the new one": {map[string]any{"session_cookie_lifetime": 60}, "session_rolling_timeout", int64(60)},
		"session_redis_* fill the record":  {map[string]any{"session_redis_host": "r"}, "redis.host", "r"},
		"a reference may be given":         {map[string]any{"session_redis_password": "{vault://env/x}"}, "redis.password", "{vault://env/x}"},
		"null stores null":                 {map[string]any{"session_redis_prefix": nil}, "redis.prefix", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := maps.Clone(c.in)
			in["issuer"] = "https://idp.test"
			got, errs := Record().Normalize(in)
			if errs != nil {
				t.Fatal(errs)
			}
			var v any = got
			for part := range strings.SplitSeq(c.path, ".") {
				v = v.(map[string]any)[part]
			}
			if v != c.want {
				t.Errorf("%s is %v, want %v", c.path, v, c.want)
			}
			for old := range c.in {
				if _, returned := got[old]; returned {
					t.Errorf("%s is returned", old)
				}
			}
		})
	}
}
