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
	for age, want := range map[time.Duration]time.Duration{
		0: 100 * time.Second, 90 * time.Second: 10 * time.Second, 101 * time.Second: -time.Second,
		-time.Minute: 100 * time.Second, // the other node's clock is ahead
	} {
		got, err := RestoreTokenResponse(secret.New(body), header, age)
		if err != nil {
			t.Fatal(err)
		}
		if got.ExpiresIn == nil || *got.ExpiresIn != want {
			t.Errorf("after %v: expires in %v, want %v", age, got.ExpiresIn, want)
		}
		if got.AccessToken.Reveal() != "a" || got.RefreshToken.Reveal() != "r" || got.Header.Get("X-Limit") != "1" {
			t.Errorf("got %+v", got)
		}
	}
	for _, bad := range []string{"", "[]", "{}", `{"access_token":"a`, `{"access_token":"a","token_type":"mac"}`} {
		if _, err := RestoreTokenResponse(secret.New(bad), nil, 0); err == nil {
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
