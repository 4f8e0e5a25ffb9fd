package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

func TestSealingKeyIsThatOfHKDF(t *testing.T) {
	t.Parallel()
	// Lengths around what a block holds, what is hashed first, and what fits
	// the room on the stack.
	lengths := []int{1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300}
	for _, secretSize := range lengths {
		ring := mustRing(t, strings.Repeat("s", secretSize))
		for _, saltSize := range append(lengths, 0) {
			for _, infoSize := range append(lengths, 0) {
				salt, info := bytes.Repeat([]byte{'S'}, saltSize), strings.Repeat("i", infoSize)
				got := ring.key(0, salt, info)
				if want := ring.Derive(0, salt, info, keySize); !bytes.Equal(got[:], want) {
					t.Fatalf("secret of %d bytes, salt of %d, info of %d: %x, want %x", secretSize, saltSize, infoSize, got, want)
				}
			}
		}
	}
	ring := mustRing(t, "s")
	if a, b := ring.key(0, []byte("salt"), "info"), ring.key(0, []byte("tlas"), "info"); a == b {
		t.Error("two salts give one key")
	}
}

func TestHMACIsThatOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for _, keySize := range []int{0, 1, 32, 64, 65, 200} {
		for _, size := range []int{0, 1, 55, 56, 64, 65, 1000} {
			t.Run(fmt.Sprintf("key of %d, message of %d", keySize, size), func(t *testing.T) {
				t.Parallel()
				key, message := bytes.Repeat([]byte{7}, keySize), bytes.Repeat([]byte{9}, size)
				want := hmac.New(sha256.New, key)
				want.Write(message)
				if got := hmacSHA256(key, message); !bytes.Equal(got[:], want.Sum(nil)) {
					t.Errorf("%x, want %x", got, want.Sum(nil))
				}
			})
		}
	}
}

func TestMACIsHMACUnderADerivedKey(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, "first", "second")
	for i := range 2 {
		for _, size := range []int{0, 1, 200, 400} {
			a, b := bytes.Repeat([]byte{1}, size), bytes.Repeat([]byte{2}, size/2)
			want := hmac.New(sha256.New, ring.Derive(i, nil, "purpose", keySize))
			want.Write(append(bytes.Clone(a), b...))
			if got := ring.MAC(i, "purpose", a, b); !bytes.Equal(got[:], want.Sum(nil)) {
				t.Errorf("secret %d, data of %d and %d: %x, want %x", i, len(a), len(b), got, want.Sum(nil))
			}
		}
	}
	if ring.MAC(0, "purpose") == ring.MAC(1, "purpose") || ring.MAC(0, "purpose") == ring.MAC(0, "another") {
		t.Error("the MAC does not depend on secret and purpose")
	}
}

func TestAppendSealAppends(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, "first")
	sealed, err := ring.AppendSeal([]byte("before "), nil, []byte("salt"), "p", []byte("aad"), []byte("text"))
	if err != nil || !bytes.HasPrefix(sealed, []byte("before ")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	if got, err := ring.Open([]byte("salt"), "p", []byte("aad"), sealed[len("before "):]); err != nil || string(got) != "text" {
		t.Errorf("opened as %q, %v", got, err)
	}
}

func TestAppendOpenAppends(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, "second", "first")
	sealed, err := mustRing(t, "first").Seal(nil, []byte("salt"), "p", nil, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ring.AppendOpen([]byte("before "), []byte("salt"), "p", nil, sealed)
	if err != nil || string(got) != "before text" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := ring.AppendOpen([]byte("before "), []byte("tlas"), "p", nil, sealed); err == nil || got != nil {
		t.Errorf("opened under another salt: %q", got)
	}
}

func BenchmarkOpen(b *testing.B) {
	ring, err := NewKeyring(New("a secret of some length, as people have"))
	if err != nil {
		b.Fatal(err)
	}
	salt := bytes.Repeat([]byte{1}, 32)
	sealed, err := ring.Seal(nil, salt, "purpose", nil, make([]byte, 3200))
	if err != nil {
		b.Fatal(err)
	}
	room := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.AppendOpen(room, salt, "purpose", nil, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// What opening allocates is the cipher's.
func TestDerivingAKeyAllocatesNothing(t *testing.T) {
	ring := mustRing(t, "a secret of some length, as people have")
	salt := bytes.Repeat([]byte{1}, 32)
	if n := testing.AllocsPerRun(100, func() { ring.key(0, salt, "sallyport session record 1") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
