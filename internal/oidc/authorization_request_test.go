package oidc

import (
	"context"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/secret"
)

// urlOf is the address of a request that is neither signed nor pushed.
func urlOf(a AuthorizationRequest, md *Metadata) (string, error) {
	return new(Provider).Location(context.Background(), Client{}, md, a)
}

func query(t *testing.T, address string, err error) url.Values {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestAuthorizationRequest(t *testing.T) {
	t.Parallel()
	md := &Metadata{AuthorizationEndpoint: "https://idp.test/auth"}
	hour := time.Hour
	full := AuthorizationRequest{
		ClientID: testClientID, RedirectURI: "https://app.test/a%20b", ResponseMode: "form_post",
		Scopes: []string{"openid", "email"}, State: "s", Nonce: "n", CodeChallenge: "ch",
		MaxAge: &hour, Audience: []string{"a1", "a2"},
		Fixed: url.Values{"prompt": {"login"}}, FromUserAgent: url.Values{"login_hint": {"x&state=evil"}, "prompt": {"none"}},
	}
	address, err := urlOf(full, md)
	want := url.Values{
		"response_type": {"code"}, "response_mode": {"form_post"}, "client_id": {testClientID},
		"redirect_uri": {"https://app.test/a%20b"}, "scope": {"openid email"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {"ch"}, "code_challenge_method": {"S256"}, "max_age": {"3600"}, "audience": {"a1", "a2"},
		"prompt": {"login"}, "login_hint": {"x&state=evil"},
	}
	if diff := cmp.Diff(want, query(t, address, err)); diff != "" {
		t.Error(diff)
	}
	address, err = urlOf(AuthorizationRequest{ClientID: "c", RedirectURI: "r", State: "s", Nonce: "n"}, md)
	want = url.Values{"response_type": {"code"}, "client_id": {"c"}, "redirect_uri": {"r"}, "state": {"s"}, "nonce": {"n"}}
	if diff := cmp.Diff(want, query(t, address, err)); diff != "" {
		t.Error(diff)
	}
	if _, err := urlOf(full, &Metadata{}); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("error %v", err)
	}
}

func TestExtraParametersReplaceNothingProtected(t *testing.T) {
	t.Parallel()
	md := &Metadata{AuthorizationEndpoint: "https://idp.test/auth"}
	for _, name := range []string{
		"state", "nonce", "redirect_uri", "response_type", "response_mode", "client_id",
		"code_challenge", "code_challenge_method", "request", "request_uri",
	} {
		evil := url.Values{name: {"evil"}, "prompt": {"login"}}
		for place, a := range map[string]AuthorizationRequest{"fixed": {Fixed: evil}, "user agent": {FromUserAgent: evil}} {
			a.ClientID, a.State = "c", "s"
			address, err := urlOf(a, md)
			q := query(t, address, err)
			if q.Get("prompt") != "login" {
				t.Errorf("%s: an ordinary parameter is lost", place)
			}
			if strings.Contains(address, "evil") {
				t.Errorf("%s: %s is replaced: %s", place, name, address)
			}
		}
	}
	a := AuthorizationRequest{Scopes: []string{"openid"}, Fixed: url.Values{"scope": {"openid x"}}}
	address, err := urlOf(a, md)
	if got := query(t, address, err)["scope"]; len(got) != 1 || got[0] != "openid x" {
		t.Errorf("scope %v", got)
	}
}

func TestEndpointKeepsItsOwnQuery(t *testing.T) {
	t.Parallel()
	a := AuthorizationRequest{ClientID: "c", State: "s"}
	for endpoint, want := range map[string]string{
		"https://idp.test/auth?p=pol%20icy": "https://idp.test/auth?p=pol%20icy&client_id=c&response_type=code&state=s",
		"https://idp.test/auth?":            "https://idp.test/auth?client_id=c&response_type=code&state=s",
		"https://idp.test/auth?state=x&a=b": "https://idp.test/auth?a=b&client_id=c&response_type=code&state=s",
		"https://idp.test/auth?st%61te=x":   "https://idp.test/auth?client_id=c&response_type=code&state=s",
	} {
		if got, err := urlOf(a, &Metadata{AuthorizationEndpoint: endpoint}); err != nil || got != want {
			t.Errorf("%s: %s, %v", endpoint, got, err)
		}
	}
}

func TestPKCEDecision(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, tc := range []struct {
		name      string
		require   *bool
		listed    []string
		use, warn bool
	}{
		{"unset without a list sends none", nil, nil, false, false},
		{"unset with S256 sends one", nil, []string{"plain", "S256"}, true, false},
		{"unset with plain alone sends none and warns", nil, []string{"plain"}, false, true},
		{"unset with S256 in another spelling sends none", nil, []string{"s256"}, false, false},
		{"true sends one without a list", &yes, nil, true, false},
		{"true sends one beside plain", &yes, []string{"plain"}, true, false},
		{"false sends none", &no, []string{"S256"}, false, false},
	} {
		if use, warn := UsePKCE(tc.require, &Metadata{CodeChallengeMethods: tc.listed}); use != tc.use || warn != tc.warn {
			t.Errorf("%s: %v, %v", tc.name, use, warn)
		}
	}
	// RFC 7636 appendix B.
	if got := S256Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge %s", got)
	}
}

func TestEndSessionURL(t *testing.T) {
	t.Parallel()
	md := &Metadata{EndSessionEndpoint: "https://idp.test/logout?x=1"}
	address, err := EndSessionURL(md, EndSession{IDTokenHint: secret.New("t.o.k"), ClientID: "c", PostLogoutRedirectURI: "https://app.test/?a=b&c", State: "s"})
	want := url.Values{"x": {"1"}, "id_token_hint": {"t.o.k"}, "client_id": {"c"}, "post_logout_redirect_uri": {"https://app.test/?a=b&c"}, "state": {"s"}}
	if diff := cmp.Diff(want, query(t, address, err)); diff != "" {
		t.Error(diff)
	}
	if got, err := EndSessionURL(md, EndSession{ClientID: "c"}); err != nil || got != "https://idp.test/logout?x=1&client_id=c" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := EndSessionURL(&Metadata{}, EndSession{}); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("error %v", err)
	}
}

func TestResponseIssuer(t *testing.T) {
	t.Parallel()
	p := newTestProvider(t).relyingParty(t, func(o *Options) { o.IssuersAllowed = []string{"https://listed.test", "https://t/{tenantid}"} })
	const issuer = "https://idp.test/a"
	for _, tc := range []struct {
		name      string
		announced bool
		iss       string
		sent, ok  bool
	}{
		{"accepts the issuer", true, issuer, true, true},
		{"accepts the issuer unannounced", false, issuer, true, true},
		{"accepts absence unannounced", false, "", false, true},
		{"refuses absence where announced", true, "", false, false},
		{"refuses another issuer", true, "https://evil.test", true, false},
		{"refuses another issuer unannounced", false, "https://evil.test", true, false},
		{"refuses an empty one", false, "", true, false},
		{"refuses a trailing slash", true, issuer + "/", true, false},
		{"accepts a listed issuer", true, "https://listed.test", true, true},
		{"refuses a template", true, "https://t/{tenantid}", true, false},
	} {
		err := p.CheckResponseIssuer(&Metadata{Issuer: issuer, ResponseIssuer: tc.announced}, tc.iss, tc.sent)
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, ErrResponseIssuer) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if _, clause, found := Rule(err); found == tc.ok || found && clause != "RFC 9207 2.4" {
			t.Errorf("%s: clause %q", tc.name, clause)
		}
	}
}

// The short way to the URL gives what the long one gives, byte for byte.
func TestPlainURLIsWhatTheMapsGive(t *testing.T) {
	t.Parallel()
	age, none := 90*time.Second, time.Duration(0)
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	for _, a := range []AuthorizationRequest{
		{},
		{ClientID: "app", RedirectURI: "https://app.test/call back?x=1&y=ü", Scopes: []string{"openid"}, State: string(everyByte), Nonce: "n"},
		{ClientID: "a b+c%", ResponseType: "code id_token", ResponseMode: "form_post", Scopes: []string{"openid", "e-mail"}, CodeChallenge: "c", MaxAge: &age},
		{MaxAge: &none, State: "~-_.", CodeChallenge: "/"},
	} {
		for _, endpoint := range []string{"https://idp.test", "http://idp.test:8080/realms/main/auth", "https://IDP.test/a~b_c-d."} {
			if !plainEndpoint(endpoint) {
				t.Fatalf("%s is not plain", endpoint)
			}
			want, err := withQuery(endpoint, a.parameters())
			if err != nil {
				t.Fatal(err)
			}
			if got := a.plainURL(endpoint); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !a.plain(endpoint) {
				t.Errorf("%v is not plain", a)
			}
		}
	}
	for _, a := range []AuthorizationRequest{
		{Push: true},
		{RequestObject: true},
		{Audience: []string{"a"}},
		{Fixed: url.Values{"a": {"b"}}},
		{FromUserAgent: url.Values{"a": {"b"}}},
	} {
		if a.plain("https://idp.test/auth") {
			t.Errorf("%v is plain", a)
		}
	}
	for _, endpoint := range []string{"https://idp.test/auth?a=b", "https://idp.test/%41", "https://idp.test/a b", "//idp.test/", "https://u@idp.test/"} {
		if plainEndpoint(endpoint) {
			t.Errorf("%s is plain", endpoint)
		}
	}
}

// A field that is added some day must not get lost on the short way.
func TestNoFieldIsLostOnTheShortWay(t *testing.T) {
	t.Parallel()
	const endpoint = "https://idp.test/auth"
	fields := reflect.TypeFor[AuthorizationRequest]()
	for i := range fields.NumField() {
		var a AuthorizationRequest
		switch f := reflect.ValueOf(&a).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("value")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"value"}))
		case reflect.Map:
			f.Set(reflect.ValueOf(url.Values{"name": {"value"}}))
		case reflect.Pointer:
			f.Set(reflect.ValueOf(new(time.Minute)))
		default:
			t.Fatalf("no value for %s", fields.Field(i).Name)
		}
		want, err := withQuery(endpoint, a.parameters())
		if err != nil {
			t.Fatal(err)
		}
		if got := a.plainURL(endpoint); a.plain(endpoint) && got != want {
			t.Errorf("%s: %s, want %s", fields.Field(i).Name, got, want)
		}
	}
}
