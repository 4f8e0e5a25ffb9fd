package session

// Visit is what one request says that cookies depend on. All of it comes from
// the canonical request. Nothing of it is kept after the call it is passed to.
type Visit struct {
	// Cookie holds the lines of the Cookie header as received.
	Cookie []string
	// Secure tells whether the user agent used https.
	Secure bool
	// Host is the request's host without port, lower case; it decides which
	// domains a cookie of ours could have been set for.
	Host string
	// Path is the request's path as received. It decides which paths a cookie
	// that came could have been set for. It may be left out: then a duplicate
	// is cleared at / and at the configured path alone.
	Path string
	// IP, Scheme and UserAgent are what a session may be bound to.
	IP, Scheme, UserAgent string
}
