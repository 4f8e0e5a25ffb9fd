package config

import (
	"slices"
	"strings"

	"sallyport/internal/schema"
)

// checks are the rules between fields. Names of fields stand for themselves:
// they are what a refusal shows.
func checks() []schema.Check {
	return []schema.Check{
		checkPair("discovery_headers_names", "discovery_headers_values"),
		checkPair("authorization_query_args_names", "authorization_query_args_values"),
		checkPair("token_headers_names", "token_headers_values"),
		checkPair("token_post_args_names", "token_post_args_values"),
		checkPair("userinfo_headers_names", "userinfo_headers_values"),
		checkPair("userinfo_query_args_names", "userinfo_query_args_values"),
		checkPair("introspection_headers_names", "introspection_headers_values"),
		checkPair("introspection_post_args_names", "introspection_post_args_values"),
		checkPair("upstream_headers_names", "upstream_headers_claims"),
		checkPair("downstream_headers_names", "downstream_headers_claims"),
		checkBearerCookie(),
		checkCookie("session_cookie_"),
		checkCookie("authorization_cookie_"),
		checkCookieNames(),
		checkPerClient(),
		checkClientIDs(),
		checkClientKeys(),
		checkClientCertificate(),
		checkLogoutBody(),
		checkAlgorithms(),
		checkExchange(),
		checkRedis("redis", "session_storage"),
		checkRedis("cluster_cache_redis", "cluster_cache_strategy"),
		checkPossession(),
	}
}

// perClient are the lists that stand beside client_id.
func perClient() []string {
	return []string{
		"client_secret", "client_auth", "client_alg", "client_jwk", "redirect_uri", "login_redirect_uri", "logout_redirect_uri",
		"unauthorized_redirect_uri", "forbidden_redirect_uri", "unexpected_redirect_uri",
	}
}

// checkPerClient refuses elements that belong to no client.
func checkPerClient() schema.Check {
	return schema.Check{Fields: append(perClient(), "client_id"), Run: func(v map[string]any) []schema.Violation {
		clients, _ := v["client_id"].([]any)
		if len(clients) == 0 {
			return nil
		}
		var out []schema.Violation
		for _, name := range perClient() {
			if list, _ := v[name].([]any); len(list) > len(clients) {
				out = append(out, schema.Violation{Field: name, Message: "has more elements than client_id"})
			}
		}
		return out
	}}
}

// checkLogoutBody refuses a logout trigger that no allowed method can carry:
// people would believe themselves logged out.
func checkLogoutBody() schema.Check {
	const arg, methods = "logout_post_arg", "logout_methods"
	return schema.Check{Fields: []string{arg, methods}, Run: func(v map[string]any) []schema.Violation {
		list, _ := v[methods].([]any)
		if v[arg] == nil || slices.Contains(list, any("POST")) || slices.Contains(list, any("DELETE")) {
			return nil
		}
		return []schema.Violation{{Field: arg, Message: "needs POST or DELETE in " + methods}}
	}}
}

// checkBearerCookie demands a name for the cookie that is to be looked at.
func checkBearerCookie() schema.Check {
	const places, name = "bearer_token_param_type", "bearer_token_cookie_name"
	return schema.Check{Fields: []string{places, name}, Run: func(v map[string]any) []schema.Violation {
		list, _ := v[places].([]any)
		if v[name] != nil || !slices.Contains(list, any(string(PlaceCookie))) {
			return nil
		}
		return []schema.Violation{{Field: name, Message: "required when cookie is in " + places}}
	}}
}

// checkAlgorithms refuses to pin ID Tokens to algorithms that are switched
// off.
func checkAlgorithms() schema.Check {
	return schema.Check{Fields: []string{"sallyport", "enable_hs_signatures"}, Run: func(v map[string]any) []schema.Violation {
		own, _ := v["sallyport"].(map[string]any)
		if enabled, _ := v["enable_hs_signatures"].(bool); enabled {
			return nil
		}
		for _, name := range []string{"id_token_signing_algs", "access_token_signing_algs"} {
			list, _ := own[name].([]any)
			for _, item := range list {
				if alg, _ := item.(string); strings.HasPrefix(alg, "HS") {
					return []schema.Violation{{Field: "sallyport." + name, Message: alg + " needs enable_hs_signatures"}}
				}
			}
		}
		return nil
	}}
}

// checkRedis demands an address of the Redis in record where the setting user
// says that it is used.
func checkRedis(record, user string) schema.Check {
	return schema.Check{Fields: []string{record, user}, Run: func(v map[string]any) []schema.Violation {
		redis, ok := v[record].(map[string]any)
		if !ok || v[user] != "redis" || redis["socket"] != nil {
			return nil
		}
		why := "required when " + user + " is redis"
		if record == "redis" {
			why += " and redis.socket is not set"
		}
		for _, name := range []string{"host", "port"} {
			if redis[name] == nil {
				return []schema.Violation{{Field: record + "." + name, Message: why}}
			}
		}
		return nil
	}}
}
