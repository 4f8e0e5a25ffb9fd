package openidconnect

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/internal/secret"
)

func ring(t testing.TB, secrets ...string) *secret.Keyring {
	t.Helper()
	list := make([]secret.String, 0, len(secrets))
	for _, s := range secrets {
		list = append(list, secret.New(s))
	}
	k, err := secret.NewKeyring(list...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sampleState() *loginState {
	return &loginState{
		Flow: [flowIDSize]byte{1, 2, 3}, Reason: firstLogin, Started: time.Unix(1_700_000_000, 0),
		Key: keyHash([]byte("browser")), Realm: [realmHashSize]byte{9},
		RedirectURI: "http://service.test:8000/", Target: "http://service.test:8000/?hello=world", ClientID: "app",
	}
}

func TestStateOpensOnlyAsItWasSealed(t *testing.T) {
	t.Parallel()
	keys := ring(t, "secret")
	want := sampleState()
	param, err := want.seal(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := openState(keys, param)
	if err != nil {
		t.Fatalf("positive control: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(loginState{})); diff != "" {
		t.Fatal(diff)
	}
	if _, err := openState(ring(t, "newer", "secret"), param); err != nil {
		t.Errorf("a state does not survive the rotation of the secret: %v", err)
	}
	for _, plain := range []string{want.Target, want.RedirectURI, want.ClientID} {
		raw, _ := base64.RawURLEncoding.DecodeString(param)
		if strings.Contains(string(raw), plain) {
			t.Errorf("the state shows %q", plain)
		}
	}
	for i := range len(param) {
		altered := []byte(param)
		altered[i] = 'A' + (altered[i]+1)%26
		if string(altered) == param {
			continue
		}
		if _, err := openState(keys, string(altered)); !errors.Is(err, errState) {
			t.Fatalf("character %d altered: %v", i, err)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "cut": param[:len(param)-2], "longer": param + "AA", "huge": strings.Repeat("A", 1<<20),
		"of another gateway": func() string { p, _ := want.seal(ring(t, "other"), nil); return p }(),
		"padding":            param + "=", "not base64": "!" + param[1:],
	} {
		if _, err := openState(keys, bad); !errors.Is(err, errState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNonceAndVerifierDependOnSecretFlowAndBrowser(t *testing.T) {
	t.Parallel()
	keys := ring(t, "secret")
	s := sampleState()
	base := s.nonce(keys, []byte("browser"))
	verifier := s.verifier(keys, []byte("browser"))
	if base == verifier {
		t.Error("nonce and verifier are equal")
	}
	for _, v := range []string{base, verifier} {
		if len(v) != 43 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%q is not 43 URL-safe characters", v)
		}
	}
	other := sampleState()
	other.Flow[0]++
	for name, n := range map[string]string{
		"browser": s.nonce(keys, []byte("other")),
		"secret":  s.nonce(ring(t, "other"), []byte("browser")),
		"flow":    other.nonce(keys, []byte("browser")),
	} {
		if n == base {
			t.Errorf("the nonce does not depend on the %s", name)
		}
	}
	if s.nonce(keys, []byte("browser")) != base {
		t.Error("the nonce is not repeatable")
	}
}

func TestStateStaysUnderOneKilobyteWithTheLongestTargetItHolds(t *testing.T) {
	t.Parallel()
	keys := ring(t, "secret")
	s := sampleState()
	s.Target = ""
	s.RedirectURI = "https://a-rather-long-host-name.department.example.org:8443/a/callback/path"
	room := stateRoom(s)
	s.Target = strings.Repeat("t", room)
	param, err := s.seal(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(param) > maxState || room < 400 {
		t.Errorf("state of %d characters, room for a target of %d", len(param), room)
	}
	s.Target += "ttt"
	if param, _ := s.seal(keys, nil); len(param) <= maxState {
		t.Error("the room for a target is counted too small")
	}
}

func TestTargetCookieOpensOnlyForItsFlow(t *testing.T) {
	t.Parallel()
	keys := ring(t, "secret")
	flow := [flowIDSize]byte{7}
	target := "http://service.test/?" + strings.Repeat("q", 1200)
	value, ok, err := sealTarget(keys, nil, flow, target)
	if err != nil || !ok || len(value) > maxTargetCookie {
		t.Fatalf("%d characters, %v, %v", len(value), ok, err)
	}
	if got, err := openTarget(keys, flow, value); err != nil || got != target {
		t.Fatalf("positive control: %q, %v", got, err)
	}
	if _, err := openTarget(keys, [flowIDSize]byte{8}, value); err == nil {
		t.Error("it opens for another flow")
	}
	if _, ok, _ := sealTarget(keys, nil, flow, strings.Repeat("q", 4000)); ok {
		t.Error("a target beyond the cookie was accepted")
	}
}

func FuzzOpenState(f *testing.F) {
	keys := ring(f, "secret")
	good, err := sampleState().seal(keys, bytes.NewReader(make([]byte, 12))) // the same in every fuzz worker
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, param string) {
		s, err := openState(keys, param)
		if err == nil && param != good {
			t.Fatalf("forged state opens: %+v", s)
		}
	})
}

func FuzzStateDecode(f *testing.F) {
	f.Add(sampleState().encode(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s loginState
		if s.decode(b) == nil && string(s.encode(nil)) != string(b) {
			t.Fatalf("%x decodes to something that encodes to %x", b, s.encode(nil))
		}
	})
}

func FuzzCallbackParams(f *testing.F) {
	for _, q := range []string{"state=a&code=b", "code=a&code=b", "error=x&error_description=%3Cb%3E", "state=%zz", "&&=&=;", "iss=" + url.QueryEscape("https://i/")} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		var c callbackParams
		if c.parseQuery(q) != nil {
			return
		}
		if rest := stripCallback(q); len(rest) > len(q) {
			t.Fatalf("stripping lengthened %q to %q", q, rest)
		}
		var again callbackParams
		if err := again.parseQuery(stripCallback(q)); err == nil && strings.Count(q, "&") < maxCallbackPairs && again.looksLikeCallback() {
			t.Fatalf("%q still holds a callback parameter after stripping", q)
		}
	})
}
