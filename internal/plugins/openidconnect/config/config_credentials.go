package config

import (
	"net/textproto"

	"sallyport/internal/schema"
)

// Place is a part of a request in which credentials may stand.
type Place string

// The places by Kong's names.
const (
	PlaceBody   Place = "body"
	PlaceCookie Place = "cookie"
	PlaceHeader Place = "header"
	PlaceQuery  Place = "query"
)

func places() []Place { return []Place{PlaceBody, PlaceHeader, PlaceQuery} }

// Locations are the places that are looked at.
type Locations struct{ Header, Query, Body, Cookie bool }

func locations(list []Place) Locations {
	var l Locations
	for _, p := range list {
		switch p {
		case PlaceBody:
			l.Body = true
		case PlaceCookie:
			l.Cookie = true
		case PlaceHeader:
			l.Header = true
		case PlaceQuery:
			l.Query = true
		}
	}
	return l
}

// CredentialConfig says where an API client's credentials are looked for.
type CredentialConfig struct {
	// Bearer is where access tokens are looked for; the header is BearerHeader
	// or, when that is empty, the standard ones, the cookie BearerCookie.
	Bearer       Locations
	BearerHeader string
	BearerCookie string
	// Client and Password are where the credentials of the grants of these
	// names are looked for.
	Client, Password Locations
	// RefreshToken and IDToken are found under these names, in these places; an
	// empty name finds none.
	RefreshToken, IDToken           string
	RefreshTokenHeader              string
	IDTokenHeader                   string
	RefreshTokenPlace, IDTokenPlace Locations

	bearer, client, password, refresh, id []Place
}

func (g *CredentialConfig) compile() {
	g.Bearer, g.Client, g.Password = locations(g.bearer), locations(g.client), locations(g.password)
	g.RefreshTokenPlace, g.IDTokenPlace = locations(g.refresh), locations(g.id)
	g.BearerHeader = textproto.CanonicalMIMEHeaderKey(g.BearerHeader)
	g.RefreshTokenHeader, _ = headerName(g.RefreshToken) // checked when it was set
	g.IDTokenHeader, _ = headerName(g.IDToken)
}

func (g *CredentialConfig) fields() []*schema.Field {
	in := func(name string, p *[]Place, more ...Place) *schema.Field {
		return schema.Enums(name, p, append(places(), more...), places()...)
	}
	return []*schema.Field{
		in("bearer_token_param_type", &g.bearer, PlaceCookie).
			Doc("Request parts searched for the access token used by bearer, introspection, kong_oauth2 and userinfo methods."),
		schema.String("bearer_token_header_name", &g.BearerHeader).LenMin(1).Check(requestHeaderName).
			Doc("Custom header holding the bearer token; when set it is the only header consulted."),
		schema.String("bearer_token_cookie_name", &g.BearerCookie).Check(cookieName).
			Doc("Cookie holding the bearer token, consulted when cookie is among bearer_token_param_type."),
		in("client_credentials_param_type", &g.client).
			Doc("Request parts searched for client_id and client_secret (Basic header, or same-named query or body arguments)."),
		in("password_param_type", &g.password).
			Doc("Request parts searched for username and password (Basic header, or same-named query or body arguments)."),
		schema.String("refresh_token_param_name", &g.RefreshToken).Check(parameterName).
			Doc("Parameter or header name carrying a client-sent refresh token; without it the refresh_token method finds nothing."),
		in("refresh_token_param_type", &g.refresh).
			Doc("Request parts searched for the refresh token named by refresh_token_param_name."),
		schema.String("id_token_param_name", &g.IDToken).Check(parameterName).
			Doc("Parameter or header name carrying an id token sent alongside an access token; never a credential alone."),
		in("id_token_param_type", &g.id).
			Doc("Request parts searched for the id token named by id_token_param_name."),
	}
}
