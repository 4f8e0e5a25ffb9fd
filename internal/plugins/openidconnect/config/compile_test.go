package config

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/oidc"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

type object = map[string]any

func list(items ...any) []any { return items }

// compiled normalises and compiles a configuration that must be accepted.
func compiled(t *testing.T, in object) *Config {
	t.Helper()
	c, err := compile(t, in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compile(t *testing.T, in object) (*Config, error) {
	t.Helper()
	all := object{"issuer": "https://idp.test"}
	maps.Copy(all, in)
	values, errs := Record().Normalize(all)
	if errs != nil {
		return nil, errs
	}
	return New(values, func(reference string) (string, error) {
		switch reference {
		case "{vault://env/id}":
			return "from-env", nil
		case "{vault://env/port}":
			return "6380", nil
		case "{vault://env/word}":
			return "hunter2 is no port", nil
		case "{vault://env/js}":
			return "javascript:alert(1)", nil
		}
		return "", errors.New("not set")
	})
}

var compare = cmp.Options{
	cmp.Comparer(func(a, b secret.String) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b Address) bool { return a.Text == b.Text && (a.URL == nil) == (b.URL == nil) }),
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := compiled(t, nil)
	checks := map[string][2]any{
		"methods": {c.Method.Enabled, []Method{
			MethodAuthorizationCode, MethodBearer, MethodClientCredentials, MethodIntrospection, MethodKongOAuth2,
			MethodPassword, MethodRefreshToken, MethodSession, MethodUserInfo,
		}},
		"preflight":      {c.Method.Preflight, true},
		"mode":           {c.Authorization.ResponseMode, ModeQuery},
		"scopes":         {c.Authorization.Scopes, []string{"openid"}},
		"session cookie": {c.Session.Cookie, session.Cookie{Name: "session", Path: "/", SameSite: session.SameSiteLax, HTTPOnly: true}},
		"key cookie":     {c.Callback.Cookie, session.Cookie{Name: "authorization", Path: "/", SameSite: session.SameSiteDefault, HTTPOnly: true}},
		"lifetime":       {c.Callback.Lifetime, 10 * time.Minute},
		"timeouts":       {[]time.Duration{c.Session.Idling, c.Session.Rolling, c.Session.Absolute}, []time.Duration{15 * time.Minute, time.Hour, 24 * time.Hour}},
		"storage":        {c.Store.Storage, StorageCookie},
		"redis": {c.Store.Redis, RedisConfig{
			Host: "127.0.0.1", Port: 6379, Verify: true, ConnectTimeout: 2 * time.Second, SendTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second,
		}},
		"login":         {[]any{c.Login.Action, c.Login.Tokens, c.Login.RedirectMode}, []any{LoginUpstream, []LoginToken{TokenID}, RedirectFragment}},
		"logout":        {c.Logout.Methods, []string{"DELETE", "POST"}},
		"access token":  {c.Header.Upstream.AccessToken, TokenHeader{"Authorization", true}},
		"id token":      {c.Header.Upstream.IDToken, TokenHeader{}},
		"verification":  {c.Verification, VerificationConfig{IssuersAllowed: []string{}, Signature: true, Claims: true, Nonce: true, IgnoreSignature: []Method{}, SessionClaim: "sid"}},
		"http":          {[]any{c.HTTP.Verify, c.HTTP.Timeout, c.HTTP.KeepAlive}, []any{true, 10 * time.Second, true}},
		"messages":      {[]any{c.Error.Unauthorized, c.Error.Forbidden, c.Error.Display}, []any{"Unauthorized", "Forbidden", false}},
		"hide":          {c.Header.HideCredentials, true},
		"clients":       {len(c.Clients), 0},
		"chosen client": {c.ChooseClient("x"), (*Client)(nil)},
	}
	for name, pair := range checks {
		if diff := cmp.Diff(pair[1], pair[0], compare); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	c := compiled(t, object{
		"client_id":                  list("one", "2", "{vault://env/no}", "{vault://env/id}"),
		"client_secret":              list("s1", "{vault://env/id}"),
		"client_auth":                list("client_secret_post", "none"),
		"token_endpoint_auth_method": "client_secret_basic",
		"redirect_uri":               list("https://A.test/cb?x=%7e", "https://b.test/cb"),
		"login_redirect_uri":         list("https://a.test/in"),
		"logout_redirect_uri":        list("https://a.test/out"),
		"unauthorized_redirect_uri":  list("https://a.test/401"),
		"forbidden_redirect_uri":     list("https://a.test/403"),
		"unexpected_redirect_uri":    list("https://a.test/500"),
	})
	address := func(text string) Address { return Address{Text: text, URL: new(url.URL)} }
	first := Client{
		Position: 1,
		Client:   oidc.Client{ID: "one", Secret: secret.New("s1"), AuthMethod: oidc.AuthPost, TokenAuthMethod: oidc.AuthBasic},
		Redirect: address("https://A.test/cb?x=%7e"), AfterLogin: address("https://a.test/in"), AfterLogout: address("https://a.test/out"),
		Unauthorized: address("https://a.test/401"), Forbidden: address("https://a.test/403"), Unexpected: address("https://a.test/500"),
	}
	second, third := first, first
	second.Position, third.Position = 2, 4 // where they stand in the list, whatever resolves
	second.ID, second.Secret, second.AuthMethod, second.Redirect = "2", secret.New("from-env"), oidc.AuthNone, address("https://b.test/cb")
	third.ID = "from-env"
	if diff := cmp.Diff([]Client{first, second, third}, c.Clients, compare); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	for asked, want := range map[string]string{
		"": "one", "one": "one", "from-env": "from-env", "1": "one", "2": "2", "3": "one", "4": "from-env", "5": "one", "0": "one", "-1": "one", "x": "one",
	} {
		if got := c.ChooseClient(asked).ID; got != want {
			t.Errorf("asked for %q: %q, want %q", asked, got, want)
		}
	}
	if _, ok := c.ClientByID("1"); ok {
		t.Error("a position is no id")
	}
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "config.client_id.3: ") {
		t.Errorf("warnings %q do not name the reference", c.Warnings)
	}
}

func TestRunValues(t *testing.T) {
	t.Parallel()
	c := compiled(t, object{
		"auth_methods":                    list("session"),
		"discovery_headers_names":         list("x-a", "X-A"),
		"discovery_headers_values":        list("1", "2"),
		"authorization_query_args_names":  list("prompt", "acr_values"),
		"authorization_query_args_values": list("login", "gold"),
		"audience":                        list("api"),
		"token_post_args_names":           list("resource"),
		"token_post_args_values":          list("r"),
		"token_headers_names":             list("x-t"),
		"token_headers_values":            list("t"),
		"userinfo_headers_names":          list("x-u"),
		"userinfo_headers_values":         list("u"),
		"userinfo_query_args_names":       list("schema"),
		"userinfo_query_args_values":      list("openid"),
		"upstream_id_token_header":        "x_id_token",
		"upstream_headers":                list(object{"header": "x-email", "path": list("user", "email")}),
		"upstream_headers_claims":         list("sub"),
		"upstream_headers_names":          list("x_subject"),
		"upstream_access_token_header":    nil,
		"login_tokens":                    nil,
		"max_age":                         0,
		"cache_ttl":                       10,
		"cache_ttl_min":                   60,
		"no_proxy":                        "a.test, ,b.test",
		"https_proxy":                     "http://proxy.test:3128",
		"redis":                           object{"port": "{vault://env/port}", "password": "{vault://env/id}", "read_timeout": 1500},
		"sallyport":                       object{"id_token_signing_algs": list("ES256")},
		"extra_jwks_uris":                 list("{vault://env/no}", "https://keys.test/jwks"),
	})
	zero := time.Duration(0)
	for name, pair := range map[string][2]any{
		"an explicit list of methods":     {c.Method.Enabled, []Method{MethodSession}},
		"headers are paired":              {c.Issuer.DiscoveryHeader, http.Header{"X-A": {"1", "2"}}},
		"arguments are paired":            {c.Authorization.Fixed, url.Values{"prompt": {"login"}, "acr_values": {"gold"}}},
		"audience":                        {c.Authorization.Audience, []string{"api"}},
		"token additions":                 {c.TokenExtra(), oidc.Extra{Args: url.Values{"resource": {"r"}}, Header: http.Header{"X-T": {"t"}}}},
		"user info additions":             {[]any{c.UserInfo.Header, c.UserInfo.Query}, []any{http.Header{"X-U": {"u"}}, url.Values{"schema": {"openid"}}}},
		"underscores become dashes":       {c.Header.Upstream.IDToken, TokenHeader{"X-Id-Token", false}},
		"claim headers of both forms":     {c.Header.Upstream.Claims, []ClaimHeader{{"X-Email", []string{"user", "email"}}, {"X-Subject", []string{"sub"}}}},
		"null stops the access token":     {c.Header.Upstream.AccessToken, TokenHeader{}},
		"null hands out no token":         {c.Login.Gives(TokenID), false},
		"max_age 0 is not unset":          {c.Authorization.MaxAge, &zero},
		"cache_ttl is bounded":            {c.Cache.TTL, time.Minute},
		"no_proxy is a list":              {c.HTTP.NoProxy, []string{"a.test", "b.test"}},
		"a number from a reference":       {c.Store.Redis.Port, 6380},
		"a secret from a reference":       {c.Store.Redis.Password, secret.New("from-env")},
		"milliseconds":                    {c.Store.Redis.ReadTimeout, 1500 * time.Millisecond},
		"pinned algorithms":               {c.Own.SigningAlgs, []string{"ES256"}},
		"unresolved key sets are skipped": {c.Issuer.ExtraJWKS, []string{"https://keys.test/jwks"}},
	} {
		if diff := cmp.Diff(pair[1], pair[0], compare); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := oidc.NewProvider(c.Provider()); err != nil {
		t.Errorf("provider: %v", err)
	}
	if p := c.Provider(); p.HTTP.HTTPSProxy != "http://proxy.test:3128" || p.HTTP.InsecureSkipVerify || p.CacheTTL != time.Minute {
		t.Errorf("provider options %+v", p)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   object
		want string // "" for the positive control
	}{
		"a method that nobody has":                           {object{"auth_methods": list("session", "kerberos")}, "auth_methods.2: expected one of"},
		"a list of recognised methods is accepted":           {object{"auth_methods": list("session", "authorization_code")}, ""},
		"a login method that is not recognised":              {object{"login_methods": list("password")}, "login_methods.1: password is not supported"},
		"client assertions are accepted":                     {object{"client_auth": list("private_key_jwt")}, ""},
		"signed responses are accepted":                      {object{"response_mode": "query.jwt"}, ""},
		"fragment responses":                                 {object{"response_mode": "fragment"}, "response_mode: fragment is not supported"},
		"form_post is accepted":                              {object{"response_mode": "form_post"}, ""},
		"another response type":                              {object{"response_type": list("code", "id_token")}, "response_type: not supported"},
		"memcached":                                          {object{"session_storage": "memcached"}, "session_storage: memcached is not supported"},
		"memory is accepted":                                 {object{"session_storage": "memory"}, ""},
		"an issuer that is no URL":                           {object{"issuer": "idp"}, "issuer: expected an absolute http or https URL"},
		"an issuer with a fragment":                          {object{"issuer": "https://idp.test/#x"}, "issuer: a URL with a fragment"},
		"an issuer with a password":                          {object{"issuer": "https://u:p@idp.test"}, "issuer: a URL with user information"},
		"a script as redirect target":                        {object{"logout_redirect_uri": list("javascript:alert(1)")}, "logout_redirect_uri.1: expected an absolute"},
		"a relative redirect target":                         {object{"login_redirect_uri": list("//evil.test/")}, "login_redirect_uri.1: expected an absolute"},
		"a redirect target with a backslash":                 {object{"login_redirect_uri": list(`https://a.test\@evil.test`)}, "login_redirect_uri.1: expected an absolute"},
		"a redirect target with a backslash in its path":     {object{"login_redirect_uri": list(`https://a.test/\\evil.test`)}, "login_redirect_uri.1: expected an absolute"},
		"a redirect target with user information":            {object{"redirect_uri": list("https://a.test@evil.test/")}, "redirect_uri.1: a URL with user information"},
		"a redirect target with a tab":                       {object{"redirect_uri": list("https://a.test/\tx")}, "redirect_uri.1: expected an absolute"},
		"a redirect target with a fragment":                  {object{"redirect_uri": list("https://a.test/#")}, "redirect_uri.1: a URL with a fragment"},
		"a good redirect target is accepted":                 {object{"redirect_uri": list("https://a.test/cb?x=1")}, ""},
		"a redirect target that a reference leads to":        {object{"logout_redirect_uri": list("{vault://env/js}")}, "config.logout_redirect_uri.1: value of reference"},
		"lists that do not pair":                             {object{"token_post_args_names": list("a", "b"), "token_post_args_values": list("1")}, "token_post_args_values: must have as many elements as token_post_args_names"},
		"more elements than clients":                         {object{"client_id": list("a"), "client_secret": list("1", "2")}, "client_secret: has more elements than client_id"},
		"an argument that replaces state":                    {object{"authorization_query_args_names": list("state"), "authorization_query_args_values": list("x")}, "authorization_query_args_names.1: state is set by the plugin"},
		"a client argument that replaces redirect_uri":       {object{"authorization_query_args_client": list("login_hint", "redirect_uri")}, "authorization_query_args_client.2: redirect_uri is set by the plugin"},
		"a token argument that replaces the grant":           {object{"token_post_args_names": list("grant_type"), "token_post_args_values": list("x")}, "token_post_args_names.1: grant_type is set by the plugin"},
		"a header value with a line break":                   {object{"token_headers_names": list("x"), "token_headers_values": list("a\r\nb: c")}, "token_headers_values.1: a header value has no control characters"},
		"a header name with a space":                         {object{"token_headers_names": list("x y"), "token_headers_values": list("a")}, "token_headers_names.1: expected the name of a header"},
		"a header that frames the message":                   {object{"upstream_id_token_header": "content_length"}, "upstream_id_token_header: Content-Length cannot be set"},
		"a header with another scheme":                       {object{"upstream_id_token_header": "x:basic"}, "upstream_id_token_header: expected name or name:bearer"},
		"a __Host- cookie with a domain":                     {object{"session_cookie_name": "__Host-s", "session_cookie_domain": "a.test"}, `session_cookie_name: cookie name "__Host-s" needs Secure, path / and no domain`},
		"a __Host- cookie with another path":                 {object{"authorization_cookie_name": "__Host-a", "authorization_cookie_path": "/x"}, "authorization_cookie_name: "},
		"a __Secure- cookie that refuses Secure":             {object{"session_cookie_name": "__Secure-s", "session_cookie_secure": false}, "session_cookie_name: "},
		"SameSite None that refuses Secure":                  {object{"session_cookie_same_site": "None", "session_cookie_secure": false}, "session_cookie_name: cookie SameSite None needs Secure"},
		"a __Host- cookie of its kind is accepted":           {object{"session_cookie_name": "__Host-s", "authorization_cookie_name": "__Host-a"}, ""},
		"a cookie name that is no token":                     {object{"session_cookie_name": "a;b"}, "session_cookie_name: "},
		"a cookie domain with an attribute in it":            {object{"session_cookie_domain": "a.test; Path=/"}, "session_cookie_domain: "},
		"one name for both cookies":                          {object{"authorization_cookie_name": "session"}, "authorization_cookie_name: must differ from session_cookie_name"},
		"the name of a chunk for the key cookie":             {object{"authorization_cookie_name": "session3"}, "authorization_cookie_name: must differ from session_cookie_name"},
		"a name that merely begins alike is accepted":        {object{"authorization_cookie_name": "session_key"}, ""},
		"a logout argument that no method carries":           {object{"logout_post_arg": "logout", "logout_methods": list("GET")}, "logout_post_arg: needs POST or DELETE"},
		"a logout argument with POST is accepted":            {object{"logout_post_arg": "logout", "logout_methods": list("POST", "GET")}, ""},
		"an empty logout suffix, which every path ends with": {object{"logout_uri_suffix": ""}, "logout_uri_suffix: length must be at least 1"},
		"HS256 pinned while HS* is off":                      {object{"sallyport": object{"id_token_signing_algs": list("HS256")}}, "sallyport.id_token_signing_algs: HS256 needs enable_hs_signatures"},
		"HS256 pinned while HS* is on is accepted":           {object{"enable_hs_signatures": true, "sallyport": object{"id_token_signing_algs": list("HS256")}}, ""},
		"none as a signing algorithm":                        {object{"sallyport": object{"id_token_signing_algs": list("none")}}, "sallyport.id_token_signing_algs.1: expected one of"},
		"Redis without a host":                               {object{"session_storage": "redis", "redis": object{"host": nil}}, "redis.host: required"},
		"a cluster cache without a host":                     {object{"cluster_cache_strategy": "redis", "cluster_cache_redis": object{"host": nil}}, "cluster_cache_redis.host: required"},
		"a cluster cache of user info":                       {object{"cluster_cache_items": list("user_info")}, "cluster_cache_items.1: expected one of"},
		"a cluster cache behind sentinels":                   {object{"cluster_cache_redis": object{"sentinel_master": "a"}}, "cluster_cache_redis.sentinel_master: not supported"},
		"a socket in place of the host is accepted":          {object{"session_storage": "redis", "redis": object{"host": nil, "socket": "/run/redis.sock"}}, ""},
		"a negative timeout":                                 {object{"session_idling_timeout": -1}, "session_idling_timeout: value should be between 0 and"},
		"no time for calls to the provider":                  {object{"timeout": 0}, "timeout: value should be between 1 and"},
		"a claims rule without a word":                       {object{"scopes_required": list(" ")}, "scopes_required.1: expected at least one word"},
		"a claims rule is accepted":                          {object{"scopes_required": list("admin")}, ""},
		"authenticated groups are accepted":                  {object{"authenticated_groups_claim": list("groups")}, ""},
		"an anonymous consumer without a name":               {object{"anonymous": ""}, "anonymous: length must be at least 1"},
		"a consumer claim without a step":                    {object{"consumer_claims": list(list())}, "consumer_claims.1: expected a path of at least one step"},
		"principals":                                         {object{"principals": object{"enabled": true}}, "principals.enabled: not supported"},
		"an e-mail address as a domain":                      {object{"sallyport": object{"email_domains": list("a@b.example")}}, "sallyport.email_domains.1: expected a domain"},
		"no e-mail domain":                                   {object{"sallyport": object{"email_domains": list()}}, "sallyport.email_domains: length must be at least 1"},
		"two levels in one":                                  {object{"sallyport": object{"acr": list("a b")}}, "sallyport.acr.1: expected one word"},
		"an age that a login takes":                          {object{"sallyport": object{"max_age": 5}}, "sallyport.max_age: value should be between 10 and"},
		"a Redis cluster":                                    {object{"redis": object{"cluster_nodes": list(object{"ip": "a"})}}, "redis.cluster_nodes: not supported"},
		"a reference in an unsupported field":                {object{"redis": object{"sentinel_username": "{vault://env/id}"}}, "redis.sentinel_username: not supported"},
		"a scope with a line break":                          {object{"scopes": list("openid\nx")}, "scopes.1: expected a scope"},
		"a port whose reference is none":                     {object{"redis": object{"port": "{vault://env/word}"}}, "config.redis.port: value of reference"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(t, c.in)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && err == nil:
				t.Errorf("accepted, want %q", c.want)
			case c.want != "" && !strings.Contains(err.Error(), c.want):
				t.Errorf("error %q\nwant  %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error shows a resolved value: %v", err)
			}
		})
	}
}

func TestProtectedParameters(t *testing.T) {
	t.Parallel()
	for field, names := range map[string][]string{
		"authorization_query_args": {
			"state", "nonce", "redirect_uri", "response_type", "response_mode", "client_id", "code_challenge",
			"code_challenge_method", "request", "request_uri",
		},
		"token_post_args": {
			"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "client_id", "client_secret",
			"client_assertion", "client_assertion_type",
		},
		"userinfo_query_args": {"access_token"},
	} {
		for _, name := range names {
			in := object{field + "_names": list(name), field + "_values": list("x")}
			if _, err := compile(t, in); err == nil {
				t.Errorf("%s may set %s", field, name)
			}
		}
		if _, err := compile(t, object{field + "_names": list("prompt"), field + "_values": list("x")}); err != nil {
			t.Errorf("%s may not set prompt: %v", field, err)
		}
	}
}

func TestErrorOfNewNamesTheField(t *testing.T) {
	t.Parallel()
	_, err := compile(t, object{"redis": object{"port": "{vault://env/word}"}})
	var errs schema.Errors
	if !errors.As(err, &errs) {
		t.Fatalf("error is a %T", err)
	}
	if _, ok := errs["config"].(schema.Errors)["redis"].(schema.Errors)["port"].(string); !ok {
		t.Errorf("fields %v", errs)
	}
}

func TestUnresolvedReferencesCountAsEmpty(t *testing.T) {
	t.Parallel()
	c := compiled(t, object{"issuer": "{vault://env/no}", "session_secret": "{vault://env/no}"})
	if c.Issuer.Issuer != "" || !c.Session.Secret.Empty() {
		t.Errorf("issuer %q, secret empty %v", c.Issuer.Issuer, c.Session.Secret.Empty())
	}
	all := strings.Join(c.Warnings, "\n")
	for _, name := range []string{"config.issuer: ", "config.session_secret: "} {
		if !strings.Contains(all, name) {
			t.Errorf("warnings do not name %s:\n%s", name, all)
		}
	}
}

func TestUnresolvedRedisHostIsNotLocalhost(t *testing.T) {
	t.Parallel()
	in := object{"session_storage": "redis", "redis": object{"host": "{vault://env/no}"}}
	if _, err := compile(t, in); err == nil || !strings.Contains(err.Error(), "config.redis.host: required") {
		t.Errorf("error %v", err)
	}
	in["redis"] = object{"host": "{vault://env/id}"}
	if c := compiled(t, in); c.Store.Redis.Host != "from-env" {
		t.Errorf("host %q", c.Store.Redis.Host)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	sound := compiled(t, object{"audience_required": list("api"), "client_id": list("a"), "session_secret": "0123456789abcdef0123456789abcdef"})
	if len(sound.Warnings) > 0 {
		t.Errorf("warnings about a sound configuration: %q", sound.Warnings)
	}
	c := compiled(t, object{
		"auth_methods": nil, "ignore_signature": list("password"), "introspection_check_active": false, "session_secret": "hunter2", "verify_signature": false, "verify_claims": false, "verify_nonce": false, "ssl_verify": false,
		"session_storage": "redis", "redis": object{"ssl": true, "ssl_verify": false},
	})
	all := strings.Join(c.Warnings, "\n")
	for _, name := range []string{"auth_methods", "ignore_signature", "introspection_check_active", "client_id", "session_secret", "verify_signature", "verify_claims", "verify_nonce", "config.ssl_verify", "redis.ssl_verify"} {
		if !strings.Contains(all, name) {
			t.Errorf("no warning about %s", name)
		}
	}
	if strings.Contains(all, "hunter2") {
		t.Error("a warning shows the secret")
	}
	shared := compiled(t, object{
		"cluster_cache_strategy": "redis", "cluster_cache_items": list("introspection", "tokens"), "cache_tokens": false, "cache_introspection": false,
		"cluster_cache_redis": object{"ssl": true, "ssl_verify": false},
	})
	all = strings.Join(shared.Warnings, "\n")
	for _, name := range []string{"config.session_secret: not set", "cluster_cache_redis.ssl_verify", "as cache_introspection is off", "as cache_tokens is off"} {
		if !strings.Contains(all, name) {
			t.Errorf("no warning about %s", name)
		}
	}
	anybody := compiled(t, object{"client_id": list("a"), "session_secret": "0123456789abcdef0123456789abcdef", "auth_methods": list("bearer")})
	if len(anybody.Warnings) != 1 || !strings.Contains(anybody.Warnings[0], "audience_required") {
		t.Errorf("warnings about bearer tokens for whomever: %q", anybody.Warnings)
	}
}

func TestPolicyFollowsWhatWeakensVerification(t *testing.T) {
	t.Parallel()
	strict := compiled(t, nil).Policy()
	for name, v := range map[string]any{
		"verify_signature": false, "verify_claims": false, "verify_nonce": false, "enable_hs_signatures": true, "leeway": 5,
		"ignore_signature": list("password"), "introspection_check_active": false, "introspection_endpoint": "https://other.test/introspect",
		"ssl_verify": false, "using_pseudo_issuer": true, "issuers_allowed": list("https://other.test"),
		"jwks_endpoint": "https://other.test/jwks", "extra_jwks_uris": list("https://other.test/jwks"),
		"token_endpoint": "https://other.test/token", "userinfo_endpoint": "https://other.test/userinfo",
		"https_proxy": "http://proxy.test", "sallyport": object{"id_token_signing_algs": list("RS256")},
	} {
		if compiled(t, object{name: v}).Policy() == strict {
			t.Errorf("%s does not change the policy", name)
		}
	}
	for name, v := range map[string]any{"scopes": list("openid", "email"), "login_action": "redirect", "session_cookie_name": "s"} {
		if compiled(t, object{name: v}).Policy() != strict {
			t.Errorf("%s changes the policy", name)
		}
	}
	a := compiled(t, object{"issuers_allowed": list("https://a.test", "https://b.test")}).Policy()
	if b := compiled(t, object{"issuers_allowed": list("https://b.test", "https://a.test")}).Policy(); a != b {
		t.Errorf("the order of a list changes the policy:\n%s\n%s", a, b)
	}
}

func TestPrepareFillsOnlyWhatIsAbsent(t *testing.T) {
	t.Parallel()
	absent, null, given := object{}, object{"cache_tokens_salt": nil}, object{"cache_tokens_salt": "mine"}
	for _, v := range []object{absent, null, given} {
		Prepare(v)
	}
	if salt, _ := absent["cache_tokens_salt"].(string); len(salt) < 20 {
		t.Errorf("generated %q", salt)
	}
	if null["cache_tokens_salt"] != nil || given["cache_tokens_salt"] != "mine" {
		t.Errorf("changed %v, %v", null, given)
	}
}
