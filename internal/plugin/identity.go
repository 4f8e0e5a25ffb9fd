package plugin

import (
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// Headers by which the upstream learns who the consumer is.
const (
	HeaderConsumerID          = "X-Consumer-Id"
	HeaderConsumerUsername    = "X-Consumer-Username"
	HeaderConsumerCustomID    = "X-Consumer-Custom-Id"
	HeaderCredential          = "X-Credential-Identifier" //nolint:gosec // the name of a header
	HeaderAnonymous           = "X-Anonymous-Consumer"
	HeaderConsumerGroups      = "X-Consumer-Groups"
	HeaderAuthenticatedGroups = "X-Authenticated-Groups"
	HeaderAuthenticatedScope  = "X-Authenticated-Scope"
	HeaderAuthenticatedUserID = "X-Authenticated-Userid"
)

// identityHeaders are those that belong to one authentication: all of them are
// removed before any is set.
var identityHeaders = []string{
	HeaderConsumerID, HeaderConsumerUsername, HeaderConsumerCustomID, HeaderCredential, HeaderAnonymous,
	HeaderConsumerGroups, HeaderAuthenticatedGroups, HeaderAuthenticatedScope, HeaderAuthenticatedUserID,
}

// Identity is who sent a request, as far as plugins found out. The zero value
// is somebody unknown.
type Identity struct {
	// Consumer is the known user, or the one that stands in for whoever did not
	// authenticate; nil without one.
	Consumer *entity.Consumer
	// ConsumerGroups are those whose plugins apply, by name. Shared: not to be
	// changed.
	ConsumerGroups []*entity.ConsumerGroup
	// Credential identifies what was shown: the id of an entity, or a value that
	// stands for one; empty without.
	Credential string
	// Groups are those that an authentication plugin vouches for; nil for none.
	Groups []string
	// Authenticated tells that credentials were verified. A stand-in consumer is
	// not authenticated.
	Authenticated bool
}

// Authenticate records that a plugin verified credentials, and lets the
// upstream know. consumer and credential may be missing. What an earlier plugin
// left there is replaced, an anonymous consumer and its traces too; groups that
// one vouches for are kept.
func (q *Request) Authenticate(consumer *entity.Consumer, credential string) {
	q.Consumer, q.Credential, q.Authenticated = consumer, credential, true
	q.ConsumerGroups = nil
	q.announce(false)
}

// StandIn lets a configured consumer, named by id or username, stand in for
// whoever did not authenticate. It reports false where there is none: then the
// request must be refused.
func (q *Request) StandIn(name string) bool {
	consumer := q.Consumers.ByID(name)
	if consumer == nil {
		consumer = q.Consumers.ByUsername(name, false)
	}
	if consumer == nil {
		return false
	}
	q.Identity = Identity{Consumer: consumer}
	q.announce(true)
	return true
}

// ForgetIdentity removes what the user agent says of itself in headers that
// only plugins may set. Every authentication plugin calls it before it does
// anything else; what an earlier one has set stays.
func (q *Request) ForgetIdentity() {
	if q.Consumer == nil && !q.Authenticated {
		q.Upstream.RemoveSpellings(identityHeaders...)
	}
}

func (q *Request) announce(anonymous bool) {
	q.Upstream.RemoveSpellings(identityHeaders...)
	if c := q.Consumer; c != nil {
		q.ConsumerGroups = q.Consumers.GroupsOf(c.ID)
		q.Upstream.Set(HeaderConsumerID, c.ID)
		if c.Username != "" {
			q.Upstream.Set(HeaderConsumerUsername, c.Username)
		}
		if c.CustomID != "" {
			q.Upstream.Set(HeaderConsumerCustomID, c.CustomID)
		}
	}
	if q.Credential != "" {
		q.Upstream.Set(HeaderCredential, q.Credential)
	}
	if anonymous {
		q.Upstream.Set(HeaderAnonymous, "true")
	}
}

// JoinGroups is the header value of a list of groups. A group whose name holds a
// comma, or what no header can hold, is left out: an upstream would read others
// into it.
func JoinGroups(groups []string) string {
	var b strings.Builder
	for _, g := range groups {
		if g == "" || strings.ContainsRune(g, ',') || !message.ValidValue(g) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(g)
	}
	return b.String()
}
