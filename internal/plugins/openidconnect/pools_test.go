package openidconnect

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestPoolKeepsAValueWhileAnybodyHoldsIt(t *testing.T) {
	t.Parallel()
	made, closed := 0, 0
	p := pool[int]{close: func(int) { closed++ }}
	create := func() (int, error) { made++; return made, nil }
	first, releaseFirst, _ := p.acquire("a", create)
	second, releaseSecond, _ := p.acquire("a", create)
	if first != second || made != 1 {
		t.Fatalf("one key gave %d and %d", first, second)
	}
	if other, release, _ := p.acquire("b", create); other == first {
		t.Error("another key gave the same value")
	} else {
		release()
	}
	releaseFirst()
	releaseFirst() // giving back twice counts once
	if again, release, _ := p.acquire("a", create); again != first {
		t.Error("a held value was replaced")
	} else {
		release()
	}
	releaseSecond()
	if closed != 2 {
		t.Errorf("%d values closed, want 2", closed)
	}
	if again, _, _ := p.acquire("a", create); again == first {
		t.Error("a released value came back")
	}
}

func TestGeneratedSecretIsOnePerIssuerAndNeverLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := generatedSecrets{logger: slog.New(slog.NewTextHandler(&log, nil))}
	a, err := g.secret("https://a.test")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := g.secret("https://a.test")
	b, _ := g.secret("https://b.test")
	if !a.Equal(again) {
		t.Error("the secret changed")
	}
	if a.Equal(b) {
		t.Error("two issuers share a secret")
	}
	if strings.Count(log.String(), "level=WARN") != 2 || strings.Contains(log.String(), a.Reveal()) {
		t.Errorf("log: %s", log.String())
	}
}
