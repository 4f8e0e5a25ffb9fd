package entity

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
)

// madeApplication is one as a store keeps it.
func madeApplication(t *testing.T, in map[string]any) map[string]any {
	t.Helper()
	in["name"], in["consumer"] = "app", ref(uuid1)
	kind := testKinds(t)[OAuth2Credentials]
	v, errs := kind.Normalize(in)
	if errs != nil {
		t.Fatal(errs)
	}
	kind.Prepare(in, v)
	return v
}

func TestClientSecretsAreHashedOnRequest(t *testing.T) {
	t.Parallel()
	if v := madeApplication(t, map[string]any{"client_secret": "plain"}); v["client_secret"] != "plain" {
		t.Errorf("without hash_secret: %v", v["client_secret"])
	}
	v := madeApplication(t, map[string]any{"client_id": "c", "client_secret": "planted", "hash_secret": true})
	text, _ := v["client_secret"].(string)
	parts := strings.Split(text, "$")
	if len(parts) != 5 || parts[1] != "pbkdf2-sha512" || parts[2] != "i=10000,l=32" {
		t.Fatalf("got %q", text)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[3])
	if err != nil || len(salt) != 16 {
		t.Fatalf("salt %q: %v", parts[3], err)
	}
	want, err := pbkdf2.Key(sha512.New, "planted", salt, 10_000, 32)
	if err != nil || base64.RawStdEncoding.EncodeToString(want) != parts[4] {
		t.Errorf("%q is not the hash of the secret", text)
	}
	v["id"] = uuid1
	again, errs := testKinds(t)[OAuth2Credentials].Normalize(v)
	if errs != nil || again["client_secret"] != text {
		t.Errorf("a hash is hashed again: %v", again["client_secret"])
	}
	other := madeApplication(t, map[string]any{"client_id": "d", "client_secret": "planted", "hash_secret": true})
	if other["client_secret"] == text {
		t.Error("equal secrets of two applications look alike")
	}
	generated := madeApplication(t, map[string]any{"hash_secret": true})
	if text, _ := generated["client_secret"].(string); !strings.HasPrefix(text, hashedSecret) {
		t.Errorf("a generated secret is kept as it is: %q", text)
	}
	if none := madeApplication(t, map[string]any{"client_secret": nil, "hash_secret": true}); none["client_secret"] != nil {
		t.Errorf("no secret has the hash %v", none["client_secret"])
	}
}

func TestGeneratedClientsAndTokensAreLong(t *testing.T) {
	t.Parallel()
	v := madeApplication(t, map[string]any{})
	for _, name := range []string{"client_id", "client_secret"} {
		if text, _ := v[name].(string); len(text) != credentialLength {
			t.Errorf("%s: %q", name, text)
		}
	}
	kind := testKinds(t)[OAuth2Tokens]
	in := map[string]any{"credential": ref(uuid1), "expires_in": 0}
	token, errs := kind.Normalize(in)
	if errs != nil {
		t.Fatal(errs)
	}
	kind.Prepare(in, token)
	if text, _ := token["access_token"].(string); len(text) != credentialLength || token["refresh_token"] != nil {
		t.Errorf("tokens %q, %v", text, token["refresh_token"])
	}
}

func TestEndOfATokenOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   map[string]any
		want int64
	}{
		"expires_in":                  {map[string]any{"expires_in": 10}, 1010},
		"never":                       {map[string]any{"expires_in": 0, "ttl": 0}, 0},
		"ttl alone":                   {map[string]any{"expires_in": 0, "ttl": 5}, 1005},
		"the sooner one":              {map[string]any{"expires_in": 10, "ttl": 5}, 1005},
		"the sooner one, turned over": {map[string]any{"expires_in": 5, "ttl": 10}, 1005},
		"below nought: over already":  {map[string]any{"expires_in": -5}, 995},
	} {
		c.in["credential"], c.in["created_at"] = ref(uuid1), 1000
		v, errs := testKinds(t)[OAuth2Tokens].Normalize(c.in)
		if errs != nil {
			t.Fatal(errs)
		}
		if got := DecodeOAuth2Token(v).Expires; got != c.want {
			t.Errorf("%s: ends at %d, want %d", name, got, c.want)
		}
	}
}
