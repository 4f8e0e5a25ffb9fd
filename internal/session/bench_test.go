package session_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// BenchmarkLoad is what every request of a logged-in user costs.
func BenchmarkLoad(b *testing.B) {
	for _, storage := range storages() {
		for name, others := range map[string]string{"": "", " beside a thousand cookies": strings.Repeat("other=value of a cookie; ", 1000)} {
			b.Run(storage+name, func(b *testing.B) {
				w := newBench(b, storage, func(o *session.Options) { o.Now = time.Now })
				w.store.Store = session.NewMemory(session.MemoryOptions{})
				a := newAgent(b)
				e := entry()
				e.AccessToken, e.IDToken, e.RefreshToken = secret.New(strings.Repeat("a", 1300)), secret.New(strings.Repeat("i", 1100)), secret.New(strings.Repeat("r", 700))
				login(b, w.Manager, a, e)
				v := a.visit()
				v.Cookie[0] = others + v.Cookie[0]
				b.ReportAllocs()
				for b.Loop() {
					if _, err := w.Load(b.Context(), v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkForged is what a forgery costs; no store is asked.
func BenchmarkForged(b *testing.B) {
	w := newBench(b, "store")
	a := newAgent(b)
	login(b, w.Manager, a, entry())
	a.set("session", a.value("session")[:91]+"A")
	w.store.count()
	v := a.visit()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = w.Load(b.Context(), v)
	}
	if n := w.store.count(); len(n) > 0 {
		b.Errorf("the store was asked: %v", n)
	}
}
