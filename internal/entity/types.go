package entity

import (
	"time"

	"sallyport/internal/secret"
)

// Service is where requests are sent to.
type Service struct {
	ID, Name string
	// Protocol is one of http, https, grpc, grpcs, tcp, tls, tls_passthrough
	// and udp.
	Protocol string
	// Host is a host name or an IP address without a port.
	Host string
	// Port is 0 to 65535.
	Port int
	// Path is empty, or begins with a slash.
	Path string
	// Retries is the number of attempts after the first, 0 to 32767.
	Retries                                   int
	ConnectTimeout, ReadTimeout, WriteTimeout time.Duration
	// Enabled false takes the routes of the service out of the router.
	Enabled bool
	// TLSVerify is nil when unset.
	TLSVerify *bool
	// TLSVerifyDepth is how many intermediate certificates are allowed, nil for
	// any number.
	TLSVerifyDepth *int
	// CertificateID is the certificate that is shown to the upstream, CAIDs are
	// the authorities that it is verified by; empty for none and the system's.
	CertificateID string
	CAIDs         []string
	Tags          []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// Route chooses requests. A nil or empty list is a class that is not used.
type Route struct {
	ID, Name string
	// ServiceID is empty for a route without a service.
	ServiceID                        string
	Protocols, Methods, Hosts, Paths []string
	// Headers holds the accepted values by header name, as configured.
	Headers                 map[string][]string
	SNIs                    []string
	RegexPriority           int
	StripPath, PreserveHost bool
	// PathHandling is v0 or v1.
	PathHandling string
	// HTTPSRedirectStatusCode is 426, 301, 302, 307 or 308.
	HTTPSRedirectStatusCode             int
	RequestBuffering, ResponseBuffering bool
	Tags                                []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// Plugin is one configured instance. Empty foreign ids widen its scope; with
// none of them it is global.
type Plugin struct {
	ID, Name, InstanceName         string
	ServiceID, RouteID, ConsumerID string
	// ConsumerGroupID restricts it to the members of a group.
	ConsumerGroupID string
	// Config is the normalised config record: all fields present, defaults
	// filled, references unresolved. It is shared and must not be changed.
	Config    map[string]any
	Protocols []string
	Enabled   bool
	Tags      []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// Consumer is a known user of services.
type Consumer struct {
	ID, Username, CustomID string
	Tags                   []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// Certificate is shown to TLS clients. Its texts are PEM, or references.
type Certificate struct {
	ID   string
	Cert string
	Key  secret.String
	// CertAlt and KeyAlt are empty, or a pair with another type of key.
	CertAlt string
	KeyAlt  secret.String
	Tags    []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// ConsumerGroup is a set of consumers for which plugins are configured.
type ConsumerGroup struct {
	ID, Name string
	Tags     []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// SNI is a server name for which a certificate is shown.
type SNI struct {
	ID, Name, CertificateID string
	Tags                    []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// CACertificate is an authority.
type CACertificate struct {
	ID string
	// Cert is PEM, Digest its SHA-256 in hexadecimal digits.
	Cert, Digest string
	Tags         []string
	// CreatedAt is in seconds since 1970.
	CreatedAt int64
}

// Membership says that a consumer is in a group.
type Membership struct{ ConsumerID, ConsumerGroupID string }

// ACL names a group of the acl plugin in which a consumer is.
type ACL struct{ ID, ConsumerID, Group string }

// KeyAuth is a key by which a consumer is known.
type KeyAuth struct {
	ID, ConsumerID string
	Key            secret.String
	// Expires is in seconds since 1970, 0 for never.
	Expires int64
}

// OAuth2Credential is that of an application of a consumer's.
type OAuth2Credential struct{ ID, ConsumerID, ClientID string }

// OAuth2Token is an access token that an application holds.
type OAuth2Token struct {
	ID, CredentialID string
	// ServiceID names the only service at which it counts; empty means all.
	ServiceID   string
	AccessToken secret.String
	// UserID is the user who allowed it, Scope what it is for.
	UserID, Scope string
	// Expires is in seconds since 1970, 0 for never.
	Expires int64
}

// Set is a whole configuration, ascending by id within each list. It is
// immutable once built.
type Set struct {
	Services  []*Service
	Routes    []*Route
	Plugins   []*Plugin
	Consumers []*Consumer

	Certificates   []*Certificate
	SNIs           []*SNI
	CACertificates []*CACertificate

	ConsumerGroups []*ConsumerGroup
	Memberships    []Membership
	ACLs           []ACL
	KeyAuths       []*KeyAuth

	OAuth2Credentials []*OAuth2Credential
	OAuth2Tokens      []*OAuth2Token
}
