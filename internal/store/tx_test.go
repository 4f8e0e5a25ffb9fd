package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
)

func TestInsertGeneratesIDAndTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := b.must(t, insert(entity.Services, service("a")))
	if v["id"] != id(1) || v["created_at"] != int64(1000) || v["updated_at"] != int64(1000) {
		t.Errorf("got %v", v)
	}
	if got, ok := b.View().Get(entity.Services, id(1)); !ok || cmp.Diff(v, got) != "" {
		t.Errorf("stored %v", got)
	}
	given := service("b")
	given["id"], given["created_at"], given["updated_at"] = id(50), 7, 8
	v = b.must(t, insert(entity.Services, given))
	if v["id"] != id(50) || v["created_at"] != int64(7) {
		t.Errorf("id and created_at are not honoured: %v", v)
	}
	if v["updated_at"] != int64(1000) {
		t.Errorf("updated_at is not the server's: %v", v["updated_at"])
	}
	if given["port"] != nil || given["updated_at"] != 8 {
		t.Error("the caller's object was changed")
	}
}

func TestInsertRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	b.must(t, insert(entity.Consumers, Object{"username": "bob", "custom_id": "1"}))
	b.must(t, insert(entity.Plugins, door("service", ref(id(1)), "instance_name", "i")))
	missing := id(99)
	for _, c := range []struct {
		name    string
		kind    string
		in      Object
		code    int
		status  int
		message string
	}{
		{
			"an invalid entity", entity.Services,
			Object{"port": "x"},
			2, 400,
			"2 schema violations (host: required field missing; port: expected an integer)",
		},
		{"a null id", entity.Services, Object{"host": "a", "id": nil}, 2, 400, "schema violation (id: required field missing)"},
		{
			"an id in use", entity.Services,
			Object{"host": "a", "id": id(1)},
			3, 400,
			`primary key violation on key '{id="` + id(1) + `"}'`,
		},
		{"a name in use", entity.Services, service("a"), 5, 409, `UNIQUE violation detected on '{name="a"}'`},
		{
			"a second unique field in use", entity.Consumers,
			Object{"username": "eve", "custom_id": "1"},
			5, 409,
			`UNIQUE violation detected on '{custom_id="1"}'`,
		},
		{
			"an instance name in use", entity.Plugins, door("instance_name", "i"), 5, 409,
			`UNIQUE violation detected on '{instance_name="i"}'`,
		},
		{
			"a plugin twice in one scope", entity.Plugins, door("service", ref(id(1))), 5, 409,
			`UNIQUE violation detected on '{consumer=null,consumer_group=null,name="door",route=null,service={id="` + id(1) + `"}}'`,
		},
		{
			"a reference to nothing", entity.Routes,
			Object{"paths": []any{"/"}, "service": ref(missing)},
			4, 400,
			`the foreign key '{id="` + missing + `"}' does not reference an existing 'services' entity.`,
		},
		{
			"a reference to a kind that is not here", entity.Services,
			Object{"host": "a", "protocol": "https", "client_certificate": ref(missing)},
			4, 400,
			`the foreign key '{id="` + missing + `"}' does not reference an existing 'certificates' entity.`,
		},
		{
			"a reference by a name that is none", entity.Routes, route("r", "x"), 13, 400,
			`foreign key unresolved (service.name: the foreign key cannot be resolved with '{name="x"}' for an existing 'services' entity)`,
		},
		{
			"a reference by a user that is none", entity.Plugins, door("consumer", map[string]any{"username": "x"}), 13, 400,
			`foreign key unresolved (consumer.username: the foreign key cannot be resolved with '{username="x"}' for an existing 'consumers' entity)`,
		},
		{
			"a reference that is a text", entity.Routes,
			Object{"paths": []any{"/"}, "service": "a"},
			2, 400,
			"schema violation (service: expected a record)",
		},
		{
			"a reference by what names nothing", entity.Routes,
			Object{"paths": []any{"/"}, "service": map[string]any{"host": "a"}},
			2, 400,
			"schema violation (service.id: missing primary key)",
		},
		{
			"a reference to a kind that is not here, by name", entity.Services,
			Object{"host": "a", "protocol": "https", "client_certificate": map[string]any{"name": "x"}},
			2, 400,
			"schema violation (client_certificate.id: missing primary key)",
		},
		{
			"a reference without a key", entity.Routes,
			Object{"paths": []any{"/"}, "service": map[string]any{}},
			2, 400,
			"schema violation (service.id: missing primary key)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := b.View()
			_, err := b.try(t, insert(c.kind, c.in))
			wantError(t, err, c.code, c.status, c.message)
			if b.View() != before {
				t.Error("something was changed")
			}
		})
	}
	// Controls: the same with what was at fault put right.
	b.must(t, insert(entity.Routes, route("r", "a")))
	b.must(t, insert(entity.Plugins, door("consumer", map[string]any{"username": "bob"})))
	b.must(t, insert(entity.Plugins, door("consumer", map[string]any{"custom_id": "1"}, "route", map[string]any{"name": "r"})))
	b.must(t, insert(entity.Plugins, door()))
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	b.must(t, insert(entity.Routes, route("r", "a")))
	body := func(op func(tx *Tx) (Object, error)) map[string]any {
		t.Helper()
		_, err := b.try(t, op)
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("got %v", err)
		}
		out := e.Body()
		delete(out, "message")
		return out
	}
	type fields = map[string]any
	for _, c := range []struct {
		op   func(tx *Tx) (Object, error)
		want map[string]any
	}{
		{insert(entity.Services, service("a")), fields{"code": 5, "name": "unique constraint violation", "fields": fields{"name": "a"}}},
		{
			insert(entity.Services, Object{"id": id(1), "host": "x"}),
			fields{"code": 3, "name": "primary key violation", "fields": fields{"id": id(1)}},
		},
		{remove(entity.Services, id(1)), fields{"code": 4, "name": "foreign key violation", "fields": fields{"@referenced_by": "routes"}}},
		{
			insert(entity.Routes, Object{"paths": []any{"/"}, "service": ref(id(9))}),
			fields{"code": 4, "name": "foreign key violation", "fields": fields{"service": fields{"id": id(9)}}},
		},
		{patch(entity.Routes, id(9), nil), fields{"code": 6, "name": "not found", "fields": fields{"id": id(9)}}},
		{
			insert(entity.Services, Object{"host": "a:1"}),
			fields{"code": 2, "name": "schema violation", "fields": fields{"host": "must not have a port"}},
		},
	} {
		if diff := cmp.Diff(c.want, asJSON(t, body(c.op))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestReferencesAreReturnedAsIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	v := b.must(t, insert(entity.Routes, route("r", "a")))
	if diff := cmp.Diff(any(ref(id(1))), v["service"]); diff != "" {
		t.Error(diff)
	}
	v = b.must(t, patch(entity.Routes, "r", Object{"service": map[string]any{"id": id(1), "name": "a"}}))
	if diff := cmp.Diff(any(ref(id(1))), v["service"]); diff != "" {
		t.Error(diff)
	}
	if v = b.must(t, patch(entity.Routes, "r", Object{"service": nil})); v["service"] != nil {
		t.Error("null does not detach")
	}
}

func TestUpsertReplacesEverything(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := service("a")
	in["retries"], in["tags"] = 1, []any{"t"}
	b.must(t, insert(entity.Services, in))
	b.now = time.Unix(2000, 0)
	v := b.must(t, upsert(entity.Services, id(1), Object{"host": "b.test", "id": id(7)}))
	for field, want := range map[string]any{
		"id": id(1), "name": nil, "retries": int64(5), "tags": nil, "host": "b.test",
		"created_at": int64(2000), "updated_at": int64(2000),
	} {
		if v[field] != want {
			t.Errorf("%s is %v, want %v", field, v[field], want)
		}
	}
	v = b.must(t, upsert(entity.Services, id(1), Object{"host": "b.test", "created_at": 1000}))
	if v["created_at"] != int64(1000) {
		t.Error("created_at is not kept although it was sent")
	}
	v = b.must(t, upsert(entity.Services, id(40), service("new")))
	if v["id"] != id(40) {
		t.Error("the id of a new entity is not the one asked for")
	}
	if _, found := b.View().Lookup(entity.Services, "a"); found {
		t.Error("the old name still leads somewhere")
	}
}

func TestUpsertByName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	made := b.must(t, upsert(entity.Services, "a", Object{"host": "x.test"}))
	if made["name"] != "a" || made["id"] != id(1) {
		t.Errorf("made %v", made)
	}
	again := b.must(t, upsert(entity.Services, "a", Object{"host": "y.test", "id": id(77)}))
	if again["id"] != id(1) || again["host"] != "y.test" {
		t.Errorf("the id is not kept: %v", again)
	}
	if n := len(b.View().Set().Services); n != 1 {
		t.Errorf("%d services", n)
	}
	_, err := b.try(t, upsert(entity.Services, "new", Object{"host": "z.test", "id": id(1)}))
	wantError(t, err, 3, 400, `primary key violation on key '{id="`+id(1)+`"}'`)
	made = b.must(t, upsert(entity.Services, "new", Object{"host": "z.test", "id": id(9)}))
	if made["id"] != id(9) {
		t.Errorf("a free id is not used: %v", made)
	}
}

func TestUpsertRefusesTheNameOfAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	b.must(t, insert(entity.Services, service("b")))
	_, err := b.try(t, upsert(entity.Services, id(2), service("a")))
	wantError(t, err, 5, 409, `UNIQUE violation detected on '{name="a"}'`)
	b.must(t, upsert(entity.Services, id(2), service("b")))
}

func TestExplicitNullIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := b.must(t, insert(entity.Services, Object{"host": "a.test", "retries": nil, "created_at": nil}))
	if got, present := v["retries"]; !present || got != nil {
		t.Errorf("retries is %v", got)
	}
	if v["created_at"] != int64(1000) {
		t.Errorf("created_at is %v", v["created_at"])
	}
	_, err := b.try(t, insert(entity.Services, Object{"host": "a.test", "port": nil}))
	wantError(t, err, 2, 400, "schema violation (port: required field missing)")
	salt := func(config map[string]any, scope string) any {
		t.Helper()
		v := b.must(t, upsert(entity.Plugins, scope, Object{"name": "door", "config": config}))
		return v["config"].(map[string]any)["salt"]
	}
	if got := salt(map[string]any{"key": "k", "salt": nil}, id(30)); got != nil {
		t.Errorf("null was replaced by %v", got)
	}
	if got := salt(map[string]any{"key": "k"}, id(30)); got != "generated" {
		t.Errorf("nothing was generated: %v", got)
	}
}

func TestPatchMerges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Plugins, door("tags", []any{"x"}, "config", map[string]any{
		"key": "k", "place": map[string]any{"port": 1}, "salt": nil,
	})))
	b.now = time.Unix(2000, 0)
	v := b.must(t, patch(entity.Plugins, id(1), Object{"id": id(8), "config": map[string]any{
		"words": []any{"z"}, "place": map[string]any{"host": "h"},
	}}))
	want := Object{
		"id": id(1), "name": "door", "instance_name": nil, "created_at": int64(1000), "updated_at": int64(2000),
		"route": nil, "service": nil, "consumer": nil, "consumer_group": nil, "enabled": true, "tags": []any{"x"},
		"protocols": []any{"grpc", "grpcs", "http", "https"},
		"config": map[string]any{
			"key": "k", "words": []any{"z"}, "ratio": 0.5, "salt": nil,
			"place": map[string]any{"host": "h", "port": int64(1)},
		},
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Error(diff)
	}
	_, err := b.try(t, patch(entity.Plugins, id(1), Object{"config": map[string]any{"key": nil}}))
	wantError(t, err, 2, 400, "schema violation (config.key: required field missing)")
	_, err = b.try(t, patch(entity.Services, id(1), Object{}))
	wantError(t, err, 6, 404, `could not find the entity with primary key '{id="`+id(1)+`"}'`)
}

func TestPatchOfURLSetsItsParts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	v := b.must(t, patch(entity.Services, "a", Object{"url": "https://b.test/p"}))
	if v["host"] != "b.test" || v["protocol"] != "https" || v["port"] != int64(443) || v["path"] != "/p" {
		t.Errorf("got %v", v)
	}
}

func TestDeleteIsIdempotent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	b.must(t, remove(entity.Services, "a"))
	if _, found := b.View().Get(entity.Services, id(1)); found {
		t.Fatal("still there")
	}
	n := len(b.accepted)
	b.must(t, remove(entity.Services, "a"))
	b.must(t, remove(entity.Services, id(1)))
	if len(b.accepted) != n {
		t.Error("deleting nothing was compiled")
	}
	b.must(t, insert(entity.Services, service("a")))
}

func TestDeleteCascadesAndRestricts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))                                     // 1
	b.must(t, insert(entity.Routes, route("r", "a")))                                    // 2
	b.must(t, insert(entity.Consumers, Object{"username": "bob"}))                       // 3
	b.must(t, insert(entity.Plugins, door("service", ref(id(1)))))                       // 4
	b.must(t, insert(entity.Plugins, door("route", ref(id(2)))))                         // 5
	b.must(t, insert(entity.Plugins, door("consumer", ref(id(3)))))                      // 6
	b.must(t, insert(entity.Plugins, door("consumer", ref(id(3)), "route", ref(id(2))))) // 7
	b.must(t, insert(entity.Plugins, door()))                                            // 8
	left := func() (ids []string) {
		for _, p := range b.View().Set().Plugins {
			ids = append(ids, p.ID)
		}
		return ids
	}
	_, err := b.try(t, remove(entity.Services, "a"))
	wantError(t, err, 4, 400, "an existing 'routes' entity references this 'services' entity")
	b.must(t, remove(entity.Routes, "r"))
	if diff := cmp.Diff([]string{id(4), id(6), id(8)}, left()); diff != "" {
		t.Errorf("after the route: %s", diff)
	}
	b.must(t, remove(entity.Services, "a"))
	b.must(t, remove(entity.Consumers, "bob"))
	if diff := cmp.Diff([]string{id(8)}, left()); diff != "" {
		t.Errorf("after service and consumer: %s", diff)
	}
}

func TestPluginProtocolsMustOverlapItsScope(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	grpcOnly := door("service", ref(id(1)), "protocols", []any{"grpc"})
	b.must(t, insert(entity.Plugins, grpcOnly)) // no routes yet
	b.must(t, remove(entity.Plugins, id(2)))
	b.must(t, insert(entity.Routes, route("r", "a")))
	_, err := b.try(t, insert(entity.Plugins, grpcOnly))
	wantError(t, err, 2, 400,
		"schema violation (protocols: must match the protocols of at least one route pointing to this Plugin's service)")
	_, err = b.try(t, insert(entity.Plugins, door("route", map[string]any{"name": "r"}, "protocols", []any{"grpc"})))
	wantError(t, err, 2, 400, "schema violation (protocols: must match the associated route's protocols)")
	b.must(t, insert(entity.Plugins, door("route", map[string]any{"name": "r"}, "protocols", []any{"http"})))
}

func TestTransactionSeesItsOwnChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	err := b.Update(t.Context(), func(tx *Tx) error {
		if _, err := tx.Insert(entity.Services, service("a")); err != nil {
			return err
		}
		if _, err := tx.Insert(entity.Routes, route("r", "a")); err != nil {
			return err
		}
		if got := tx.ByField(entity.Routes, "service", id(1)); len(got) != 1 {
			t.Errorf("children: %v", got)
		}
		if page, _, err := tx.List(entity.Services, ListOptions{}); err != nil || len(page) != 1 {
			t.Errorf("list: %v %v", page, err)
		}
		if _, found := b.View().Get(entity.Services, id(1)); found {
			t.Error("others see the change already")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.accepted) != 1 || b.installed != 1 {
		t.Errorf("compiled %d times, installed %d times", len(b.accepted), b.installed)
	}
}

func TestFailedOperationLeavesTheTransactionUsable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	b.must(t, insert(entity.Routes, route("r", "a")))
	err := b.Update(t.Context(), func(tx *Tx) error {
		if err := tx.Delete(entity.Services, "a"); err == nil {
			t.Error("deleted although there is a route")
		}
		_, err := tx.Insert(entity.Plugins, door("service", ref(id(1))))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
