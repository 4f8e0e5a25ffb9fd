package message

import (
	"net/http"
	"testing"
)

func TestMatchCookie(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"session", "session", true},
		{"session", "session2", false},
		{"session", "Session", false},
		{"session*", "session", true},
		{"session*", "session9", true},
		{"session*", "session99", true},
		{"session*", "session100", false},
		{"session*", "session_id", false},
		{"session*", "sessio", false},
		{"", "", true},
	} {
		if got := MatchCookie(tc.pattern, tc.name); got != tc.want {
			t.Errorf("MatchCookie(%q, %q) = %v", tc.pattern, tc.name, got)
		}
	}
}

func TestTouchesKnowsEverySpelling(t *testing.T) {
	t.Parallel()
	var o Overlay
	o.RemoveSpellings("X-User-Info")
	for name, want := range map[string]bool{"x_user.info": true, "X-User-Info": true, "X-User-Infos": false, "X-Userinfo": false} {
		if o.Touches(name) != want {
			t.Errorf("Touches(%q) = %v", name, !want)
		}
	}
}

func TestFoldAgreesWithRemoval(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X_User", "x.user", "X-USER", "X user"} {
		if Fold(name) != "x-user" {
			t.Errorf("Fold(%q) = %q", name, Fold(name))
		}
		h := http.Header{name: {"forged"}}
		var o Overlay
		o.RemoveSpellings("X-User")
		o.Apply(h)
		if len(h) != 0 {
			t.Errorf("%q was not removed", name)
		}
	}
}

func TestValidValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"": true, "a b\tc": true, "Zoë": true, "a\r": false, "a\nb": false, "\x00": false, "\x1b[0m": false, "\x7f": false,
	} {
		if ValidValue(value) != want {
			t.Errorf("ValidValue(%q) = %v", value, !want)
		}
	}
}
