package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

func TestLoadReplacesEverythingAndTellsWhatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("mine")))
	b.must(t, insert(entity.Plugins, door()))
	l := loaded(t, b, nested)
	want := []Ref{{Kind: "services", ID: id(1), Name: "mine"}, {Kind: "plugins", ID: id(2)}}
	if diff := cmp.Diff(want, l.Dropped); diff != "" {
		t.Error(diff)
	}
	if _, found := b.View().Lookup(entity.Services, "mine"); found {
		t.Error("the old service is still there")
	}
	if l := loaded(t, b, nested); len(l.Dropped) != 0 {
		t.Errorf("loading the same again dropped %v", l.Dropped)
	}
}

func TestLoadTellsWhichChangesItTookBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if l := loaded(t, b, nested); l.Reverted != nil {
		t.Errorf("the first load took back %v", l.Reverted)
	}
	r, _ := b.View().Lookup(entity.Routes, "all")
	route := r["id"].(string)
	want := []Ref{{Kind: "routes", ID: route, Name: "all"}}
	b.now = time.Unix(5000, 0)
	b.must(t, patch(entity.Routes, route, Object{"hosts": []any{"mine.test"}}))
	if diff := cmp.Diff(want, loaded(t, b, nested).Reverted); diff != "" {
		t.Errorf("changed: %s", diff)
	}
	b.must(t, func(tx *Tx) (Object, error) { return nil, tx.Delete(entity.Routes, route) })
	if l := loaded(t, b, nested); len(l.Reverted) != 2 || l.Reverted[0] != want[0] {
		t.Errorf("deleted, with its plugin: %v", l.Reverted)
	}
	changed := strings.Replace(nested, "hosts: [service.test]", "hosts: [other.test]", 1)
	for _, text := range []string{nested, changed, changed} {
		if l := loaded(t, b, text); l.Reverted != nil {
			t.Errorf("a change of the document, or none, took back %v", l.Reverted)
		}
	}
}

func TestLoadingTheSameAgainChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, nested)
	before := b.View().Entities()
	b.now = time.Unix(5000, 0)
	loaded(t, b, nested)
	if diff := cmp.Diff(before, b.View().Entities()); diff != "" {
		t.Error(diff)
	}
	loaded(t, b, strings.Replace(nested, "hosts: [service.test]", "hosts: [other.test]", 1))
	r, _ := b.View().Lookup(entity.Routes, "all")
	if r["created_at"] != int64(1000) || r["updated_at"] != int64(5000) {
		t.Errorf("times of the changed route: %v %v", r["created_at"], r["updated_at"])
	}
}

func TestLoadKeepsGeneratedSettings(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	salts := func() (out []any) {
		for _, p := range b.View().Set().Plugins {
			out = append(out, p.Config["salt"])
		}
		return out
	}
	const text = "_format_version: \"3.0\"\nplugins:\n- {name: door, id: 00000000-0000-4000-8000-000000000001, config: {key: k}}\n"
	loaded(t, b, text)
	if diff := cmp.Diff([]any{"generated"}, salts()); diff != "" {
		t.Error(diff)
	}
	b.must(t, patch(entity.Plugins, id(1), Object{"config": map[string]any{"salt": "earlier"}}))
	loaded(t, b, text)
	if diff := cmp.Diff([]any{"earlier"}, salts()); diff != "" {
		t.Errorf("absent: %s", diff)
	}
	loaded(t, b, strings.Replace(text, "key: k", "key: k, salt: mine", 1))
	if diff := cmp.Diff([]any{"mine"}, salts()); diff != "" {
		t.Errorf("given: %s", diff)
	}
	loaded(t, b, strings.Replace(text, "key: k", "key: k, salt: null", 1))
	if diff := cmp.Diff([]any{nil}, salts()); diff != "" {
		t.Errorf("null: %s", diff)
	}
}

func TestHashOfADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	doc := parse(t, nested)
	loaded(t, b, nested)
	if got := b.View().Hash(); got != doc.Hash() || got != HashDocument([]byte(nested)) || len(got) != 32 {
		t.Errorf("view %s, document %s", got, doc.Hash())
	}
	if parse(t, nested+"# more\n").Hash() == doc.Hash() {
		t.Error("another text has the same hash")
	}
	b.must(t, insert(entity.Services, service("more")))
	if b.View().Hash() == doc.Hash() {
		t.Error("the hash did not change with a change")
	}
}

func TestRefusedDocumentChangesNothingAndNamesTheLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refuse func(set *entity.Set) error
		want   string
	}{
		"a field": {func(set *entity.Set) error {
			for _, p := range set.Plugins {
				if p.RouteID != "" {
					return &entity.Invalid{Kind: entity.Plugins, ID: p.ID, Errors: schema.Errors{"config": schema.Errors{"key": "is no key"}}}
				}
			}
			return nil
		}, "kong.yaml:16: services.1.routes.1.plugins.1.config.key: is no key"},
		"the whole": {func(*entity.Set) error { return errors.New("no") }, "kong.yaml: no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accept := func(*entity.Set) error { return nil }
			s, err := New(Options{Kinds: testKinds(), Accept: func(set *entity.Set) (func(), error) { return nil, accept(set) }})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), parse(t, flat)); err != nil {
				t.Fatal(err)
			}
			before := s.View()
			accept = c.refuse
			_, err = s.Load(t.Context(), parse(t, nested))
			var e *DocumentError
			if !errors.As(err, &e) || e.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if s.View() != before {
				t.Error("something was changed")
			}
		})
	}
}

func TestExportMakesTheSameAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, nested)
	b.must(t, insert(entity.Services, Object{
		"name": "odd", "host": "a.test", "retries": nil, "tags": []any{"yes", "1", "null", "~", " x", "a: b", "é"}, "enabled": false,
	}))
	b.must(t, insert(entity.Plugins, Object{"name": "door", "config": map[string]any{
		"key": "line\nline\n", "words": []any{}, "ratio": 1e21, "salt": nil, "place": map[string]any{"host": nil},
	}}))
	text, err := b.View().Export()
	if err != nil {
		t.Fatal(err)
	}
	again := newBench(t)
	again.now = time.Unix(9000, 0)
	loaded(t, again, string(text))
	if diff := cmp.Diff(b.View().Entities(), again.View().Entities()); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestExportIsReadable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, Object{"name": "a", "host": "a.test", "retries": nil}))
	b.must(t, insert(entity.Routes, Object{"paths": []any{"/"}, "service": ref(id(1))}))
	got, err := b.View().Export()
	if err != nil {
		t.Fatal(err)
	}
	want := `_format_version: "3.0"
_transform: false
services:
  - connect_timeout: 60000
    created_at: 1000
    enabled: true
    host: a.test
    id: 00000000-0000-4000-8000-000000000001
    name: a
    port: 80
    protocol: http
    read_timeout: 60000
    retries: null
    updated_at: 1000
    write_timeout: 60000
routes:
  - created_at: 1000
    https_redirect_status_code: 426
    id: 00000000-0000-4000-8000-000000000002
    path_handling: v0
    paths:
      - /
    preserve_host: false
    protocols:
      - http
      - https
    regex_priority: 0
    request_buffering: true
    response_buffering: true
    service: 00000000-0000-4000-8000-000000000001
    strip_path: true
    updated_at: 1000
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func FuzzDeclarative(f *testing.F) {
	for _, seed := range []string{
		nested, flat, faulty, `{"_format_version":"3.0","services":[{"host":"a"}]}`, "_format_version: 3.0",
		"a: &a [*a]", "<<: {a: b}", "? [x]\n: y", "- \xff", "{\"a\":1e999}", "--- a\n--- b", "!!int x: 1",
		"_format_version: \"1.1\"\nroutes: [{paths: ['/a(b']}]", "{a: [", "\t{}", "services: [[]]", "%YAML 9.9\n---\na",
	} {
		f.Add([]byte(seed))
	}
	kinds := testKinds()
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := ParseDeclarative("f", data, kinds)
		if err != nil {
			var e *DocumentError
			if !errors.As(err, &e) || len(e.Problems) == 0 {
				t.Fatalf("not a proper refusal: %v", err)
			}
			e.Body(true)
			return
		}
		s, err := New(Options{Kinds: kinds})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), doc); err != nil {
			t.Fatalf("accepted, then refused: %v", err)
		}
		text, err := s.View().Export()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseDeclarative("again", text, kinds)
		if err != nil {
			t.Fatalf("own export is refused: %v\n%s", err, text)
		}
		before := s.View().Entities()
		if _, err := s.Load(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, s.View().Entities()); diff != "" {
			t.Fatalf("export differs: %s\n%s", diff, text)
		}
	})
}
