package oidc

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"sallyport/internal/secret"
)

func TestEveryCallIsObserved(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"success":        {respond(200, "application/json", `{"sub":"alice"}`), 200},
		"refusal":        {respond(401, "application/json", `{}`), 401},
		"server error":   {respond(503, "text/html", "planted"), 503},
		"no json":        {respond(200, "application/json", "planted"), 200},
		"no http answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
		"too large":      {respond(200, "application/json", string(make([]byte, maxBody+1))), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathUserInfo, tc.answer)
			var mu sync.Mutex
			var calls []Call
			p, err := NewProvider(Options{Issuer: tp.server.URL, Now: time.Now, Observe: func(c Call) {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, c)
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			_, _ = p.UserInfo(t.Context(), UserInfoRequest{AccessToken: secret.New("at"), Subject: "alice"})
			mu.Lock()
			defer mu.Unlock()
			endpoints := make([]Endpoint, len(calls))
			for i, c := range calls {
				endpoints[i] = c.Endpoint
			}
			if !slices.Equal(endpoints, []Endpoint{EndpointDiscovery, EndpointUserInfo}) {
				t.Fatalf("calls to %v", endpoints)
			}
			if c := calls[0]; c.Status != 200 || c.Err != nil || c.Took <= 0 {
				t.Errorf("discovery: %+v", c)
			}
			if c := calls[1]; c.Status != tc.status || (c.Err != nil) != (tc.status == 0) || c.Took <= 0 {
				t.Errorf("user info: %+v, want status %d", c, tc.status)
			}
		})
	}
}

func TestObserverIsNoPartOfTheKey(t *testing.T) {
	t.Parallel()
	plain := Options{Issuer: "https://idp.test"}
	observed := plain
	observed.Observe = func(Call) {}
	if plain.Key() != observed.Key() {
		t.Error("an observer makes another provider")
	}
}
