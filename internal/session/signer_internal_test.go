package session

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"

	"sallyport/internal/secret"
)

func testSigner(t testing.TB, purpose byte, name string) *signer {
	t.Helper()
	ring, err := secret.NewKeyring(secret.New("first secret"))
	if err != nil {
		t.Fatal(err)
	}
	return newSigner(ring, purpose, name)
}

// signed is everything that a MAC stands for: a head and what it is bound to.
type signed struct {
	Flags                 byte
	ID                    [idSize]byte
	Created               uint32
	Saved, Touched        uint32
	Version               uint32
	IP, Scheme, UserAgent string
}

func (s *signed) head() head {
	return head{purpose: purposeSession, flags: s.Flags, id: s.ID, created: int64(s.Created), saved: s.Saved, touched: s.Touched, version: s.Version}
}

// input is what is signed.
func (s *signed) input() []byte {
	h := s.head()
	return appendBinding(h.append(nil, 7), s.Flags, &Visit{IP: s.IP, Scheme: s.Scheme, UserAgent: s.UserAgent})
}

// Text that looks like the end of one value and the beginning of the next.
func TestMACInputIsUnambiguousForPlantedLengths(t *testing.T) {
	t.Parallel()
	const bound = flagBindIP | flagBindScheme
	for n := range uint64(20) {
		planted := string(binary.BigEndian.AppendUint64(nil, n))
		for _, x := range []string{"", "x", "xx"} {
			a := signed{Flags: bound, IP: x + planted + "y", Scheme: "z"}
			b := signed{Flags: bound, IP: x, Scheme: "y" + planted + "z"}
			if bytes.Equal(a.input(), b.input()) {
				t.Errorf("one input for %q and %q, and for %q and %q", a.IP, a.Scheme, b.IP, b.Scheme)
			}
		}
	}
}

// unbound clears what the flags do not bind.
func (s signed) unbound() signed {
	if s.Flags&flagBindIP == 0 {
		s.IP = ""
	}
	if s.Flags&flagBindScheme == 0 {
		s.Scheme = ""
	}
	if s.Flags&flagBindUserAgent == 0 {
		s.UserAgent = ""
	}
	return s
}

// Two different things never give the same MAC input, also where text moves
// from one bound value to the next.
func TestMACInputIsUnambiguous(t *testing.T) {
	t.Parallel()
	same := func(a, b signed) bool {
		return bytes.Equal(a.input(), b.input()) == (a.unbound() == b.unbound())
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	// Neighbours: one byte moved between values, one flag changed.
	moved := func(a signed, whole string, i, j uint8) bool {
		a.Flags |= flagBindIP | flagBindScheme | flagBindUserAgent
		b := a
		at := func(n uint8) int { return int(n) % (len(whole) + 1) }
		a.IP, a.Scheme = whole[:at(i)], whole[at(i):]
		b.IP, b.Scheme = whole[:at(j)], whole[at(j):]
		if !same(a, b) {
			return false
		}
		a.UserAgent, b.UserAgent = a.Scheme, b.Scheme
		a.Flags, b.Flags = a.Flags&^flagBindScheme, b.Flags&^flagBindScheme
		if !same(a, b) {
			return false
		}
		b = a
		b.Flags ^= 1 << (i % 8)
		return same(a, b)
	}
	if err := quick.Check(moved, nil); err != nil {
		t.Error(err)
	}
}

func TestHeadComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for _, purpose := range []byte{purposeSession, purposeRemember, purposeBrowserKey} {
		s := testSigner(t, purpose, "session")
		back := func(in signed, extra [extraSize]byte) bool {
			h := in.head()
			h.purpose = purpose
			if purpose == purposeBrowserKey {
				h.extra = extra
			}
			v := &Visit{IP: in.IP, Scheme: in.Scheme, UserAgent: in.UserAgent}
			text := s.sign(&h, v)
			got, ok := s.verify(text, v)
			return ok && got == h && len(text) == s.textSize() && len(text) < 150
		}
		if err := quick.Check(back, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestPurposesAndNamesHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	v := &Visit{}
	h := head{purpose: purposeSession}
	text := testSigner(t, purposeSession, "session").sign(&h, v)
	if _, ok := testSigner(t, purposeSession, "session").verify(text, v); !ok {
		t.Error("control: does not verify")
	}
	for name, s := range map[string]*signer{
		"another name":        testSigner(t, purposeSession, "session2"),
		"no name":             testSigner(t, purposeSession, ""),
		"the remember cookie": testSigner(t, purposeRemember, "session"),
	} {
		if _, ok := s.verify(text, v); ok {
			t.Errorf("%s: verifies", name)
		}
		if s.purpose == purposeSession {
			continue
		}
		// With the purpose rewritten as well the key is still another.
		forged := h
		forged.purpose = s.purpose
		if _, ok := s.verify(testSigner(t, purposeSession, "session").sign(&forged, v), v); ok {
			t.Errorf("%s: verifies with another purpose's key", name)
		}
	}
}

func TestOffsetsAreClamped(t *testing.T) {
	t.Parallel()
	h := head{created: 1000}
	h.setSaved(990) // clocks of nodes differ
	h.touch(math.MaxInt64)
	if h.saved != 0 || h.touched != math.MaxUint32 {
		t.Errorf("saved %d, touched %d", h.saved, h.touched)
	}
}

func FuzzSessionCookie(f *testing.F) {
	s := testSigner(f, purposeSession, "session")
	good := s.sign(&head{purpose: purposeSession, created: 1_800_000_000}, &Visit{})
	for _, seed := range []string{
		"", good, good[1:], good + "A", "AQEAAA", string(make([]byte, headText)),
		strings.Repeat("\n", headText), "A" + strings.Repeat("\r", headText-2) + "A", good[:headText-4] + "\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := s.verify(text, &Visit{}); ok && text != good {
			t.Errorf("a forged cookie verifies: %q", text)
		}
	})
}

// Base64 skips line breaks: a text of the right length must not give fewer
// bytes than are sliced.
func TestLineBreaksInACookieDoNotVerify(t *testing.T) {
	t.Parallel()
	v := &Visit{}
	for _, purpose := range []byte{purposeSession, purposeRemember, purposeBrowserKey} {
		s := testSigner(t, purpose, "session")
		good := s.sign(&head{purpose: purpose}, v)
		if _, ok := s.verify(good, v); !ok {
			t.Fatal("control: does not verify")
		}
		for _, char := range []string{"\n", "\r"} {
			for n := range len(good) + 1 {
				for _, text := range []string{good[:len(good)-n] + strings.Repeat(char, n), good + strings.Repeat(char, n), strings.Repeat(char, n) + good[n:]} {
					if _, ok := s.verify(text, v); ok && n > 0 {
						t.Errorf("%q verifies", text)
					}
				}
			}
		}
	}
}

// A random walk around a good cookie: no neighbour verifies.
func TestNeighboursOfAGoodCookieDoNotVerify(t *testing.T) {
	t.Parallel()
	s := testSigner(t, purposeBrowserKey, "k")
	good := []byte(s.sign(&head{purpose: purposeBrowserKey}, &Visit{}))
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		c := bytes.Clone(good)
		for range 1 + random.IntN(3) {
			c[random.IntN(len(c))] = byte(random.IntN(256))
		}
		if _, ok := s.verify(string(c), &Visit{}); ok != bytes.Equal(c, good) {
			t.Fatalf("%q: verifies %v", c, ok)
		}
	}
}

// A later release signs with the same key: its version is not ours to read.
func TestUnknownHeadVersionDoesNotVerify(t *testing.T) {
	t.Parallel()
	s := testSigner(t, purposeSession, "session")
	for version := range byte(4) {
		h := head{purpose: purposeSession}
		b := h.append(nil, s.keys[0].id)
		b[0] = version
		mac := s.keys[0].sum(b, h.flags, &Visit{})
		_, ok := s.verify(encoding.EncodeToString(append(b, mac[:macSize]...)), &Visit{})
		if ok != (version == headVersion) {
			t.Errorf("version %d: verifies %v", version, ok)
		}
	}
}

func TestFindersAreUnambiguous(t *testing.T) {
	t.Parallel()
	ring, err := secret.NewKeyring(secret.New("first secret"))
	if err != nil {
		t.Fatal(err)
	}
	m := &Manager{ring: ring}
	seen := make(map[string][3]string)
	for _, f := range [][3]string{
		{"subject", "https://idp", "alice"},
		{"subject", "https://idpa", "lice"},
		{"subject", "https://idpalice", ""},
		{"sid", "https://idp", "alice"},
		{"subjecthttps://idp", "", "alice"},
	} {
		finder := m.finder(0, f[0], f[1], f[2])
		if other, ok := seen[finder]; ok {
			t.Errorf("%q and %q have one finder", f, other)
		}
		seen[finder] = f
	}
}
