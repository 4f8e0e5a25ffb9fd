package session

import (
	"time"

	"sallyport/internal/secret"
)

// Realm is under what a session was obtained. A session opens a plugin only
// where the realms are equal, so that a lenient plugin cannot mint sessions
// for a strict one. Realms are compared with ==.
type Realm struct {
	// Issuer is the issuer identifier of the provider.
	Issuer string
	// ClientID is the OAuth client that the tokens were issued to.
	ClientID string
	// Policy names every setting that weakens verification, in one canonical
	// text; empty for the strictest configuration.
	Policy string
}

// Entry is what one audience's session holds. The package treats its texts as
// opaque.
type Entry struct {
	Realm Realm
	// Subject is the user as the provider names them.
	Subject string
	// Method is how the session was obtained, for example
	// "authorization_code".
	Method string

	AccessToken  secret.String
	RefreshToken secret.String
	IDToken      secret.String
	TokenType    string
	Scope        string
	// Expiry is when the access token expires, to the second; zero when the
	// provider did not say.
	Expiry time.Time

	// Claims are those that rules and headers need, ready for use: how a value
	// that is no text is written is the caller's choice.
	Claims []Claim

	// SID is the provider's session id (sid claim).
	SID string
	// AuthTime is when the user authenticated (auth_time claim), to the
	// second; zero when unknown.
	AuthTime time.Time
	// ACR is the level of the authentication (acr claim).
	ACR string

	// created is when the login of this entry was, in Unix seconds; the
	// absolute timeout runs from here.
	created int64
	// unknown holds fields that a later release wrote, as they were.
	unknown string
}

// Claim is a name and a value.
type Claim struct{ Name, Value string }
