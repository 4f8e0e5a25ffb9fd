package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

func sampleRecord() *record {
	e := &Entry{
		Realm: Realm{"https://idp.test", "client", "policy"}, Subject: "alice",
		AccessToken: secret.New("a"), RefreshToken: secret.New("r"), IDToken: secret.New("i"),
		Expiry: time.Unix(1, 0), Claims: []Claim{{"email", "x"}, {}}, created: 5,
	}
	return &record{
		family: [familySize]byte{1, 2, 3}, successor: &successor{id: [idSize]byte{4}, saved: 9},
		refreshStarted: 7, fence: 8, entries: []slot{{"default", e.encode()}, {"", "foreign"}},
		unknown: "\xc8\x01x",
	}
}

func options() cmp.Options {
	return cmp.Options{
		cmp.AllowUnexported(record{}, successor{}, slot{}, Entry{}),
		cmp.Comparer(func(a, b secret.String) bool { return a.Equal(b) }),
	}
}

func encoded(t testing.TB, r *record) []byte {
	t.Helper()
	b, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*record{"full": sampleRecord(), "empty": {}} {
		got, err := decodeRecord(encoded(t, r))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got, options()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What a later release wrote beside what is known survives a rewrite.
func TestUnknownFieldsAreKept(t *testing.T) {
	t.Parallel()
	e := Entry{Realm: Realm{Issuer: "i"}, unknown: "\xc8\x03new"}
	got, err := decodeEntry(e.encode())
	if err != nil || got.unknown != e.unknown {
		t.Errorf("entry keeps %q, %v", got.unknown, err)
	}
	r, err := decodeRecord(encoded(t, &record{unknown: "\xc8\x03new"}))
	if err != nil || r.with("a", "b").unknown != "\xc8\x03new" {
		t.Errorf("record: %v", err)
	}
}

func TestMalformedRecordsAreRefused(t *testing.T) {
	t.Parallel()
	good := encoded(t, sampleRecord())
	if _, err := decodeRecord(good); err != nil {
		t.Fatalf("control: %v", err)
	}
	family := appendField(nil, labelFamily, strings.Repeat("f", familySize))
	v := func(fields ...[]byte) []byte { return append([]byte{recordVersion}, bytes.Join(fields, nil)...) }
	if _, err := decodeRecord(v(family)); err != nil {
		t.Fatalf("control: %v", err)
	}
	for name, b := range map[string][]byte{
		"nothing":                 nil,
		"a version alone":         {recordVersion},
		"an unknown version":      append([]byte{recordVersion + 1}, good[1:]...),
		"a cut field":             good[:len(good)-1],
		"a length beyond the end": v(family, []byte{labelEntry, 9}),
		"an endless length":       v(family, append([]byte{labelEntry}, bytes.Repeat([]byte{0xff}, 11)...)),
		"a length of 2^64-1":      v(family, append([]byte{labelEntry}, binary.AppendUvarint(nil, 1<<64-1)...)),
		"no family":               v(),
		"a family twice":          v(family, family),
		"a short family":          v(appendField(nil, labelFamily, "f")),
		"a short successor":       v(family, appendField(nil, labelSuccessor, "x")),
		"a short number":          v(family, appendField(nil, labelFence, "1234567")),
		"an audience twice":       v(family, appendPair(nil, labelEntry, "a", "1"), appendPair(nil, labelEntry, "a", "2")),
		"an empty entry":          v(family, appendField(nil, labelEntry, "")),
		"too many entries":        v(family, manyEntries(maxEntries+1)),
		"too much":                v(family, appendPair(nil, labelEntry, "a", strings.Repeat("x", maxRecord+2048))),
	} {
		if _, err := decodeRecord(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func manyEntries(n int) (b []byte) {
	for i := range n {
		b = appendPair(b, labelEntry, string(rune('a'+i)), "x")
	}
	return b
}

func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	r := (&record{}).with("a", strings.Repeat("x", maxRecord-200))
	if _, err := decodeRecord(encoded(t, r)); err != nil {
		t.Errorf("control: %v", err)
	}
	if _, err := r.with("b", strings.Repeat("x", 200)).encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	many := &record{}
	for i := range maxEntries + 1 {
		many = many.with(string(rune('a'+i)), "x")
	}
	if _, err := many.encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many: %v", err)
	}
}

// Item 2 of what must be refused: a record of an unknown version, sealed with
// the right key in the right place.
func TestUnknownRecordVersionIsNoSession(t *testing.T) {
	t.Parallel()
	ring, err := secret.NewKeyring(secret.New("first secret"))
	if err != nil {
		t.Fatal(err)
	}
	store := NewMemory(MemoryOptions{})
	m, err := New(Options{Cookie: Cookie{Name: "session"}, Keyring: ring, Store: store, Realms: []Realm{{Issuer: "i"}}})
	if err != nil {
		t.Fatal(err)
	}
	s, lines, err := m.Start(t.Context(), Visit{}, Entry{Realm: Realm{Issuer: "i"}})
	if err != nil {
		t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(lines[0], ";")
	v := Visit{Cookie: []string{cookie}}
	for version := range 4 {
		plain := encoded(t, s.record)
		plain[0] = byte(version)
		at := uint64(version) + 1
		sealed, err := ring.Seal(nil, s.head.id[:], infoRecord, associated(nil, s.key, at+1), plain)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CompareAndSwap(t.Context(), s.key, at, sealed, time.Hour); err != nil {
			t.Fatal(err)
		}
		_, err = m.Load(t.Context(), v)
		if version == recordVersion && err != nil {
			t.Errorf("control: %v", err)
		}
		if version != recordVersion && !errors.Is(err, ErrNone) {
			t.Errorf("version %d: %v, want no session", version, err)
		}
	}
}

func FuzzStoredRecord(f *testing.F) {
	f.Add(encoded(f, sampleRecord()))
	f.Add(encoded(f, &record{}))
	f.Add([]byte{})
	f.Add([]byte{recordVersion, labelEntry, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		again, err := r.encode()
		if errors.Is(err, ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeRecord(again)
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if diff := cmp.Diff(r, back, options()); diff != "" {
			t.Errorf("(-read +read again):\n%s", diff)
		}
		for _, s := range r.entries {
			if e, err := decodeEntry(s.body); err == nil {
				got, err := decodeEntry(e.encode())
				if err != nil {
					t.Fatalf("an entry that was written does not read: %v", err)
				}
				if diff := cmp.Diff(e, got, options()); diff != "" {
					t.Errorf("entry (-read +read again):\n%s", diff)
				}
			}
		}
	})
}

func FuzzCookieChunks(f *testing.F) {
	ring, err := secret.NewKeyring(secret.New("first secret"))
	if err != nil {
		f.Fatal(err)
	}
	m, err := New(Options{
		Cookie: Cookie{Name: "session"}, Keyring: ring, Realms: []Realm{{Issuer: "i"}},
		Now:  func() time.Time { return time.Unix(1_800_000_000, 0) },
		Rand: rand.NewChaCha8([32]byte{}), // the same in every fuzzing process
	})
	if err != nil {
		f.Fatal(err)
	}
	_, lines, err := m.Start(f.Context(), Visit{}, Entry{Realm: Realm{Issuer: "i"}, Scope: strings.Repeat("s", 8000)})
	if err != nil {
		f.Fatal(err)
	}
	var good []string
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		good = append(good, pair)
	}
	if len(good) != 3 {
		f.Fatalf("%d chunks, want 3", len(good))
	}
	f.Add(good[0], good[1], good[2])
	f.Add(good[0], good[2], good[1])
	f.Add(good[0], "session99999999=x", "session2=x; session2=y")
	f.Add(good[0][:100], good[1], "")
	f.Fuzz(func(t *testing.T, one, two, three string) {
		s, err := m.Load(t.Context(), Visit{Cookie: []string{one, two, three}})
		switch {
		case err == nil && len(s.Entry().Scope) != 8000:
			t.Error("another session")
		case err != nil && !errors.Is(err, ErrNone):
			t.Errorf("load: %v, want no session", err)
		case err == nil && !strings.Contains(one+";"+two+";"+three, good[0][len("session="):]):
			t.Error("a session without its cookie")
		}
	})
}
