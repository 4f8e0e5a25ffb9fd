package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	const old = `{"host":"a","tags":["x","y"],"headers":{"k":["v"]},"config":{"issuer":"i","comment":"c","redis":{"port":1}}}`
	for name, c := range map[string]struct{ patch, want string }{
		"an empty patch changes nothing": {
			`{}`, old,
		},
		"a scalar is replaced": {
			`{"host":"b"}`,
			`{"host":"b","tags":["x","y"],"headers":{"k":["v"]},"config":{"issuer":"i","comment":"c","redis":{"port":1}}}`,
		},
		"a list is replaced whole": {
			`{"tags":["z"]}`,
			`{"host":"a","tags":["z"],"headers":{"k":["v"]},"config":{"issuer":"i","comment":"c","redis":{"port":1}}}`,
		},
		"a map is replaced whole": {
			`{"headers":{"l":["w"]}}`,
			`{"host":"a","tags":["x","y"],"headers":{"l":["w"]},"config":{"issuer":"i","comment":"c","redis":{"port":1}}}`,
		},
		"records are merged deeply": {
			`{"config":{"comment":"d","redis":{"port":2}}}`,
			`{"host":"a","tags":["x","y"],"headers":{"k":["v"]},"config":{"issuer":"i","comment":"d","redis":{"port":2}}}`,
		},
		"null clears": {
			`{"tags":null,"config":{"redis":null}}`,
			`{"host":"a","tags":null,"headers":{"k":["v"]},"config":{"issuer":"i","comment":"c","redis":null}}`,
		},
		"a record in place of null is taken as it is": {
			`{"service":{"id":"s"}}`,
			`{"host":"a","tags":["x","y"],"headers":{"k":["v"]},"service":{"id":"s"},"config":{"issuer":"i","comment":"c","redis":{"port":1}}}`,
		},
		"unknown names are kept for Normalize to refuse": {
			`{"config":{"garbage":1}}`,
			`{"host":"a","tags":["x","y"],"headers":{"k":["v"]},"config":{"issuer":"i","comment":"c","garbage":1,"redis":{"port":1}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, patch := parse(t, old), parse(t, c.patch)
			got := sample().Merge(before, patch)
			if diff := cmp.Diff(parse(t, c.want), got); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(parse(t, old), before); diff != "" {
				t.Errorf("the old object was changed:\n%s", diff)
			}
			if diff := cmp.Diff(parse(t, c.patch), patch); diff != "" {
				t.Errorf("the patch was changed:\n%s", diff)
			}
		})
	}
}

func TestShorthandInAPatchWins(t *testing.T) {
	t.Parallel()
	r := sample()
	merged := r.Merge(parse(t, `{"host":"a","port":1}`), parse(t, `{"url":"b:2"}`))
	got, errs := r.Normalize(merged)
	if errs != nil || got["host"] != "b" || got["port"] != int64(2) {
		t.Errorf("host %v, port %v, errors %v", got["host"], got["port"], errs)
	}
}
