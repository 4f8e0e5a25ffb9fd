package config

import "sallyport/internal/schema"

// Section is a group of settings that belong together for a reader.
type Section struct {
	// Title is a heading, About a sentence about what the settings are for.
	Title, About string
	Fields       []*schema.Field
}

// Sections lists every setting once, in the order of Record.
func Sections() []Section { return new(Config).sections() }

func (c *Config) sections() []Section {
	return []Section{
		{"Issuer and endpoints", "Which provider it is, and where its endpoints and keys are found.", c.Issuer.fields()},
		{"Client", "Who the gateway is at the provider, and how it proves that.", c.Client.fields()},
		{"Authentication methods", "Which credentials of a request are recognised.", c.Method.fields()},
		{"Credentials of API clients", "Where in a request they are looked for.", c.Credential.fields()},
		{"Authorization request", "What the user agent is sent to the provider with.", c.Authorization.fields()},
		{"Callback", "Where the user agent comes back to, and how the answer is read.", c.Callback.fields()},
		{"After the login", "What happens when a login has succeeded.", c.Login.fields()},
		{"Logout", "What ends a session, and what becomes of it at the provider.", c.Logout.fields()},
		{"Session", "How long a session lasts, its cookie, and what it is bound to.", c.Session.fields()},
		{"Session storage", "Where sessions are kept.", c.Store.fields()},
		{"Token request", "What is sent to the token endpoint, for every grant.", c.Token.fields()},
		{"Token exchange", "Tokens of another issuer or audience exchanged for own ones.", c.Exchange.fields()},
		{"Verification", "What a token must satisfy before anything in it counts.", c.Verification.fields()},
		{"Who gets in", "Rules about claims, asked for every request.", c.Claims.fields()},
		{"Consumers", "Claims mapped to consumers, consumer groups and principals.", c.Consumer.fields()},
		{"Introspection", "Tokens whose meaning only the provider can tell.", c.Introspection.fields()},
		{"User info", "Claims fetched from the user info endpoint.", c.UserInfo.fields()},
		{"Headers", "What the upstream and the user agent are told in headers.", c.Header.fields()},
		{"Refusals", "Status, message and redirect where a request is turned away.", c.Error.fields()},
		{"Calls to the provider", "Time-outs, proxies and TLS of every call.", c.HTTP.fields()},
		{"Caches", "What is remembered of the provider's answers, for how long, and where.", c.Cache.fields()},
		{"Proof of possession", "Tokens bound to a certificate or a key of whoever presents them.", c.Possession.fields()},
		{"Additions of sallyport", "Settings that Kong does not have.", c.Own.fields()},
	}
}

func fieldsOf(sections []Section) []*schema.Field {
	var all []*schema.Field
	for _, s := range sections {
		all = append(all, s.Fields...)
	}
	return all
}
