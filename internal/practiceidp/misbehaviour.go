package practiceidp

import (
	"net/http"
	"net/url"
	"slices"
)

// row is one named misbehaviour: the hooks that it needs, the others nil.
type row struct {
	name, about string
	// document and jwks change what discovery and the key set say.
	document func(p *Provider, doc map[string]any)
	jwks     func(keys *Keys, set []map[string]any) []map[string]any
	// onAuthorize runs at each authorization request, deny answers it with an
	// error, response changes the parameters of the answer.
	onAuthorize func(p *Provider)
	deny        *oauthError
	response    func(v url.Values)
	// signedResponse changes a signed response, pushed the answer to a pushed
	// request.
	signedResponse func(m *minting)
	pushed         func(answer map[string]any)
	// beforeSigning runs before an ID token is signed; idToken changes the
	// token that belongs to a code, or with onRefresh the one of a refresh.
	beforeSigning func(p *Provider)
	idToken       func(m *minting)
	onRefresh     bool
	// accessToken changes the access token before its hash is taken.
	accessToken func(token string) string
	// tokens changes the answer to a code or refresh grant.
	tokens func(kind string, answer map[string]any)
	// keepRefreshToken makes the refresh token stay as it is.
	keepRefreshToken bool
	userInfo         func(claims map[string]any)
	// before runs when an endpoint is called, before its own work.
	before func(endpoint string)
	// fault answers in place of one endpoint (code and refresh are the two
	// grants of the token endpoint).
	endpoint string
	fault    func(p *Provider, w http.ResponseWriter, r *http.Request)
}

// Misbehave makes the provider misbehave in the named ways, and in no others,
// from now on; without names it is honest again. It panics on an unknown name.
// Misbehaviours lists them.
func (p *Provider) Misbehave(names ...string) {
	table := rows()
	var lies []*row
	for _, name := range names {
		lie, ok := table[name]
		if !ok {
			panic("practiceidp: no misbehaviour " + name)
		}
		lies = append(lies, lie)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lies = lies
}

// Misbehaviours maps every name that Misbehave knows to one line about it.
func Misbehaviours() map[string]string {
	about := map[string]string{}
	for name, r := range rows() {
		about[name] = r.about
	}
	return about
}

// rows builds the table afresh: rows may keep state, such as a count.
func rows() map[string]*row {
	table := map[string]*row{}
	for _, r := range slices.Concat(tokenRows(), faultRows(), protocolRows(), callbackRows(), signedRows()) {
		if table[r.name] != nil {
			panic("practiceidp: two misbehaviours " + r.name)
		}
		table[r.name] = r
	}
	return table
}

// active are the misbehaviours that are switched on. The slice is never
// changed, only replaced.
func (p *Provider) active() []*row {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lies
}

// demandedError is the error with which authorization requests are answered.
func (p *Provider) demandedError() *oauthError {
	for _, lie := range p.active() {
		if lie.deny != nil {
			return lie.deny
		}
	}
	return nil
}

// keepsRefreshTokens reports whether rotation is off. The caller holds p.mu.
func (p *Provider) keepsRefreshTokens() bool {
	return slices.ContainsFunc(p.lies, func(r *row) bool { return r.keepRefreshToken })
}

// faulty lets a fault answer in place of the endpoint, if one is switched on.
func (p *Provider) faulty(w http.ResponseWriter, r *http.Request, endpoint string) bool {
	for _, lie := range p.active() {
		if lie.fault != nil && lie.endpoint == endpoint {
			lie.fault(p, w, r)
			return true
		}
	}
	return false
}
