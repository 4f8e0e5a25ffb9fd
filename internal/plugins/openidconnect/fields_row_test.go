package openidconnect_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"sallyport/internal/practiceidp"
)

// fieldRow shows that a field does something: what is observed with the change
// is want, and without it something else.
type fieldRow struct {
	field string
	// base is the configuration of both observations, beside the rig's own.
	base map[string]any
	// change is laid over it for the second one.
	change map[string]any
	// observe says in a word what can be seen from outside.
	observe func(r *rig) string
	want    string
}

// try observes both cases, and the rest of a change that has several parts.
func (row fieldRow) try(t *testing.T, idp func(*practiceidp.Options)) {
	t.Helper()
	standard := row.observe(newRig(t, rigOptions{config: row.base, idp: idp}))
	if standard == row.want {
		t.Errorf("without the change %q is observed as well", standard)
	}
	config := with(map[string]any{}, row.base, row.change)
	r := newRig(t, rigOptions{config: config, idp: idp})
	r.changed = true
	if got := row.observe(r); got != row.want {
		t.Errorf("observed %q, want %q (by default %q)", got, row.want, standard)
	}
	if len(row.change) > 1 {
		rest := newRig(t, rigOptions{config: row.base, idp: idp})
		observeRest(t, rest, row.base, row.change, row.field, row.observe, row.want)
	}
}

// clientField is one setting about clients and calls to the IdP: what can be
// observed without it and with it.
type clientField struct {
	// field is the setting, or the settings that make sense together only.
	field string
	// base is laid over the plugin's configuration in both cases, change in the
	// second one.
	base, change map[string]any
	observe      func(r *rig) string
	// without and with are what observe says.
	without, with string
	idp           func(*practiceidp.Options)
	tls           bool
	// late is a change that needs the running IdP.
	late func(r *rig) map[string]any
}

// try observes both cases.
func (f clientField) try(t *testing.T) {
	for name, want := range map[string]string{"without": f.without, "with": f.with} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := maps.Clone(f.base)
			if config == nil {
				config = map[string]any{}
			}
			if f.tls {
				config["ssl_verify"] = false // a change may set it again
			}
			if name == "with" {
				maps.Copy(config, f.change)
			}
			r := newRig(t, rigOptions{config: config, idp: f.idp, tls: f.tls, certificates: certificates(t)})
			if name == "with" && f.late != nil {
				r.change(f.late(r))
			}
			if got := f.observe(r); got != want {
				t.Errorf("%s: observed %q, want %q\n%s", f.field, got, want, r.log)
			}
		})
	}
	if f.without == f.with {
		t.Error("the row shows no difference")
	}
	f.tryRest(t)
}

// tryRest observes what each field that the row is named for adds to the rest of
// the change: without it, with is not observed.
func (f clientField) tryRest(t *testing.T) {
	if len(f.change) < 2 && f.late == nil {
		return
	}
	for _, name := range namedFields(f.field) {
		t.Run("without "+name+" alone", func(t *testing.T) {
			t.Parallel()
			config := with(map[string]any{}, f.base)
			if f.tls {
				config["ssl_verify"] = false
			}
			r := newRig(t, rigOptions{config: config, idp: f.idp, tls: f.tls, certificates: certificates(t)})
			change := with(map[string]any{}, f.change)
			if f.late != nil {
				maps.Copy(change, f.late(r))
			}
			observeRest(t, r, f.base, change, name, f.observe, f.with)
		})
	}
}

// namedFields are the settings, of the first level, that a row is named for.
func namedFields(row string) []string {
	var names []string
	for name := range strings.SplitSeq(row, ", ") {
		name, _, _ = strings.Cut(name, " ")
		name, _, _ = strings.Cut(name, ".")
		name, _, _ = strings.Cut(name, "[")
		names = append(names, name)
	}
	return names
}

// observeRest makes a change but for one setting, and demands that want is not
// observed then. A change that makes no sense without it is refused, and shows as
// much.
func observeRest(t *testing.T, r *rig, base, change map[string]any, name string, observe func(r *rig) string, want string) {
	t.Helper()
	rest := maps.Clone(change)
	delete(rest, name)
	maps.DeleteFunc(rest, func(name string, value any) bool { return reflect.DeepEqual(base[name], value) })
	if len(rest) == 0 || r.patch(rest) != nil {
		return
	}
	if got := observe(r); got == want {
		t.Errorf("%q is observed without %s as well", got, name)
	}
}
