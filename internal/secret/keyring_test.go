package secret

import (
	"bytes"
	"errors"
	"testing"
)

func mustRing(t *testing.T, secrets ...string) *Keyring {
	t.Helper()
	var list []String
	for _, s := range secrets {
		list = append(list, New(s))
	}
	k, err := NewKeyring(list...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedValueOpensOnlyWithEverythingItWasSealedUnder(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, "first secret", "older secret")
	salt, aad, plain := []byte("salt"), []byte("place"), []byte("the token")
	sealed, err := ring.Seal(nil, salt, "purpose", aad, plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, plain) {
		t.Fatal("the sealed value shows its plaintext")
	}
	flipped := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	tests := []struct {
		name      string
		ring      *Keyring
		salt      string
		info      string
		aad       string
		sealed    []byte
		wantOpens bool
	}{
		{"unchanged opens", ring, "salt", "purpose", "place", sealed, true},
		{"opens when the secret became an older one", mustRing(t, "new", "first secret"), "salt", "purpose", "place", sealed, true},
		{"another secret", mustRing(t, "other"), "salt", "purpose", "place", sealed, false},
		{"another salt", ring, "tlas", "purpose", "place", sealed, false},
		{"another purpose", ring, "salt", "other", "place", sealed, false},
		{"another place", ring, "salt", "purpose", "elsewhere", sealed, false},
		{"nonce altered", ring, "salt", "purpose", "place", flipped(0), false},
		{"text altered", ring, "salt", "purpose", "place", flipped(nonceSize + 1), false},
		{"tag altered", ring, "salt", "purpose", "place", flipped(len(sealed) - 1), false},
		{"cut", ring, "salt", "purpose", "place", sealed[:len(sealed)-1], false},
		{"empty", ring, "salt", "purpose", "place", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.ring.Open([]byte(tt.salt), tt.info, []byte(tt.aad), tt.sealed)
			if tt.wantOpens {
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("got %q, %v", got, err)
				}
				return
			}
			if !errors.Is(err, ErrOpen) || got != nil {
				t.Fatalf("got %q, %v; want nothing and ErrOpen", got, err)
			}
		})
	}
}

func TestSealingTwiceNeverGivesTheSameValue(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, "secret")
	a, _ := ring.Seal(nil, nil, "p", nil, []byte("x"))
	b, _ := ring.Seal(nil, nil, "p", nil, []byte("x"))
	if bytes.Equal(a, b) {
		t.Fatal("two seals of one text are equal")
	}
}

func TestKeyringRefusesAnEmptySecret(t *testing.T) {
	t.Parallel()
	if _, err := NewKeyring(); err == nil {
		t.Error("an empty list was accepted")
	}
	if _, err := NewKeyring(New("good"), New("")); err == nil {
		t.Error("an empty secret was accepted")
	}
	if _, err := NewKeyring(New("good")); err != nil {
		t.Errorf("a good secret was refused: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	ring, err := NewKeyring(New("secret"))
	if err != nil {
		f.Fatal(err)
	}
	good, _ := ring.Seal(bytes.NewReader(make([]byte, 12)), []byte("s"), "p", nil, []byte("x")) // the same in every fuzz worker
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := ring.Open([]byte("s"), "p", nil, sealed)
		if err == nil && !bytes.Equal(sealed, good) && string(plain) != "x" {
			t.Fatalf("forged: %x opens as %q", sealed, plain)
		}
	})
}
