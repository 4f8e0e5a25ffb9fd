package entity

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/schema"
)

func routeKind() *Kind {
	common, grpc := routeRecord(true), routeRecord(false)
	return &Kind{
		Name: Routes, Singular: "route", Collection: Routes, Lookup: "name",
		Record: common,
		Foreign: []Foreign{
			{Field: "service", Kind: Services, OnDelete: Restrict},
		},
		Unique: [][]string{{"name"}},
		variant: func(in map[string]any) *schema.Record {
			if first := firstProtocol(in); first == "grpc" || first == "grpcs" {
				return grpc
			}
			return common
		},
	}
}

// firstProtocol is the first of the entity's protocols; it decides by which
// rules a route is judged.
func firstProtocol(v map[string]any) string {
	all, _ := v["protocols"].([]any)
	if len(all) == 0 {
		return ""
	}
	first, _ := all[0].(string)
	return first
}

func routeRecord(stripPath bool) *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			idField(), createdField(), updatedField(),
			nameField("name", "The route's unique name."),
			protocolsField([]string{"http", "https"}).LenMin(1).Check(checkProtocolGroups).
				Doc("The protocols that the route serves."),
			schema.Set("methods", nil).CheckEach(checkMethod).
				Doc("The HTTP methods that the route serves."),
			schema.Strings("hosts", nil).CheckEach(checkRouteHost).
				Doc("The hosts that the route serves, with at most one * as the first or last label."),
			schema.Strings("paths", nil).CheckEach(checkRoutePath).
				Doc("The path prefixes that the route serves, or regular expressions after a ~."),
			schema.Map("headers",
				(&schema.Field{Type: schema.TypeString}).LenMin(0).Check(checkHeaderName),
				schema.Strings("", nil)).
				Doc("Header fields that a request must have, each with one of the values."),
			schema.Int("https_redirect_status_code", nil, defaultRedirectStatus).Required().Check(checkRedirectStatus).
				Doc("The answer to a plain request on a route that serves https only: 426, 301, 302, 307 or 308."),
			schema.Int("regex_priority", nil, 0).
				Doc("Which of several matching regular expressions wins: the highest."),
			schema.Bool("strip_path", nil, stripPath).Required().
				Doc("Whether the matched prefix is removed from the path."),
			schema.String("path_handling", nil, "v0").OneOf("v0", "v1").
				Doc("How paths are joined; v1 acts like v0."),
			schema.Bool("preserve_host", nil, false).Required().
				Doc("Whether the upstream gets the client's Host."),
			schema.Bool("request_buffering", nil, true).Required().
				Doc("Without effect: request bodies are always streamed."),
			schema.Bool("response_buffering", nil, true).Required().
				Doc("Whether response bodies are buffered."),
			schema.Set("snis", nil).CheckEach(checkSNI).
				Doc("The TLS server names that the route serves."),
			endpointsField("sources").Doc("Where connections come from; stream routes only."),
			endpointsField("destinations").Doc("Where connections go to; stream routes only."),
			tagsField(),
			schema.Foreign("service", Services).
				Doc("The service that requests are sent to."),
		},
		Checks: []schema.Check{snisNeedTLS(), mustMatchSomething(), fitsProtocols()},
	}
}

// endpointsField is a set of addresses of stream routes.
func endpointsField(name string) *schema.Field {
	return schema.SetOf(name, schema.RecordField("", &schema.Record{
		Fields: []*schema.Field{
			schema.String("ip", nil).Check(checkNetwork),
			schema.OptInt("port", nil).Between(0, 65535),
		},
		Checks: []schema.Check{atLeastOneOf("ip", "port")},
	}))
}

// protocolGroups do not mix in one route.
var protocolGroups = [...][]string{{"http", "https"}, {"tcp", "tls", "udp"}, {"tls_passthrough"}, {"grpc", "grpcs"}}

func checkProtocolGroups(v any) error {
	all, _ := v.([]any)
	var found []string
	for _, p := range all {
		for _, group := range protocolGroups {
			name, _ := p.(string)
			text := "(" + quoted(group) + ")"
			if slices.Contains(group, name) && !slices.Contains(found, text) {
				found = append(found, text)
			}
		}
	}
	if len(found) > 1 {
		return fmt.Errorf("these sets are mutually exclusive: %s", strings.Join(found, ", "))
	}
	return nil
}

func checkRedirectStatus(v any) error {
	switch v {
	case int64(426), int64(301), int64(302), int64(307), int64(308):
		return nil
	}
	return constError("expected one of: 426, 301, 302, 307, 308")
}

func snisNeedTLS() schema.Check {
	const message = "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'"
	return schema.Check{
		Fields: []string{"protocols", "snis"},
		Describe: map[string]any{"conditional": map[string]any{
			"if_field": "protocols", "then_field": "snis", "then_match": map[string]any{"len_eq": 0}, "then_err": message,
		}},
		Run: func(v map[string]any) []schema.Violation {
			if !isSet(v["snis"]) || has(v, "grpcs") || has(v, "https") || has(v, "tls") || has(v, "tls_passthrough") {
				return nil
			}
			return []schema.Violation{{Message: message}, {Field: "snis", Message: "length must be 0"}}
		},
	}
}

// mustMatchSomething refuses a route that would match every request of its
// protocols, or, without any condition, none.
func mustMatchSomething() schema.Check {
	return schema.Check{
		Fields: []string{"protocols", "methods", "hosts", "headers", "paths", "snis", "sources", "destinations"},
		Run: func(v map[string]any) []schema.Violation {
			fields, name := matchFields(v)
			if fields == nil || anySet(v, fields...) {
				return nil
			}
			what := "one of " + quoted(fields)
			if len(fields) == 1 {
				what = fields[0]
			}
			return []schema.Violation{{
				Message: fmt.Sprintf("must set %s when 'protocols' is %s", what, name),
			}}
		},
	}
}

// matchFields are those of which a route needs one, and how its protocols are
// called in the message.
func matchFields(v map[string]any) (fields []string, name string) {
	switch firstProtocol(v) {
	case "http", "https":
		if has(v, "https") {
			return []string{"methods", "hosts", "headers", "paths", "snis"}, "'https'"
		}
		return []string{"methods", "hosts", "headers", "paths"}, "'http'"
	case "grpc", "grpcs":
		if has(v, "grpcs") {
			return []string{"hosts", "headers", "paths", "snis"}, "'grpcs'"
		}
		return []string{"hosts", "headers", "paths"}, "'grpc'"
	case "tcp", "tls", "udp":
		return []string{"sources", "destinations", "snis"}, "'tcp', 'tls' or 'udp'"
	case "tls_passthrough":
		return []string{"snis"}, "'tls_passthrough'"
	}
	return nil, ""
}

// fitsProtocols refuses fields that mean nothing for the route's protocols.
func fitsProtocols() schema.Check {
	return schema.Check{
		Fields: []string{"protocols"},
		Run: func(v map[string]any) []schema.Violation {
			var refused []string
			var name string
			switch firstProtocol(v) {
			case "http", "https":
				refused, name = []string{"sources", "destinations"}, "'http' or 'https'"
			case "grpc", "grpcs":
				refused, name = []string{"methods", "sources", "destinations"}, "'grpc' or 'grpcs'"
				if v["strip_path"] == true {
					refused = append(refused, "strip_path")
				}
			case "tcp", "tls", "udp", "tls_passthrough":
				refused, name = []string{"methods", "hosts", "paths", "headers"}, "'tcp', 'tls', 'tls_passthrough' or 'udp'"
			}
			var found []schema.Violation
			for _, field := range refused {
				if isSet(v[field]) {
					found = append(found, schema.Violation{
						Field:   field,
						Message: fmt.Sprintf("cannot set '%s' when 'protocols' is %s", field, name),
					})
				}
			}
			return found
		},
	}
}

// has reports whether protocol is one of the entity's.
func has(v map[string]any, protocol string) bool {
	all, _ := v["protocols"].([]any)
	return slices.Contains(all, any(protocol))
}
