package message

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOverlayApply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		record  func(o *Overlay)
		want    http.Header
		refused []string
	}{
		{"nothing recorded changes nothing", func(*Overlay) {}, http.Header{"X-A": {"1", "2"}, "X_user": {"x"}, "X.user": {"y"}}, nil},
		{
			"set replaces all values, in any case of the name",
			func(o *Overlay) { o.Set("x-a", "3") },
			http.Header{"X-A": {"3"}, "X_user": {"x"}, "X.user": {"y"}},
			nil,
		},
		{
			"add keeps what is there",
			func(o *Overlay) { o.Add("X-A", "3") },
			http.Header{"X-A": {"1", "2", "3"}, "X_user": {"x"}, "X.user": {"y"}},
			nil,
		},
		{
			"remove takes one spelling",
			func(o *Overlay) { o.Remove("x-a") },
			http.Header{"X_user": {"x"}, "X.user": {"y"}},
			nil,
		},
		{
			"remove spellings takes them all, and a set afterwards stands",
			func(o *Overlay) { o.RemoveSpellings("X-User"); o.Set("X-User", "ours") },
			http.Header{"X-A": {"1", "2"}, "X-User": {"ours"}},
			nil,
		},
		{
			"order counts",
			func(o *Overlay) { o.Set("X-B", "1"); o.Remove("X-B"); o.Add("X-B", "2") },
			http.Header{"X-A": {"1", "2"}, "X-B": {"2"}, "X_user": {"x"}, "X.user": {"y"}},
			nil,
		},
		{
			"a value that would split the head is refused and the old one gone",
			func(o *Overlay) { o.Set("X-A", "1\r\nX-Evil: 1"); o.Add("X-B", "a\x00"); o.Add("X-C", "fine") },
			http.Header{"X-C": {"fine"}, "X_user": {"x"}, "X.user": {"y"}},
			[]string{"X-A", "X-B"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{"X-A": {"1", "2"}, "X_user": {"x"}, "X.user": {"y"}}
			var o Overlay
			tc.record(&o)
			refused := o.Apply(h)
			if diff := cmp.Diff(tc.want, h); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.refused, refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOverlayApplyDoesNotWriteIntoSharedValues(t *testing.T) {
	t.Parallel()
	shared := make([]string, 1, 4)
	shared[0] = "1"
	first, second := http.Header{"X-A": shared}, http.Header{"X-A": shared}
	var a, b Overlay
	a.Add("X-A", "a")
	b.Add("X-A", "b")
	a.Apply(first)
	b.Apply(second)
	if got := first["X-A"][1]; got != "a" {
		t.Errorf("the second header wrote %q into the first", got)
	}
}

func TestOverlayValues(t *testing.T) {
	t.Parallel()
	var o Overlay
	if !o.Empty() {
		t.Error("the zero overlay is not empty")
	}
	o.Add("Set-Cookie", "a")
	o.Add("set-cookie", "b")
	o.Set("X-A", "1")
	if diff := cmp.Diff([]string{"a", "b"}, o.Values("SET-COOKIE")); diff != "" {
		t.Error(diff)
	}
	o.Remove("Set-Cookie")
	if got := o.Values("Set-Cookie"); got != nil {
		t.Errorf("after remove: %q", got)
	}
	o.Reset()
	if !o.Empty() || o.Values("X-A") != nil {
		t.Error("Reset left something")
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, alias := range []string{"X-User-Id", "x_user_id", "X.User-ID", "X User_Id"} {
		if got := Fold(alias); got != "x-user-id" {
			t.Errorf("Fold(%q) = %q", alias, got)
		}
	}
	if Fold("X-Userid") == Fold("X-User-Id") {
		t.Error("different names fold together")
	}
}

func TestValidValueKnowsEachByteAtEachPlace(t *testing.T) {
	t.Parallel()
	// Each byte at each place of a long value, and of a short one: what counts
	// does not depend on where it stands.
	for c := range 256 {
		want := c >= ' ' && c != 0x7f || c == '\t'
		for _, size := range []int{1, 7, 8, 9, 20} {
			for at := range size {
				for _, filler := range []string{"a", "\x80", "~", " "} {
					value := strings.Repeat(filler, at) + string([]byte{byte(c)}) + strings.Repeat(filler, size-at-1)
					if got := ValidValue(value); got != want {
						t.Fatalf("byte %#02x at %d of %d between %q: valid %v", c, at, size, filler, got)
					}
				}
			}
		}
	}
	if !ValidValue("") {
		t.Error("the empty value is not valid")
	}
}

func TestOverlayRemovesSeveralNamesAtOnce(t *testing.T) {
	t.Parallel()
	var o Overlay
	o.Set("X-Consumer-Id", "planted")
	o.RemoveSpellings("x-user", "X-Consumer-Id")
	o.Add("X-User", "ours")
	h := http.Header{"X_user": {"1"}, "X-User": {"2"}, "x.CONSUMER_id": {"3"}, "X-Users": {"4"}}
	o.Apply(h)
	if diff := cmp.Diff(http.Header{"X-User": {"ours"}, "X-Users": {"4"}}, h); diff != "" {
		t.Error(diff)
	}
	if got := o.Values("X-Consumer-Id"); got != nil {
		t.Errorf("values of a removed header: %q", got)
	}
	if diff := cmp.Diff([]string{"ours"}, o.Values("x-user")); diff != "" {
		t.Error(diff)
	}
	if !o.Touches("X_Consumer.Id") || o.Touches("X-Users") {
		t.Error("Touches does not tell what is removed from what is not")
	}
}

func TestOverlayAppendAdded(t *testing.T) {
	t.Parallel()
	var o Overlay
	o.Add("Set-Cookie", "a")
	o.Add("set-cookie", "b")
	before := []Field{{"Location", "x"}}
	got, ok := o.AppendAdded(before, "Set-Cookie")
	if diff := cmp.Diff([]Field{{"Location", "x"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}}, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
	for name, change := range map[string]func(*Overlay){
		"another header":      func(o *Overlay) { o.Add("X-A", "1") },
		"a value that is set": func(o *Overlay) { o.Set("Set-Cookie", "1") },
		"a header removed":    func(o *Overlay) { o.Remove("Set-Cookie") },
		"spellings removed":   func(o *Overlay) { o.RemoveSpellings("X-A") },
		"a line break":        func(o *Overlay) { o.Add("Set-Cookie", "a\r\nX-A: 1") },
	} {
		var o Overlay
		o.Add("Set-Cookie", "a")
		change(&o)
		if _, ok := o.AppendAdded(nil, "Set-Cookie"); ok {
			t.Errorf("%s: the list stands for all changes", name)
		}
	}
}

func TestOverlayWithdrawsWhatWasAddedAlone(t *testing.T) {
	t.Parallel()
	var o Overlay
	o.Add("set-cookie", "a=1")
	o.Add("Set-Cookie", "b=1")
	o.Add("X-Other", "a=1")
	o.Set("X-Set", "a=1")
	o.Withdraw("set-cookie", func(value string) bool { return value == "a=1" })
	h := http.Header{"Set-Cookie": {"a=1"}} // of the upstream
	o.Apply(h)
	want := http.Header{"Set-Cookie": {"a=1", "b=1"}, "X-Other": {"a=1"}, "X-Set": {"a=1"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}
