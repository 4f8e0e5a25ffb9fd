package session_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// realTokens is an entry with tokens as long as Keycloak's.
func realTokens() session.Entry {
	e := entry()
	e.AccessToken = secret.New(strings.Repeat("a", 1300))
	e.IDToken = secret.New(strings.Repeat("i", 1100))
	e.RefreshToken = secret.New(strings.Repeat("r", 700))
	return e
}

// realClock makes a bench whose store is asked directly, by the real clock.
func realClock(tb testing.TB, storage string, change ...func(*session.Options)) *bench {
	return newBench(tb, storage, append([]func(*session.Options){func(o *session.Options) {
		o.Now = time.Now
		if storage == "store" {
			o.Store = session.NewMemory(session.MemoryOptions{})
			o.Cache = &session.Cache{Limit: session.MemoryCacheLimit}
		}
	}}, change...)...)
}

// loader starts n sessions and returns a function that loads the next of them.
func loader(tb testing.TB, w *bench, n int) func() {
	visits := make([]session.Visit, n)
	for i := range visits {
		a := newAgent(tb)
		e := realTokens()
		e.Subject = "user " + string(rune('a'+i%26)) + strings.Repeat("x", i%20)
		login(tb, w.Manager, a, e)
		visits[i] = a.visit()
	}
	ctx, next := tb.Context(), 0
	return func() {
		if _, err := w.Load(ctx, visits[next]); err != nil {
			tb.Fatal(err)
		}
		next = (next + 1) % n
	}
}

// uncached lets nothing stay opened, which is how more sessions than the cache
// holds are loaded.
func uncached(o *session.Options) { o.Cache = &session.Cache{Limit: 1} }

// loadKinds are loads of a session in good order, with what each may allocate.
var loadKinds = []struct {
	name, storage string
	sessions      int
	change        []func(*session.Options)
	budget        float64
}{
	{"memory, one session", "store", 1, nil, 1},
	{"memory, 10,000 sessions", "store", 10_000, nil, 10},
	{"memory, nothing cached", "store", 1, []func(*session.Options){uncached}, 10},
	{"cookie, one session", "cookie", 1, nil, 1},
	{"cookie, nothing cached", "cookie", 1, []func(*session.Options){uncached}, 11},
}

// It is not parallel: it counts what the whole process allocates.
func TestLoadAllocationBudget(t *testing.T) {
	if raceDetector {
		t.Skip("pools lose values under the race detector")
	}
	for _, kind := range loadKinds {
		load := loader(t, realClock(t, kind.storage, kind.change...), kind.sessions)
		if got := testing.AllocsPerRun(max(300, kind.sessions), load); got > kind.budget {
			t.Errorf("%s: %v allocations, the budget is %v", kind.name, got, kind.budget)
		} else {
			t.Logf("%s: %v allocations", kind.name, got)
		}
	}
}

// BenchmarkLoad is what every request of a logged-in user costs.
func BenchmarkLoad(b *testing.B) {
	for _, kind := range loadKinds {
		b.Run(strings.ReplaceAll(kind.name, " ", "_"), func(b *testing.B) {
			load := loader(b, realClock(b, kind.storage, kind.change...), kind.sessions)
			b.ReportAllocs()
			for b.Loop() {
				load()
			}
		})
	}
	b.Run("memory,_beside_a_thousand_cookies", func(b *testing.B) {
		w, a := realClock(b, "store"), newAgent(b)
		login(b, w.Manager, a, realTokens())
		v := a.visit()
		v.Cookie[0] = strings.Repeat("other=value of a cookie; ", 1000) + v.Cookie[0]
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Load(b.Context(), v); err != nil {
				b.Fatal(err)
			}
		}
	})
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

// heap is what the process holds after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// It is not parallel: it counts what the whole process holds.
func TestASessionInMemoryTakesItsTokensAndAKilobyte(t *testing.T) {
	const sessions = 10_000
	w := realClock(t, "store")
	loader(t, w, 1)()
	e := realTokens()
	tokens := len(e.AccessToken.Reveal()) + len(e.IDToken.Reveal()) + len(e.RefreshToken.Reveal())
	before := heap()
	var first session.Visit
	for i := range sessions {
		a := newAgent(t)
		e.Subject = "user " + time.Duration(i).String()
		e.SID = "0b4f7f6e-2d0f-4a94-9d6b-" + time.Duration(i).String()
		login(t, w.Manager, a, e)
		if _, err := w.Load(t.Context(), a.visit()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = a.visit()
		}
	}
	each := (heap() - before) / sessions
	if _, err := w.Load(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, of them %d of tokens", each, tokens)
	if each > int64(tokens)+1024 {
		t.Errorf("a session takes %d bytes, %d more than its tokens", each, each-int64(tokens))
	}
}
