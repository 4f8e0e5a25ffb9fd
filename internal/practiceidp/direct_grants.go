package practiceidp

import (
	"net/http"
	"strings"
)

const (
	grantPassword = "password"
	grantClient   = "client_credentials"
)

// newGrant begins a grant that no authorization request began.
func (p *Provider) newGrant(client *Client, user *User, scope []string) *grant {
	now := p.opts.Now()
	g := &grant{
		id: p.newID(), client: client, user: user, scope: scope, sid: p.newID(), authTime: now, expires: now.Add(p.opts.SessionTTL),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	p.grants[g.id] = g
	return g
}

// byPassword is the resource owner password credentials grant (RFC 6749 §4.3).
func (p *Provider) byPassword(r *http.Request, client *Client) (*grant, *tokenError) {
	user := p.authenticate(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if user == nil {
		return nil, invalidGrant("name or password is wrong")
	}
	return p.newGrant(client, user, strings.Fields(r.PostForm.Get("scope"))), nil
}

// byClient is the client credentials grant (RFC 6749 §4.4): the subject is the
// client itself, and there is no user.
func (p *Provider) byClient(r *http.Request, client *Client) (*grant, *tokenError) {
	if client.Secret == "" {
		return nil, &tokenError{http.StatusBadRequest, "unauthorized_client", "a public client has no credentials"}
	}
	g := p.newGrant(client, &User{Subject: client.ID, Name: client.ID}, strings.Fields(r.PostForm.Get("scope")))
	g.machine = true
	return g, nil
}
