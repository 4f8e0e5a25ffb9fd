package session_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// sessionBudget is what a session may take in the memory store beyond its
// tokens, in bytes: its record, its directory entry, and the mark of its login.
const sessionBudget = 1024

// It is not parallel: it measures the heap of the whole process.
func TestMemoryOfASession(t *testing.T) {
	const sessions = 10_000
	realm := session.Realm{Issuer: "https://idp.example.com/realms/main", ClientID: "portal", Policy: strings.Repeat("p", 22)}
	for _, tokens := range []int{1500, 2600, 3100, 4200} {
		store := session.NewMemory(session.MemoryOptions{})
		b := newBench(t, "store", func(o *session.Options) {
			o.Store, o.Now, o.Realms = store, nil, []session.Realm{realm}
		})
		before := liveHeap()
		for i := range sessions {
			if err := b.MarkUsed(t.Context(), fmt.Sprintf("%032x", i), 10*time.Minute); err != nil {
				t.Fatal(err)
			}
			e := session.Entry{
				Realm: realm, Subject: fmt.Sprintf("f81d4fae-7dec-11d0-a765-%012x", i), SID: fmt.Sprintf("6ba7b810-9dad-11d1-80b4-%012x", i),
				Method: "authorization_code", TokenType: "Bearer", Scope: "openid profile email", ACR: "1",
				AccessToken: secret.New(jwt(tokens / 2)), RefreshToken: secret.New(jwt(tokens - tokens/2)),
				Claims: []session.Claim{{Name: "\x00issued", Value: "1800000000"}},
			}
			if _, _, err := b.Start(t.Context(), session.Visit{Host: "app.test"}, e); err != nil {
				t.Fatal(err)
			}
		}
		beyond := int(liveHeap()-before)/sessions - tokens
		if beyond > sessionBudget {
			t.Errorf("tokens of %d bytes: %d bytes beyond them, the budget is %d", tokens, beyond, sessionBudget)
		} else {
			t.Logf("tokens of %d bytes: %d bytes beyond them", tokens, beyond)
		}
		runtime.KeepAlive(store)
	}
}

// jwt is a token of n characters in the form of a JWT.
func jwt(n int) string {
	return strings.Repeat("h", 48) + "." + strings.Repeat("p", n-48-1-1-342) + "." + strings.Repeat("s", 341) + "A"
}

// liveHeap is what a garbage collection leaves, in bytes.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what pools still held is gone after the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
