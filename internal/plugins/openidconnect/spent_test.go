package openidconnect

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
)

func TestSpentProofs(t *testing.T) {
	t.Parallel()
	s, now := newSpent(), time.Unix(1_780_000_000, 0)
	ends := now.Add(300 * time.Second)
	spend := func(key, id string, at time.Time, want bool) {
		t.Helper()
		if first, err := s.spend(key, id, ends, at); err != nil || first != want {
			t.Errorf("%s %s: %t %v, want %t", key, id, first, err, want)
		}
	}
	spend("k", "a", now, true)
	spend("k", "a", now, false)
	spend("l", "a", now, true)
	spend("k", "b", now, true)
	spend("ka", "", now, true)
	spend("k", "a", ends.Add(-time.Nanosecond), false)
	s.forget(ends.Add(64 * time.Second))
	if s.count != 0 || len(s.buckets) != 0 {
		t.Errorf("%d are left", s.count)
	}
	spend("k", "a", ends.Add(64*time.Second), true)
}

// TestSpentProofsAreBounded: what cannot be remembered does not count, and no key
// takes the room of others.
func TestSpentProofsAreBounded(t *testing.T) {
	t.Parallel()
	s, now := newSpent(), time.Unix(1_780_000_000, 0)
	s.limit, s.byKey = 8, 4
	ends := now.Add(time.Minute)
	fill := func(key string, want int) {
		t.Helper()
		n := 0
		for i := range 10 {
			first, err := s.spend(key, fmt.Sprint(i), ends, now)
			switch {
			case err == nil && first:
				n++
			case !errors.Is(err, errSpentFull) || first:
				t.Fatalf("%t %v", first, err)
			}
		}
		if n != want {
			t.Errorf("%s: %d were remembered, want %d", key, n, want)
		}
	}
	fill("a", 4)
	fill("b", 4)
	fill("c", 0)
	if first, err := s.spend("a", "0", ends, now); first || err != nil {
		t.Errorf("full, a used one: %t %v", first, err)
	}
	if first, err := s.spend("c", "0", ends.Add(time.Hour), ends.Add(time.Minute)); !first || err != nil {
		t.Errorf("later: %t %v", first, err)
	}
}

func TestSpentProofsTakeFewBuckets(t *testing.T) {
	t.Parallel()
	s, now := newSpent(), time.Unix(1_780_000_000, 0)
	for i := range 3600 {
		at := now.Add(time.Duration(i) * time.Second)
		for j, lifetime := range []time.Duration{time.Second, 300 * time.Second, time.Hour} {
			ends := at.Add(lifetime)
			if first, err := s.spend("k", fmt.Sprint(i, j), ends, at); !first || err != nil {
				t.Fatalf("%t %v", first, err)
			}
			if first, _ := s.spend("k", fmt.Sprint(i, j), ends, ends.Add(-time.Nanosecond)); first {
				t.Fatal("forgotten too early")
			}
		}
		if len(s.buckets) > 100 {
			t.Fatalf("%d buckets", len(s.buckets))
		}
	}
}

func TestDPoPNoncesAreAuthentic(t *testing.T) {
	t.Parallel()
	ring := func(secrets ...secret.String) *handler {
		keys, err := secret.NewKeyring(secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return &handler{keys: keys}
	}
	one, two := secret.New("the first planted secret"), secret.New("the second planted secret")
	now := time.Unix(1_780_000_000, 0)
	nonce := ring(one).nonce(now)
	for name, h := range map[string]*handler{"itself": ring(one), "a node that rotated": ring(two, one)} {
		if made, ok := h.nonceMade(nonce); !ok || !made.Equal(now) {
			t.Errorf("%s: %v %t", name, made, ok)
		}
	}
	if _, ok := ring(two).nonceMade(nonce); ok {
		t.Error("another secret takes it")
	}
	for i := range nonce {
		c := "A"
		if nonce[i] == 'A' {
			c = "B"
		}
		if _, ok := ring(one).nonceMade(nonce[:i] + c + nonce[i+1:]); ok {
			t.Errorf("altered at %d it is taken", i)
		}
	}
	for _, text := range []string{"", "x", nonce + "A", nonce[1:], strings.Repeat("=", len(nonce))} {
		if _, ok := ring(one).nonceMade(text); ok {
			t.Errorf("%q is taken", text)
		}
	}
}
