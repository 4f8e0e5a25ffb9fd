package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestStringIsRedactedOnEveryPrintingPath(t *testing.T) {
	t.Parallel()
	const planted = "planted-secret-value"
	s := New(planted)
	holder := struct {
		Token String
		Ptr   *String
	}{s, &s}
	var logged bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logged, nil))
	logger.Info("x", "token", s, "holder", holder)
	text := slog.New(slog.NewTextHandler(&logged, nil))
	text.Info("x", "token", s, "holder", holder)
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	marshaled, _ := s.MarshalText()
	for name, out := range map[string]string{
		"%v": fmt.Sprintf("%v", s), "%+v of a struct": fmt.Sprintf("%+v", holder),
		"%#v": fmt.Sprintf("%#v", holder), "%s": fmt.Sprintf("%s", holder), "%q": fmt.Sprintf("%q", s),
		"%x":       fmt.Sprintf("%x", s),
		"Stringer": s.String(), "slog": logged.String(), "json": string(encoded), "text": string(marshaled),
	} {
		if strings.Contains(out, planted) || strings.Contains(out, fmt.Sprintf("%x", planted)) {
			t.Errorf("%s shows the secret: %s", name, out)
		}
	}
	if s.Reveal() != planted {
		t.Error("Reveal does not give the text")
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	r := Resolver{LookupEnv: func(name string) (string, bool) {
		v, ok := map[string]string{
			"ISSUER": "https://idp.test", "MY_SECRET": "s3cret", "PRE_X": "prefixed",
			"OBJECT": `{"key":"member","n":1}`, "EMPTY": "",
		}[name]
		return v, ok
	}}
	tests := []struct {
		name, text, want string
		wantErr          bool
	}{
		{"plain text stays", "plain", "plain", false},
		{"a reference within a text is text", "x{vault://env/issuer}", "x{vault://env/issuer}", false},
		{"name is upper-cased", "{vault://env/issuer}", "https://idp.test", false},
		{"dashes become underscores", "{vault://env/my-secret}", "s3cret", false},
		{"member of a JSON object", "{vault://env/object/key}", "member", false},
		{"prefix option", "{vault://env/x?prefix=pre_}", "prefixed", false},
		{"an empty variable is empty", "{vault://env/empty}", "", false},
		{"unset variable", "{vault://env/nothing}", "", true},
		{"unknown vault", "{vault://hcv/x}", "", true},
		{"no name", "{vault://env/}", "", true},
		{"member of no object", "{vault://env/issuer/key}", "", true},
		{"member that is no text", "{vault://env/object/n}", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := r.Resolve(tt.text)
			if got != tt.want || (err != nil) != tt.wantErr {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Fatal("the error shows a value")
			}
		})
	}
}
