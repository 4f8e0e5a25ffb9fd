package entity

import (
	"time"

	"sallyport/internal/secret"
)

// DecodeService reads a normalised object.
func DecodeService(v map[string]any) *Service {
	return &Service{
		ID: text(v, "id"), Name: text(v, "name"), Protocol: text(v, "protocol"),
		Host: text(v, "host"), Port: number(v, "port", 0), Path: text(v, "path"), Retries: number(v, "retries", defaultRetries),
		ConnectTimeout: milliseconds(v, "connect_timeout"),
		ReadTimeout:    milliseconds(v, "read_timeout"),
		WriteTimeout:   milliseconds(v, "write_timeout"),
		Enabled:        flag(v, "enabled"), TLSVerify: optionalFlag(v, "tls_verify"),
		TLSVerifyDepth: optionalNumber(v, "tls_verify_depth"), CertificateID: ForeignID(v, "client_certificate"),
		CAIDs: texts(v, "ca_certificates"),
		Tags:  texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeRoute reads a normalised object.
func DecodeRoute(v map[string]any) *Route {
	r := &Route{
		ID: text(v, "id"), Name: text(v, "name"), ServiceID: ForeignID(v, "service"),
		Protocols: texts(v, "protocols"), Methods: texts(v, "methods"), Hosts: texts(v, "hosts"),
		Paths: texts(v, "paths"), SNIs: texts(v, "snis"), RegexPriority: number(v, "regex_priority", 0),
		StripPath: flag(v, "strip_path"), PreserveHost: flag(v, "preserve_host"),
		PathHandling:            text(v, "path_handling"),
		HTTPSRedirectStatusCode: number(v, "https_redirect_status_code", defaultRedirectStatus),
		RequestBuffering:        flag(v, "request_buffering"), ResponseBuffering: flag(v, "response_buffering"),
		Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
	if headers, ok := v["headers"].(map[string]any); ok {
		r.Headers = make(map[string][]string, len(headers))
		for name := range headers {
			r.Headers[name] = texts(headers, name)
		}
	}
	return r
}

// DecodePlugin reads a normalised object. Config is shared with v.
func DecodePlugin(v map[string]any) *Plugin {
	config, _ := v["config"].(map[string]any)
	return &Plugin{
		ID: text(v, "id"), Name: text(v, "name"), InstanceName: text(v, "instance_name"),
		ServiceID: ForeignID(v, "service"), RouteID: ForeignID(v, "route"), ConsumerID: ForeignID(v, "consumer"),
		ConsumerGroupID: ForeignID(v, "consumer_group"),
		Config:          config, Protocols: texts(v, "protocols"), Enabled: flag(v, "enabled"),
		Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeConsumer reads a normalised object.
func DecodeConsumer(v map[string]any) *Consumer {
	return &Consumer{
		ID: text(v, "id"), Username: text(v, "username"), CustomID: text(v, "custom_id"),
		Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeCertificate reads a normalised object.
func DecodeCertificate(v map[string]any) *Certificate {
	return &Certificate{
		ID: text(v, "id"), Cert: text(v, "cert"), Key: secret.New(text(v, "key")),
		CertAlt: text(v, "cert_alt"), KeyAlt: secret.New(text(v, "key_alt")),
		Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeSNI reads a normalised object.
func DecodeSNI(v map[string]any) *SNI {
	return &SNI{
		ID: text(v, "id"), Name: text(v, "name"), CertificateID: ForeignID(v, "certificate"),
		Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeCACertificate reads a normalised object.
func DecodeCACertificate(v map[string]any) *CACertificate {
	return &CACertificate{
		ID: text(v, "id"), Cert: text(v, "cert"), Digest: text(v, "cert_digest"),
		Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeConsumerGroup reads a normalised object.
func DecodeConsumerGroup(v map[string]any) *ConsumerGroup {
	return &ConsumerGroup{
		ID: text(v, "id"), Name: text(v, "name"), Tags: texts(v, "tags"), CreatedAt: int64(number(v, "created_at", 0)),
	}
}

// DecodeKeyAuth reads a normalised object.
func DecodeKeyAuth(v map[string]any) *KeyAuth {
	k := &KeyAuth{ID: text(v, "id"), ConsumerID: ForeignID(v, "consumer"), Key: secret.New(text(v, "key"))}
	if ttl := number(v, "ttl", 0); ttl > 0 {
		k.Expires = int64(number(v, "created_at", 0)) + int64(ttl)
	}
	return k
}

// DecodeOAuth2Credential reads a normalised object.
func DecodeOAuth2Credential(v map[string]any) *OAuth2Credential {
	return &OAuth2Credential{ID: text(v, "id"), ConsumerID: ForeignID(v, "consumer"), ClientID: text(v, "client_id")}
}

// DecodeOAuth2Token reads a normalised object. It ends with expires_in or with
// ttl, whichever is sooner.
func DecodeOAuth2Token(v map[string]any) *OAuth2Token {
	t := &OAuth2Token{
		ID: text(v, "id"), CredentialID: ForeignID(v, "credential"), ServiceID: ForeignID(v, "service"),
		AccessToken: secret.New(text(v, "access_token")), UserID: text(v, "authenticated_userid"), Scope: text(v, "scope"),
	}
	for _, name := range []string{"expires_in", "ttl"} {
		if life := number(v, name, 0); life != 0 {
			end := int64(number(v, "created_at", 0)) + int64(life)
			if t.Expires == 0 || end < t.Expires {
				t.Expires = end
			}
		}
	}
	return t
}

// Add decodes a normalised object of that kind into the set. It reports false
// for a kind that it does not know.
func (s *Set) Add(kind string, v map[string]any) bool {
	switch kind {
	case Services:
		s.Services = append(s.Services, DecodeService(v))
	case Routes:
		s.Routes = append(s.Routes, DecodeRoute(v))
	case Plugins:
		s.Plugins = append(s.Plugins, DecodePlugin(v))
	case Consumers:
		s.Consumers = append(s.Consumers, DecodeConsumer(v))
	case Certificates:
		s.Certificates = append(s.Certificates, DecodeCertificate(v))
	case SNIs:
		s.SNIs = append(s.SNIs, DecodeSNI(v))
	case CACertificates:
		s.CACertificates = append(s.CACertificates, DecodeCACertificate(v))
	case ConsumerGroups:
		s.ConsumerGroups = append(s.ConsumerGroups, DecodeConsumerGroup(v))
	case Memberships:
		s.Memberships = append(s.Memberships, Membership{ForeignID(v, "consumer"), ForeignID(v, "consumer_group")})
	case ACLs:
		s.ACLs = append(s.ACLs, ACL{ID: text(v, "id"), ConsumerID: ForeignID(v, "consumer"), Group: text(v, "group")})
	case KeyAuths:
		s.KeyAuths = append(s.KeyAuths, DecodeKeyAuth(v))
	case OAuth2Credentials:
		s.OAuth2Credentials = append(s.OAuth2Credentials, DecodeOAuth2Credential(v))
	case OAuth2Tokens:
		s.OAuth2Tokens = append(s.OAuth2Tokens, DecodeOAuth2Token(v))
	default:
		return false
	}
	return true
}

// ForeignID is the id that a reference of a normalised object holds, empty for
// null.
func ForeignID(v map[string]any, field string) string {
	ref, _ := v[field].(map[string]any)
	return text(ref, "id")
}

func text(v map[string]any, name string) string {
	s, _ := v[name].(string)
	return s
}

// number returns def for null: a value that was cleared must not come out as
// a zero that nobody asked for.
func number(v map[string]any, name string, def int) int {
	if n, ok := v[name].(int64); ok {
		return int(n)
	}
	return def
}

func milliseconds(v map[string]any, name string) time.Duration {
	return time.Duration(number(v, name, defaultMillis)) * time.Millisecond
}

func flag(v map[string]any, name string) bool {
	b, _ := v[name].(bool)
	return b
}

func optionalFlag(v map[string]any, name string) *bool {
	if b, ok := v[name].(bool); ok {
		return &b
	}
	return nil
}

func optionalNumber(v map[string]any, name string) *int {
	if n, ok := v[name].(int64); ok {
		i := int(n)
		return &i
	}
	return nil
}

func texts(v map[string]any, name string) []string {
	all, _ := v[name].([]any)
	if len(all) == 0 {
		return nil
	}
	out := make([]string, 0, len(all))
	for _, item := range all {
		s, _ := item.(string)
		out = append(out, s)
	}
	return out
}
