package config

import (
	"strconv"

	"sallyport/internal/oidc"
)

// Client is one configured client with everything that stands beside it.
type Client struct {
	oidc.Client
	// DecryptionKey opens answers that are encrypted for the client; nil without
	// one.
	DecryptionKey *oidc.PrivateKey
	// Position is where its id stands in client_id, from 1.
	Position int
	// Redirect is the redirect_uri; zero means that it is derived from the
	// request.
	Redirect Address
	// AfterLogin and AfterLogout are where a user agent goes then; zero means
	// back to where the login began, and nowhere.
	AfterLogin, AfterLogout Address
	// Unauthorized, Forbidden and Unexpected are where a user agent goes in
	// place of an error page; zero means that it gets the page.
	Unauthorized, Forbidden, Unexpected Address
}

// clients joins the lists that stand beside client_id. An element that is
// missing is that of the first client. Clients whose id did not resolve are
// left out.
func (c *Config) clients() []Client {
	out := make([]Client, 0, len(c.Client.ids))
	signing, opening := make([]*oidc.PrivateKey, len(c.Client.keys)), make([]*oidc.PrivateKey, len(c.Client.keys))
	for i := range c.Client.keys {
		if opening[i] = c.Client.keys[i].parse(); opening[i].ForSigning() {
			signing[i] = opening[i] // one that is to decrypt leaves signing to the plugin's own keys
		}
	}
	for i, id := range c.Client.ids {
		if id == "" {
			continue
		}
		out = append(out, Client{
			Client: oidc.Client{
				ID: id, Secret: beside(c.Client.secrets, i),
				AuthMethod: beside(c.Client.auth, i), TokenAuthMethod: c.Client.tokenAuth,
				PARAuthMethod: c.Client.parAuth, RevocationAuthMethod: c.Client.revocationAuth,
				IntrospectionAuthMethod: c.Client.introspectionAuth,
				SigningAlg:              beside(c.Client.algs, i), Key: beside(signing, i),
				IssuerAudience: c.Own.AssertionAudience == AudienceIssuer,
			},
			DecryptionKey: beside(opening, i),
			Position:      i + 1,
			Redirect:      beside(c.Callback.redirects, i),
			AfterLogin:    beside(c.Login.redirects, i),
			AfterLogout:   beside(c.Logout.redirects, i),
			Unauthorized:  beside(c.Error.unauthorizedRedirects, i),
			Forbidden:     beside(c.Error.forbiddenRedirects, i),
			Unexpected:    beside(c.Error.unexpectedRedirects, i),
		})
	}
	return out
}

func beside[T any](list []T, i int) T {
	switch {
	case i < len(list):
		return list[i]
	case len(list) > 0:
		return list[0]
	}
	var none T
	return none
}

// ClientByID finds a client by its id, for sessions and login states that name
// theirs.
func (c *Config) ClientByID(id string) (*Client, bool) {
	for i := range c.Clients {
		if c.Clients[i].ID == id {
			return &c.Clients[i], true
		}
	}
	return nil, false
}

// ChooseClient finds the client that a request asks for by the argument
// Client.Argument: an id, else a position from 1; the first one when it asks
// for none or for an unknown one. It is nil when no client is configured.
func (c *Config) ChooseClient(asked string) *Client {
	switch {
	case len(c.Clients) == 0:
		return nil
	case asked == "":
		return &c.Clients[0]
	}
	if asked == "" {
		return &c.Clients[0]
	}
	if found, ok := c.ClientByID(asked); ok {
		return found
	}
	if position, err := strconv.Atoi(asked); err == nil {
		for i := range c.Clients {
			if c.Clients[i].Position == position {
				return &c.Clients[i]
			}
		}
	}
	return &c.Clients[0]
}
