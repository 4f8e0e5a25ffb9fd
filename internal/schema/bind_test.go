package schema_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

type colour string

type node struct {
	Host string
	Port int
}

func (n *node) fields() []*schema.Field {
	return []*schema.Field{schema.String("host", &n.Host).Required(), schema.Int("port", &n.Port, 6379)}
}

type settings struct {
	Name     string
	Colour   colour
	Password secret.String
	Enabled  bool
	Secure   *bool
	Count    int
	Limit    *int
	At       int64
	Ratio    float64
	Idle     time.Duration
	MaxAge   *time.Duration
	Wait     time.Duration
	Length   int // of a text, through Text
	List     []string
	Colours  []colour
	Secrets  []secret.String
	Lengths  []int
	Paths    [][]string
	Nodes    []node
	Inner    string
}

func textLength(s string) (int, error) {
	if strings.Contains(s, "!") {
		return 0, errors.New("no exclamation marks")
	}
	return len(s), nil
}

func (s *settings) record() *schema.Record {
	return &schema.Record{Fields: []*schema.Field{
		schema.String("name", &s.Name, "anon"),
		schema.Enum("colour", &s.Colour, "red", "red", "blue"),
		schema.Secret("password", &s.Password).Referenceable(),
		schema.Bool("enabled", &s.Enabled, true),
		schema.OptBool("secure", &s.Secure),
		schema.Int("count", &s.Count, 3),
		schema.OptInt("limit", &s.Limit),
		schema.Int64("at", &s.At).Timestamp(),
		schema.Number("ratio", &s.Ratio, 1.1),
		schema.Seconds("idle", &s.Idle, 15*time.Minute),
		schema.OptSeconds("max_age", &s.MaxAge),
		schema.Millis("wait", &s.Wait, 2*time.Second).Integer(),
		schema.Text("length", &s.Length, textLength, "four"),
		schema.Strings("list", &s.List, "a", "b"),
		schema.Enums("colours", &s.Colours, []colour{"red", "blue"}),
		schema.Secrets("secrets", &s.Secrets).Referenceable(),
		schema.Texts("lengths", &s.Lengths, textLength).Referenceable(),
		schema.Paths("paths", &s.Paths),
		schema.Records("nodes", &s.Nodes, (*node).fields),
		schema.RecordOf("outer", schema.String("inner", &s.Inner, "deep")),
	}}
}

// bound normalises text, binds it and returns the settings.
func bound(t *testing.T, text string) settings {
	t.Helper()
	var s settings
	r := s.record()
	values, errs := r.Normalize(parse(t, text))
	if errs != nil {
		t.Fatal(errs)
	}
	if err := r.Bind(values); err != nil {
		t.Fatal(err)
	}
	return s
}

var compareSecrets = cmp.Comparer(func(a, b secret.String) bool { return a.Equal(b) })

func defaults() settings {
	return settings{
		Name: "anon", Colour: "red", Enabled: true, Count: 3, Ratio: 1.1, Idle: 15 * time.Minute, Wait: 2 * time.Second,
		Length: 4, List: []string{"a", "b"}, Colours: []colour{}, Secrets: []secret.String{}, Lengths: []int{},
		Paths: [][]string{}, Nodes: []node{}, Inner: "deep",
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	yes, seven, hour := true, 7, time.Hour
	for name, c := range map[string]struct {
		in   string
		want func(*settings)
	}{
		"absent fields bind their defaults": {`{}`, func(*settings) {}},
		"values bind by their meaning": {
			`{"name":"n","colour":"blue","password":"p","enabled":false,"secure":true,"count":4,"limit":7,"at":5,"ratio":2,
			  "idle":0.5,"max_age":3600,"wait":1500,"length":"ab","list":[],"colours":["blue"],"secrets":["s"],"lengths":["a","bc"],
			  "paths":[["a","b"],["c"]],"nodes":[{"host":"h"},{"host":"i","port":1}],"outer":{"inner":"x"}}`,
			func(s *settings) {
				*s = settings{
					Name: "n", Colour: "blue", Password: secret.New("p"), Secure: &yes, Count: 4, Limit: &seven, At: 5, Ratio: 2,
					Idle: 500 * time.Millisecond, MaxAge: &hour, Wait: 1500 * time.Millisecond, Length: 2, List: []string{},
					Colours: []colour{"blue"}, Secrets: []secret.String{secret.New("s")}, Lengths: []int{1, 2},
					Paths: [][]string{{"a", "b"}, {"c"}}, Nodes: []node{{"h", 6379}, {"i", 1}}, Inner: "x",
				}
			},
		},
		"null binds the default of a scalar": {
			`{"name":null,"colour":null,"enabled":null,"count":null,"idle":null,"outer":null}`, func(*settings) {},
		},
		"null binds the empty list":     {`{"list":null}`, func(s *settings) { s.List = []string{} }},
		"null of a parsed text binds 0": {`{"length":null}`, func(s *settings) { s.Length = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			c.want(&want)
			if diff := cmp.Diff(want, bound(t, c.in), compareSecrets); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsedTextsAreCheckedByNormalize(t *testing.T) {
	t.Parallel()
	_, errs := new(settings).record().Normalize(parse(t, `{"length":"!","lengths":["a","!"]}`))
	want := schema.Errors{"length": "no exclamation marks", "lengths": []any{nil, "no exclamation marks"}}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Error(diff)
	}
}

func TestSpansAreBounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"idle":-1}`, `{"idle":1e300}`, `{"max_age":-0.5}`, `{"wait":4294967296}`} {
		if _, errs := new(settings).record().Normalize(parse(t, text)); errs == nil {
			t.Errorf("%s accepted", text)
		}
	}
}

func TestBindNamesTheField(t *testing.T) {
	t.Parallel()
	r := new(settings).record()
	err := r.Bind(map[string]any{"nodes": []any{map[string]any{"host": "a"}, map[string]any{"host": 1}}})
	var at *schema.FieldError
	if !errors.As(err, &at) || at.Path != "nodes.2.host" {
		t.Errorf("error %v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	lookup := func(reference string) (string, error) {
		switch reference {
		case "{vault://env/p}":
			return "opened", nil
		case "{vault://env/bad}":
			return "!", nil
		case "{vault://env/loop}":
			return "{vault://env/p}", nil
		}
		return "", errors.New("no " + strconv.Quote(reference))
	}
	t.Run("references of referenceable fields are replaced", func(t *testing.T) {
		t.Parallel()
		var s settings
		r := s.record()
		in, errs := r.Normalize(parse(t, `{"name":"{vault://env/p}","password":"{vault://env/p}","secrets":["x","{vault://env/p}"]}`))
		if errs != nil {
			t.Fatal(errs)
		}
		got, unresolved, err := r.Resolve(in, lookup)
		if err != nil || len(unresolved) > 0 {
			t.Fatal(err, unresolved)
		}
		if err := r.Bind(got); err != nil {
			t.Fatal(err)
		}
		want := defaults()
		want.Name, want.Password = "{vault://env/p}", secret.New("opened")
		want.Secrets = []secret.String{secret.New("x"), secret.New("opened")}
		if diff := cmp.Diff(want, s, compareSecrets); diff != "" {
			t.Error(diff)
		}
		if in["password"] != "{vault://env/p}" {
			t.Error("the stored values were changed")
		}
	})
	t.Run("what does not resolve is empty, in its place, and reported", func(t *testing.T) {
		t.Parallel()
		r := new(settings).record()
		in, _ := r.Normalize(parse(t, `{"password":"{vault://env/no}","secrets":["{vault://env/no}","y"]}`))
		got, unresolved, err := r.Resolve(in, lookup)
		if err != nil {
			t.Fatal(err)
		}
		if got["password"] != nil || !cmp.Equal(got["secrets"], []any{"", "y"}) {
			t.Errorf("password %v, secrets %v", got["password"], got["secrets"])
		}
		var paths []string
		for _, u := range unresolved {
			paths = append(paths, strings.SplitN(u.Error(), ":", 2)[0])
		}
		if diff := cmp.Diff([]string{"password", "secrets.1"}, paths); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a value that the field refuses is an error without the value", func(t *testing.T) {
		t.Parallel()
		r := new(settings).record()
		for _, reference := range []string{"{vault://env/bad}", "{vault://env/loop}"} {
			in, _ := r.Normalize(map[string]any{"lengths": []any{reference}})
			_, _, err := r.Resolve(in, lookup)
			if err == nil || !strings.HasPrefix(err.Error(), "lengths.1: ") || strings.Contains(err.Error(), "{vault://env/p}") {
				t.Errorf("%s: error %v", reference, err)
			}
		}
	})
	t.Run("a number may be a reference", func(t *testing.T) {
		t.Parallel()
		r := &schema.Record{Fields: []*schema.Field{schema.Int("port", nil, 1).Referenceable().Between(0, 9)}}
		in, errs := r.Normalize(map[string]any{"port": "{vault://env/n}"})
		if errs != nil {
			t.Fatal(errs)
		}
		for text, want := range map[string]any{"7": int64(7), "70": nil, "x": nil} {
			got, _, err := r.Resolve(in, func(string) (string, error) { return text, nil })
			if (err != nil) != (want == nil) || got["port"] != want {
				t.Errorf("%s: %v, %v", text, got["port"], err)
			}
		}
	})
}
