package store

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
)

func ids(page []Object) []string {
	out := []string{}
	for _, v := range page {
		out = append(out, v["id"].(string))
	}
	return out
}

func TestListPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	err := b.Update(t.Context(), func(tx *Tx) error {
		for n := 250; n > 0; n-- {
			if _, err := tx.Insert(entity.Services, Object{"host": "a.test", "id": id(n)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for size, pages := range map[int]int{0: 3, 1: 250, 100: 3, 125: 2, 249: 2, 250: 1, 1000: 1} {
		var got []string
		o := ListOptions{Size: size}
		for n := 1; ; n++ {
			page, next, err := b.View().List(entity.Services, o)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ids(page)...)
			if next == "" {
				if n != pages {
					t.Errorf("size %d: %d pages, want %d", size, n, pages)
				}
				break
			}
			o.Offset = next
		}
		if len(got) != 250 || got[0] != id(1) || got[249] != id(250) {
			t.Errorf("size %d: %d entities", size, len(got))
		}
	}
}

func TestListGoesOnBehindADeletedEntity(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"a", "b", "c"} {
		b.must(t, insert(entity.Services, service(name)))
	}
	_, next, err := b.View().List(entity.Services, ListOptions{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.must(t, remove(entity.Services, "a"))
	page, _, err := b.View().List(entity.Services, ListOptions{Size: 1, Offset: next})
	if err != nil || cmp.Diff([]string{id(2)}, ids(page)) != "" {
		t.Errorf("got %v %v", ids(page), err)
	}
}

func TestEmptyListIsNotNil(t *testing.T) {
	t.Parallel()
	page, next, err := newBench(t).View().List(entity.Routes, ListOptions{})
	if page == nil || len(page) != 0 || next != "" || err != nil {
		t.Errorf("got %v %q %v", page, next, err)
	}
}

func TestListRefusesBadOptions(t *testing.T) {
	t.Parallel()
	v := newBench(t).View()
	for _, size := range []int{-1, 1001} {
		_, _, err := v.List(entity.Services, ListOptions{Size: size})
		wantError(t, err, 9, 400, "size must be an integer between 1 and 1000")
	}
	for _, offset := range []string{"x", "***", base64.RawURLEncoding.EncodeToString([]byte("not an id"))} {
		_, _, err := v.List(entity.Services, ListOptions{Offset: offset})
		wantError(t, err, 7, 400, "'"+offset+"' is not a valid offset: bad base64 encoding")
	}
	if _, _, err := v.List("upstreams", ListOptions{}); err == nil {
		t.Error("a kind that is not here was listed")
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i, tags := range [][]any{{"x"}, {"x", "y"}, {"y"}, nil} {
		in := service(string(rune('a' + i)))
		if tags != nil {
			in["tags"] = tags
		}
		b.must(t, insert(entity.Services, in))
	}
	b.must(t, insert(entity.Routes, route("r1", "a")))
	b.must(t, insert(entity.Routes, route("r2", "b")))
	b.must(t, insert(entity.Routes, route("r3", "a")))
	for name, c := range map[string]struct {
		kind string
		o    ListOptions
		want []string
	}{
		"one tag":           {entity.Services, ListOptions{Tags: []string{"x"}}, []string{id(1), id(2)}},
		"all of two":        {entity.Services, ListOptions{Tags: []string{"x", "y"}}, []string{id(2)}},
		"one of two":        {entity.Services, ListOptions{Tags: []string{"x", "y"}, AnyTag: true}, []string{id(1), id(2), id(3)}},
		"an unknown tag":    {entity.Services, ListOptions{Tags: []string{"z"}}, []string{}},
		"children":          {entity.Routes, ListOptions{Field: "service", ID: id(1)}, []string{id(5), id(7)}},
		"children of none":  {entity.Routes, ListOptions{Field: "service", ID: id(4)}, []string{}},
		"tagged from there": {entity.Services, ListOptions{Tags: []string{"y"}, Offset: encodeOffset(id(2))}, []string{id(3)}},
	} {
		page, next, err := b.View().List(c.kind, c.o)
		if err != nil || next != "" {
			t.Fatalf("%s: %v %q", name, err, next)
		}
		if diff := cmp.Diff(c.want, ids(page)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	b.must(t, insert(entity.Consumers, Object{"username": "bob", "custom_id": "42"}))
	b.must(t, insert(entity.Plugins, door("instance_name", "front")))
	v := b.View()
	for _, c := range []struct{ kind, key, want string }{
		{entity.Services, "a", id(1)},
		{entity.Services, id(1), id(1)},
		{entity.Services, "A", ""},
		{entity.Services, id(9), ""},
		{entity.Services, "", ""},
		{entity.Consumers, "bob", id(2)},
		{entity.Consumers, "42", ""},
		{entity.Plugins, "front", id(3)},
		{entity.Plugins, "door", ""},
		{"upstreams", "a", ""},
	} {
		found, ok := v.Find(c.kind, c.key)
		if got, _ := found["id"].(string); got != c.want || ok != (c.want != "") {
			t.Errorf("%s %q: got %q", c.kind, c.key, got)
		}
	}
	if got := ids(v.ByField(entity.Consumers, "custom_id", "42")); cmp.Diff([]string{id(2)}, got) != "" {
		t.Errorf("by custom_id: %v", got)
	}
}
