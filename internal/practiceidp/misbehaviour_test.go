package practiceidp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

// accept is a strict relying party's judgement of an ID token.
func (rp *party) accept(tokens map[string]any, nonce any) error {
	rp.t.Helper()
	text, _ := tokens["id_token"].(string)
	if text == "" || len(text) > 1<<20 || strings.Count(text, ".") != 2 {
		return errors.New("shape")
	}
	claims, err := rp.open(text)
	if err != nil {
		return err
	}
	now := float64(time.Now().Unix())
	number := func(name string) float64 {
		n, ok := claims[name].(float64)
		if !ok {
			return -1
		}
		return n
	}
	access, _ := tokens["access_token"].(string)
	sub, _ := claims["sub"].(string)
	aud, several := audience(claims["aud"])
	switch {
	case claims["iss"] != rp.idp.Issuer():
		return errors.New("iss")
	case !slices.Contains(aud, clientID):
		return errors.New("aud")
	case several && claims["azp"] != clientID, claims["azp"] != nil && claims["azp"] != clientID:
		return errors.New("azp")
	case sub != "sub-ann":
		return errors.New("sub")
	case number("exp") < now || number("exp") > 1e12:
		return errors.New("exp")
	case number("iat") < 0 || number("iat") > now+60 || number("nbf") > now+60:
		return errors.New("iat or nbf")
	case claims["nonce"] != nonce:
		return errors.New("nonce")
	case claims["at_hash"] != nil && claims["at_hash"] != halfHash(access), claims["c_hash"] != nil:
		return errors.New("at_hash or c_hash")
	}
	return nil
}

func audience(v any) (list []string, several bool) {
	if one, ok := v.(string); ok {
		return []string{one}, false
	}
	many, _ := v.([]any)
	for _, member := range many {
		text, _ := member.(string)
		list = append(list, text)
	}
	return list, len(list) > 1
}

// open verifies the signature by the published keys: those of use sig with the
// token's kid, or without a kid all that fit.
func (rp *party) open(text string) (map[string]any, error) {
	rp.t.Helper()
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return nil, err
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(rp.get(rp.idp.URL("jwks")).text), &set); err != nil {
		return nil, err
	}
	header := signed.Signatures[0].Header
	if _, ok := header.ExtraHeaders["crit"]; ok { // go-jose knows no extension, but lets an empty list pass
		return nil, errors.New("crit")
	}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || key.Use == "enc" || (header.KeyID != "" && header.KeyID != key.KeyID) {
			continue
		}
		payload, err := signed.Verify(key)
		if err != nil {
			continue
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil || claims == nil {
			return nil, errors.New("payload")
		}
		return claims, nil
	}
	return nil, errors.New("no key verifies the signature")
}

// TestIDTokenLies holds the table against a strict relying party: every lie
// about the ID token is refused, and what is to be accepted is accepted.
func TestIDTokenLies(t *testing.T) {
	t.Parallel()
	names := map[string]bool{"kid-absent-single-jwks": true, "kid-absent-multiple-jwks": true} // not for refreshes
	for name := range practiceidp.Misbehaviours() {
		if lie, ok := strings.CutPrefix(name, "refresh-"); ok && practiceidp.Misbehaviours()[lie] != "" {
			names[lie] = true
		}
	}
	if len(names) < 60 {
		t.Fatalf("found only %d lies", len(names))
	}
	for name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := autoParty(t)
			if err := rp.accept(rp.login(), "n-1"); err != nil {
				t.Fatalf("honest token refused: %v", err)
			}
			rp.idp.Misbehave(name)
			tokens := rp.login()
			err := rp.accept(tokens, "n-1")
			if good := strings.Contains(practiceidp.Misbehaviours()[name], "(to be accepted)"); good != (err == nil) {
				t.Errorf("at login: to be accepted %v, got %v", good, err)
			}
			if practiceidp.Misbehaviours()["refresh-"+name] == "" {
				return
			}
			rp.idp.Misbehave("refresh-" + name)
			tokens = rp.login()
			if err := rp.accept(tokens, "n-1"); err != nil {
				t.Errorf("refresh-%s spoils the login: %v", name, err)
			}
			refreshed := rp.refresh(tokens["refresh_token"]).json()
			err = rp.accept(refreshed, nil)
			good := strings.Contains(practiceidp.Misbehaviours()[name], "(to be accepted)") || name == "missing-nonce"
			if good != (err == nil) {
				t.Errorf("at refresh: to be accepted %v, got %v", good, err)
			}
		})
	}
}

// TestFaults sees that no broken answer can be taken for a good one, and that
// the endpoint is whole again afterwards.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults := 0
	for name := range practiceidp.Misbehaviours() {
		prefix, _, _ := strings.Cut(name, "-")
		endpoint := map[string]string{"token": "code", "refresh": "refresh", "discovery": "discovery", "jwks": "jwks", "userinfo": "userinfo"}[prefix]
		if endpoint == "" || !strings.HasSuffix(practiceidp.Misbehaviours()[name], "("+endpoint+")") {
			continue
		}
		faults++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// ES256 signs fast, and nobody looks at the tokens here.
			rp := newParty(t, func(o *practiceidp.Options) { o.AutoLogin, o.SigningAlgs = "ann", []string{"ES256"} })
			tokens := rp.login()
			if err := rp.usable(endpoint, tokens, 10*time.Second); err != nil {
				t.Fatalf("honest answer: %v", err)
			}
			tokens = rp.login()
			rp.idp.Misbehave(name)
			if err := rp.usable(endpoint, tokens, 300*time.Millisecond); err == nil {
				t.Error("the answer is good")
			}
			rp.idp.Misbehave()
			if err := rp.usable(endpoint, rp.login(), 10*time.Second); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
	if faults < 100 {
		t.Fatalf("found only %d faults", faults)
	}
}

// usable calls an endpoint and says what is wrong with its answer.
func (rp *party) usable(endpoint string, tokens map[string]any, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(rp.t.Context(), patience)
	defer cancel()
	member, kind := "access_token", "string"
	method, target, form, header := http.MethodPost, rp.idp.URL("token"), redemption(""), basic()
	switch endpoint {
	case "code":
		form.Set("code", rp.code())
	case "refresh":
		refresh, _ := tokens["refresh_token"].(string)
		form = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	case "userinfo":
		access, _ := tokens["access_token"].(string)
		method, target, header, member = http.MethodGet, rp.idp.URL(endpoint), http.Header{"Authorization": {"Bearer " + access}}, "sub"
	case "jwks":
		method, target, member, kind = http.MethodGet, rp.idp.URL(endpoint), "keys", "array"
	case "discovery":
		method, target, member = http.MethodGet, rp.idp.URL(endpoint), "issuer"
	}
	a, err := rp.do(ctx, method, target, form, header)
	if err != nil {
		return err
	}
	if a.StatusCode != http.StatusOK || len(a.text) > 1<<20 {
		return errors.New(a.Status)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(a.text), &doc); err != nil {
		return err
	}
	_, isText := doc[member].(string)
	_, isList := doc[member].([]any)
	if (kind == "string" && !isText) || (kind == "array" && !isList) {
		return errors.New(member)
	}
	return nil
}

func TestRedirectOfTheTokenEndpointLeadsElsewhere(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	code := rp.code()
	rp.idp.Misbehave("token-redirect")
	a := rp.token(redemption(code))
	target, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.StatusCode != http.StatusTemporaryRedirect || target.Hostname() == "127.0.0.1" {
		t.Fatalf("got %d, Location %q", a.StatusCode, a.Header.Get("Location"))
	}
	if rp.idp.Calls("elsewhere") != 0 {
		t.Fatal("elsewhere was counted too early")
	}
	rp.post(target.String(), redemption(code))
	if rp.idp.Calls("elsewhere") != 1 {
		t.Error("the request elsewhere was not counted")
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	kids := func(rp *party) string { return rp.get(rp.idp.URL("jwks")).text }
	t.Run("just before signing, once", func(t *testing.T) {
		t.Parallel()
		rp := autoParty(t)
		rp.idp.Misbehave("signing-key-rotation-just-before-signing")
		before := kids(rp)
		tokens := rp.login()
		after := kids(rp)
		if before == after {
			t.Error("no new keys")
		}
		if err := rp.accept(tokens, "n-1"); err != nil {
			t.Error(err)
		}
		rp.login()
		if kids(rp) != after {
			t.Error("new keys at the second login as well")
		}
	})
	t.Run("at the second authorization request", func(t *testing.T) {
		t.Parallel()
		rp := autoParty(t)
		rp.idp.Misbehave("signing-key-rotation")
		before := kids(rp)
		rp.login()
		if kids(rp) != before {
			t.Error("new keys at the first login")
		}
		if err := rp.accept(rp.login(), "n-1"); err != nil || kids(rp) == before {
			t.Errorf("second login: new keys %v, %v", kids(rp) != before, err)
		}
	})
}

func TestMisbehaveIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			rp.idp.Misbehave("invalid-iss", "jwks-no-keys")
			rp.idp.Misbehave()
		}
	}()
	for range 20 {
		rp.get(rp.idp.URL("jwks"))
		rp.login()
	}
	<-done
}

func TestUnknownMisbehaviourPanics(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	rp.idp.Misbehave("invalid-is")
}
