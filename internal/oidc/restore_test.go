package oidc

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
)

func TestTokenResponseThatWasKeptEndsWhenItsTokensDo(t *testing.T) {
	t.Parallel()
	const body = `{"access_token":"a","token_type":"Bearer","refresh_token":"r","expires_in":100}`
	header := http.Header{"X-Limit": {"1"}}
	asked := time.Unix(1_800_000_000, 0)
	got, err := RestoreTokenResponse(secret.New(body), header, asked)
	if err != nil {
		t.Fatal(err)
	}
	if end := got.ExpiresAt(time.Hour); !end.Equal(asked.Add(100 * time.Second)) {
		t.Errorf("ends at %v", end)
	}
	if got.AccessToken.Reveal() != "a" || got.RefreshToken.Reveal() != "r" || got.Header.Get("X-Limit") != "1" {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"", "[]", "{}", `{"access_token":"a`, `{"access_token":"a","token_type":"mac"}`} {
		if _, err := RestoreTokenResponse(secret.New(bad), nil, asked); err == nil {
			t.Errorf("%s is taken for tokens", bad)
		}
	}
}

func TestIntrospectionThatWasKeptIsTheSame(t *testing.T) {
	t.Parallel()
	got, err := RestoreIntrospection([]byte(`{"active":true,"sub":"ada"}`), secret.New("jwt"))
	if err != nil || !got.Active || got.Subject() != "ada" || got.JWT.Reveal() != "jwt" {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = RestoreIntrospection([]byte(`{"active":false}`), secret.String{})
	if err != nil || got.Active {
		t.Errorf("inactive: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "[]", `{"active":"yes"}`, strings.Repeat("[", 100)} {
		if _, err := RestoreIntrospection([]byte(bad), secret.String{}); err == nil {
			t.Errorf("%.10s is taken for an introspection", bad)
		}
	}
}
