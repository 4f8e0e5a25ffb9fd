package practiceidp_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
)

const (
	clientID    = "shop:1" // needs form encoding in a Basic header
	secret      = "s%cret + more"
	redirectURI = "http://rp.test/cb"
	goodbyeURI  = "http://rp.test/bye"
	verifier    = "abcdefghijklmnopqrstuvwxyz0123456789-._~abcdef"
)

// party is a small relying party with a browser in it.
type party struct {
	t    *testing.T
	idp  *practiceidp.Provider
	http *http.Client
}

func options() practiceidp.Options {
	return practiceidp.Options{
		Clients: []practiceidp.Client{
			{ID: clientID, Name: "Shop <1>", Secret: secret, RedirectURIs: []string{redirectURI, redirectURI + "?fixed=1"}, PostLogoutRedirectURIs: []string{goodbyeURI}},
			{ID: "public", RedirectURIs: []string{redirectURI}, RequirePKCE: true, SkipConsent: true},
		},
		Users: []practiceidp.User{
			{Name: "ann", Password: "wonder & land", Subject: "sub-ann", Claims: map[string]any{"email": "ann@example.test", "groups": []string{"a"}, "level": 3}},
			{Name: "bob", Password: "builder"},
		},
	}
}

func newParty(t *testing.T, change func(*practiceidp.Options)) *party {
	t.Helper()
	o := options()
	if change != nil {
		change(&o)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &party{t: t, idp: idptest.Start(t, o), http: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, // not the default one, whose idle connections every httptest.Server closes
		Jar:       jar, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func autoParty(t *testing.T) *party {
	return newParty(t, func(o *practiceidp.Options) { o.AutoLogin = "ann" })
}

// answer is a response that was read.
type answer struct {
	*http.Response
	text string
}

func (a answer) location() url.Values {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		return nil
	}
	return u.Query()
}

func (a answer) json() map[string]any {
	var m map[string]any
	_ = json.Unmarshal([]byte(a.text), &m)
	return m
}

func (rp *party) do(ctx context.Context, method, target string, form url.Values, header http.Header) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	maps.Copy(r.Header, header)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := rp.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return answer{response, string(body)}, err
}

func (rp *party) get(target string) answer {
	rp.t.Helper()
	return rp.must(rp.do(rp.t.Context(), http.MethodGet, target, nil, nil))
}

func (rp *party) post(target string, form url.Values) answer {
	rp.t.Helper()
	return rp.must(rp.do(rp.t.Context(), http.MethodPost, target, form, nil))
}

func (rp *party) must(a answer, err error) answer {
	rp.t.Helper()
	if err != nil {
		rp.t.Fatal(err)
	}
	return a
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is an authorization request; pairs replace parameters, "" drops one.
func request(pairs ...string) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "scope": {"openid profile email"},
		"state": {"st&ate"}, "nonce": {"n-1"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

func (rp *party) authorize(pairs ...string) answer {
	rp.t.Helper()
	return rp.get(rp.idp.URL("authorize") + "?" + request(pairs...).Encode())
}

// code is an authorization code of an automatic login.
func (rp *party) code(pairs ...string) string {
	rp.t.Helper()
	a := rp.authorize(pairs...)
	code := a.location().Get("code")
	if code == "" {
		rp.t.Fatalf("no code: status %d, Location %q, page %.300q", a.StatusCode, a.Header.Get("Location"), a.text)
	}
	return code
}

func basic() http.Header {
	pair := url.QueryEscape(clientID) + ":" + url.QueryEscape(secret)
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}}
}

func redemption(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
}

func (rp *party) token(form url.Values) answer {
	rp.t.Helper()
	return rp.must(rp.do(rp.t.Context(), http.MethodPost, rp.idp.URL("token"), form, basic()))
}

func (rp *party) refresh(token any) answer {
	rp.t.Helper()
	text, _ := token.(string)
	return rp.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}})
}

// login is a whole login without pages; the tokens come back.
func (rp *party) login() map[string]any {
	rp.t.Helper()
	a := rp.token(redemption(rp.code()))
	if a.StatusCode != http.StatusOK {
		rp.t.Fatalf("token endpoint: %d %s", a.StatusCode, a.text)
	}
	return a.json()
}

// verified checks an ID token against the published keys as go-jose does, and
// returns its claims.
func (rp *party) verified(token any) (map[string]any, bool) {
	rp.t.Helper()
	text, _ := token.(string)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(rp.get(rp.idp.URL("jwks")).text), &set); err != nil {
		rp.t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return nil, false
	}
	for _, key := range set.Keys {
		if key.Use != "sig" || (signed.Signatures[0].Header.KeyID != "" && key.KeyID != signed.Signatures[0].Header.KeyID) {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			var claims map[string]any
			return claims, json.Unmarshal(payload, &claims) == nil
		}
	}
	return nil, false
}

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
)

// fillIn posts the form of a page with additional fields.
func (rp *party) fillIn(page answer, pairs ...string) answer {
	rp.t.Helper()
	action, form := pageForm(page)
	if action == "" {
		rp.t.Fatalf("no form on the page: %d %.300s", page.StatusCode, page.text)
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	base, err := url.Parse(rp.idp.Issuer())
	if err != nil {
		rp.t.Fatal(err)
	}
	target, err := base.Parse(action)
	if err != nil {
		rp.t.Fatal(err)
	}
	return rp.post(target.String(), form)
}

func pageForm(page answer) (action string, fields url.Values) {
	fields = url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(page.text, -1) {
		fields.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	if m := formAction.FindStringSubmatch(page.text); m != nil {
		action = html.UnescapeString(m[1])
	}
	return action, fields
}
