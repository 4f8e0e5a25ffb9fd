package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzConfig feeds foreign JSON through everything a configuration passes.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"issuer":"https://idp.test"}`,
		`{"issuer":"https://idp.test","client_id":["a","b"],"client_secret":["{vault://env/x}"],"redirect_uri":["https://a.test/cb"]}`,
		`{"issuer":"{vault://env/x}","session_storage":"redis","redis":{"port":"{vault://env/p}","host":null,"socket":"/s"}}`,
		`{"issuer":"https://idp.test","upstream_headers":[{"header":"x","path":["a"]}],"upstream_headers_names":["y"],"upstream_headers_claims":["z"]}`,
		`{"issuer":"https://idp.test","session_redis_host":"r","session_cookie_lifetime":1e9,"consumer_claim":["a"]}`,
		`{"issuer":"https://idp.test","max_age":0.5,"timeout":1e-9,"sallyport":{"id_token_signing_algs":["ES256","ES256"]}}`,
		`{"issuer":"https://idp.test","auth_methods":[],"login_tokens":null,"redis":{"cloud_authentication":{}},"token_exchange":{}}`,
		`{"issuer":null,"config":[[[[]]]]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var in map[string]any
		if d.Decode(&in) != nil {
			return
		}
		values, errs := Record().Normalize(in)
		if errs != nil {
			if errs.Message() == "" {
				t.Fatal("an error without a message")
			}
			return
		}
		again, errs := Record().Normalize(values)
		if errs != nil || !cmp.Equal(values, again) {
			t.Fatalf("normalising twice: %v\n%s", errs, cmp.Diff(values, again))
		}
		c, err := New(values, func(string) (string, error) { return "", errors.New("not set") })
		if err != nil {
			return // what references leave behind may break a rule between fields
		}
		for _, client := range c.Clients {
			if client.ID == "" {
				t.Fatal("a client without an id")
			}
		}
		if c.ChooseClient("1") == nil && len(c.Clients) > 0 {
			t.Fatal("no client chosen")
		}
	})
}
