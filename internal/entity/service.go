package entity

import (
	"net/url"
	"strconv"

	"sallyport/internal/schema"
)

func serviceKind() *Kind {
	return &Kind{
		Name: Services, Singular: "service", Collection: Services, Lookup: "name",
		Record: serviceRecord(),
		Foreign: []Foreign{
			{Field: "client_certificate", Kind: Certificates, OnDelete: Restrict},
		},
		Lists:  []Foreign{{Field: "ca_certificates", Kind: CACertificates, OnDelete: Restrict}},
		Unique: [][]string{{"name"}},
	}
}

func serviceRecord() *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			idField(), createdField(), updatedField(),
			nameField("name", "The service's unique name."),
			schema.Int("retries", nil, defaultRetries).Between(0, 32767).
				Doc("How many attempts follow a failed first one."),
			schema.String("protocol", nil, "http").OneOf(protocols[:]...).Required().
				Doc("The protocol spoken with the upstream."),
			schema.String("host", nil).Required().Check(checkHost).
				Doc("The upstream's host name or IP address, without a port."),
			schema.Int("port", nil, 80).Between(0, 65535).Required().
				Doc("The upstream's port."),
			schema.String("path", nil).Check(checkServicePath).
				Doc("What is put in front of the path of each request."),
			millis("connect_timeout", "How long a connection may take to be made, in milliseconds."),
			millis("write_timeout", "How long sending may stand still, in milliseconds."),
			millis("read_timeout", "How long receiving may stand still, in milliseconds."),
			tagsField(),
			schema.Foreign("client_certificate", Certificates).
				Doc("The certificate shown to the upstream."),
			schema.OptBool("tls_verify", nil).
				Doc("Whether the upstream's certificate is verified; null leaves it to the node."),
			schema.OptInt("tls_verify_depth", nil).Between(0, 64).
				Doc("How many intermediate certificates are allowed between the upstream's and its authority's; null allows any number."),
			schema.Array("ca_certificates", (&schema.Field{Type: schema.TypeString}).UUID()).
				Doc("The ids of the ca_certificates that alone may vouch for this upstream. They turn verification on, unless tls_verify is false."),
			schema.Bool("enabled", nil, true).Required().
				Doc("Whether the service's routes take part in routing."),
		},
		Checks: []schema.Check{
			conditionalOnProtocol("path", protocolIn("tcp", "tls", "tls_passthrough", "udp", "grpc", "grpcs")),
			conditionalOnProtocol("client_certificate", withoutTLS),
			conditionalOnProtocol("tls_verify", withoutTLS),
			conditionalOnProtocol("tls_verify_depth", withoutTLS),
			conditionalOnProtocol("ca_certificates", withoutTLS),
		},
		Shorthands: []schema.Shorthand{
			{Name: "url", Type: schema.TypeString, Expand: expandURL},
		},
	}
}

func protocolIn(names ...string) func(v map[string]any) bool {
	return func(v map[string]any) bool {
		for _, name := range names {
			if v["protocol"] == name {
				return true
			}
		}
		return false
	}
}

func withoutTLS(v map[string]any) bool { return !protocolIn("https", "tls")(v) }

// expandURL turns the shorthand url into protocol, host, port and path. What
// cannot be read as a URL with a host leaves the host null, and that is what
// the message is about.
func expandURL(v any) (map[string]any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return map[string]any{"host": nil}, nil
	}
	out := map[string]any{"protocol": "http", "host": nil, "port": int64(80), "path": nil}
	switch port := u.Port(); {
	case port != "":
		n, err := strconv.ParseInt(port, 10, 64)
		if err != nil {
			n = -1
		}
		out["port"] = n
		if n == 443 {
			out["protocol"] = "https"
		}
	case u.Scheme == "https":
		out["port"] = int64(443)
	}
	if u.Scheme != "" {
		out["protocol"] = u.Scheme
	}
	if host := u.Hostname(); host != "" {
		out["host"] = host
	}
	if path := u.EscapedPath(); path != "" {
		out["path"] = path
	}
	return out, nil
}
