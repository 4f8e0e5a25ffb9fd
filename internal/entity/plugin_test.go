package entity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPluginIsFilledWithDefaults(t *testing.T) {
	t.Parallel()
	in := map[string]any{"name": "door", "config": map[string]any{"key": "k"}, "service": ref(uuid1)}
	got, errs := testKinds(t)[Plugins].Normalize(in)
	if errs != nil {
		t.Fatal(errs)
	}
	want := map[string]any{
		"id": nil, "name": "door", "instance_name": nil, "created_at": nil, "updated_at": nil,
		"route": nil, "service": ref(uuid1), "consumer": nil, "consumer_group": nil,
		"config":    map[string]any{"key": "k", "words": texter("a", "b"), "salt": nil, "store": nil},
		"protocols": texter("grpc", "grpcs", "http", "https"), "enabled": true, "tags": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPluginRules(t *testing.T) {
	t.Parallel()
	config := map[string]any{"key": "k"}
	checkRules(t, testKinds(t)[Plugins], []rule{
		{"name is required", map[string]any{}, "schema violation (name: required field missing)"},
		{
			"name is known",
			map[string]any{"name": "x", "config": map[string]any{"any": "thing"}},
			"schema violation (name: plugin 'x' not enabled; add it to the 'plugins' configuration property)",
		},
		{
			"config is judged by the plugin",
			map[string]any{"name": "door", "config": map[string]any{"kye": "k"}},
			"2 schema violations (config.key: required field missing; config.kye: unknown field)",
		},
		{"config that is absent is filled", map[string]any{"name": "door"}, "schema violation (config.key: required field missing)"},
		{"config cannot be null", map[string]any{"name": "door", "config": nil}, "schema violation (config: required field missing)"},
		{"config is a record", map[string]any{"name": "door", "config": texter()}, "schema violation (config: expected a record)"},
		{"a consumer is allowed", map[string]any{"name": "door", "config": config, "consumer": ref(uuid1)}, ""},
		{
			"a consumer is forbidden",
			map[string]any{"name": "gate", "config": config, "consumer": ref(uuid1)},
			"schema violation (consumer: value must be null)",
		},
		{"no consumer where it is forbidden", map[string]any{"name": "gate", "config": config, "consumer": nil}, ""},
		{
			"protocols are known",
			map[string]any{"name": "door", "config": config, "protocols": texter("ftp")},
			"schema violation (protocols.1: expected one of: grpc, grpcs, http, https, tcp, tls, tls_passthrough, udp)",
		},
	})
}

func TestPluginPatch(t *testing.T) {
	t.Parallel()
	k := testKinds(t)[Plugins]
	old, errs := k.Normalize(map[string]any{
		"id": uuid1, "name": "door", "config": map[string]any{"key": "k", "store": map[string]any{"port": 1}},
	})
	if errs != nil {
		t.Fatal(errs)
	}
	patched, errs := k.Normalize(k.Merge(old, map[string]any{"config": map[string]any{
		"words": texter("c"), "store": map[string]any{"host": "h"},
	}}))
	if errs != nil {
		t.Fatal(errs)
	}
	want := map[string]any{
		"key": "k", "words": texter("c"), "salt": nil, "store": map[string]any{"host": "h", "port": int64(1)},
	}
	if diff := cmp.Diff(want, patched["config"]); diff != "" {
		t.Errorf("records are merged, lists replaced: %s", diff)
	}
	if diff := cmp.Diff(texter("a", "b"), old["config"].(map[string]any)["words"]); diff != "" {
		t.Errorf("the old entity was changed: %s", diff)
	}
	renamed := k.Merge(old, map[string]any{"name": "gate", "config": map[string]any{"key": "other"}})
	if diff := cmp.Diff(map[string]any{"key": "other"}, renamed["config"]); diff != "" {
		t.Errorf("config of another plugin is kept: %s", diff)
	}
}

func TestPrepareGeneratesWhatIsAbsentOnly(t *testing.T) {
	t.Parallel()
	k := testKinds(t)[Plugins]
	for name, c := range map[string]struct {
		config map[string]any
		want   any
	}{
		"absent":        {map[string]any{"key": "k"}, "generated"},
		"explicit null": {map[string]any{"key": "k", "salt": nil}, nil},
		"given":         {map[string]any{"key": "k", "salt": "mine"}, "mine"},
	} {
		in := map[string]any{"name": "door", "config": c.config}
		got, errs := k.Normalize(in)
		if errs != nil {
			t.Fatal(errs)
		}
		k.Prepare(in, got)
		config, _ := got["config"].(map[string]any)
		if salt, present := config["salt"]; !present || salt != c.want {
			t.Errorf("%s: salt is %v (present %v), want %v", name, salt, present, c.want)
		}
	}
}

func TestPluginDescription(t *testing.T) {
	t.Parallel()
	k := testKinds(t)[Plugins]
	names := func(name string) (out []string) {
		d, ok := k.DescribePlugin(name)
		if !ok {
			t.Fatalf("no description of %s", name)
		}
		for _, f := range d["fields"].([]any) {
			one := f.(map[string]any)
			if len(one) != 1 {
				t.Errorf("%d keys in one field", len(one))
			}
			for field := range one {
				out = append(out, field)
			}
		}
		return out
	}
	if diff := cmp.Diff([]string{"protocols", "config"}, names("door")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"consumer", "consumer_group", "protocols", "config"}, names("gate")); diff != "" {
		t.Error(diff)
	}
	d, _ := k.DescribePlugin("gate")
	fields := d["fields"].([]any)
	consumer := fields[0].(map[string]any)["consumer"].(map[string]any)
	if eq, present := consumer["eq"]; !present || eq != nil {
		t.Errorf("consumer is described as %v", consumer)
	}
	config := fields[3].(map[string]any)["config"].(map[string]any)
	if config["type"] != "record" || config["fields"] == nil {
		t.Errorf("config is described as %v", config)
	}
	if _, ok := k.DescribePlugin("x"); ok {
		t.Error("an unknown plugin is described")
	}
}

func TestPluginProtocolsMustOverlapItsScope(t *testing.T) {
	t.Parallel()
	on := func(p ...string) map[string]any { return map[string]any{"protocols": texter(p...)} }
	for _, c := range []struct {
		name   string
		route  map[string]any
		routes []map[string]any
		want   string
	}{
		{"global", nil, nil, ""},
		{"route in common", on("http", "https"), nil, ""},
		{"route apart", on("grpc"), nil, "schema violation (protocols: must match the associated route's protocols)"},
		{"one route of the service in common", nil, []map[string]any{on("grpc"), on("https")}, ""},
		{
			"no route of the service in common", nil,
			[]map[string]any{on("grpc"), on("tcp")},
			"schema violation (protocols: must match the protocols of at least one route pointing to this Plugin's service)",
		},
	} {
		got := ""
		if errs := CheckPluginProtocols(on("https"), c.route, c.routes); errs != nil {
			got = errs.Message()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConsumerRules(t *testing.T) {
	t.Parallel()
	checkRules(t, testKinds(t)[Consumers], []rule{
		{"username is enough", map[string]any{"username": "bob"}, ""},
		{"custom_id is enough", map[string]any{"custom_id": "42"}, ""},
		{
			"one of the two is needed",
			map[string]any{"tags": texter("a")},
			"schema violation (at least one of these fields must be non-empty: 'custom_id', 'username')",
		},
		{"username is not empty", map[string]any{"username": ""}, "schema violation (username: length must be at least 1)"},
	})
}
