package practiceidp

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// pushedRequest is an authorization request that was handed over beforehand.
type pushedRequest struct {
	client  *Client
	values  url.Values
	signed  bool
	expires time.Time
}

const (
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"
	pushedTTL        = time.Minute
)

// servePAR takes authorization requests over from their clients (RFC 9126 §2).
func (p *Provider) servePAR(w http.ResponseWriter, r *http.Request) {
	if !posted(w, r) {
		return
	}
	if p.faulty(w, r, endpointPAR) {
		return
	}
	reference, e := p.takeOver(r)
	if e != nil {
		writeTokenError(w, e)
		return
	}
	answer := map[string]any{"request_uri": reference, "expires_in": int(pushedTTL / time.Second)}
	for _, lie := range p.active() {
		if lie.pushed != nil {
			lie.pushed(answer)
		}
	}
	writeJSON(w, http.StatusCreated, answer)
}

func (p *Provider) takeOver(r *http.Request) (string, *tokenError) {
	invalid := func(text string) (string, *tokenError) {
		return "", &tokenError{http.StatusBadRequest, "invalid_request", text}
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && name != "audience" {
			return invalid("parameter sent twice: " + name)
		}
	}
	client, e := p.authenticateClient(r)
	switch {
	case e != nil:
		return "", e
	case r.PostForm.Get("client_id") != client.ID:
		return invalid("client_id is not that of the client")
	case r.PostForm.Has("request_uri"):
		return invalid("request_uri cannot be pushed")
	}
	values := url.Values{}
	for name, list := range r.PostForm {
		switch name {
		case "client_secret", "client_assertion", "client_assertion_type":
		default:
			values[name] = list
		}
	}
	signed := values.Has("request")
	if signed {
		var problem string
		if values, problem = p.openRequest(client, values.Get("request")); problem != "" {
			return "", &tokenError{http.StatusBadRequest, "invalid_request_object", problem}
		}
	}
	if q, problem := p.checkTarget(values); problem != "" {
		return invalid(problem)
	} else if e := q.check(values); e != nil {
		return "", &tokenError{http.StatusBadRequest, e.code, e.description}
	}
	reference := requestURIPrefix + p.newID()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pushed[reference] = pushedRequest{client, values, signed, p.opts.Now().Add(pushedTTL)}
	return reference, nil
}

// expand puts the request in place of the reference to it, or of the object that
// it is signed in. What stands beside a signed or pushed request does not count.
func (p *Provider) expand(v url.Values) (url.Values, string) {
	client := p.clients[v.Get("client_id")]
	if client == nil {
		return v, "" // checkTarget says so
	}
	pushed, signed := false, false
	switch {
	case v.Has("request_uri"):
		p.mu.Lock()
		request, known := p.pushed[v.Get("request_uri")]
		delete(p.pushed, v.Get("request_uri")) // once
		p.mu.Unlock()
		if !known || request.client != client || p.opts.Now().After(request.expires) {
			return nil, "The request_uri is not known, was used before, or is too old."
		}
		v, pushed, signed = request.values, true, request.signed
	case v.Has("request"):
		var problem string
		if v, problem = p.openRequest(client, v.Get("request")); problem != "" {
			return nil, problem
		}
		signed = true
	}
	if client.RequirePushed && !pushed {
		return nil, "This application must push its requests."
	}
	if client.RequireSigned && !signed {
		return nil, "This application must sign its requests."
	}
	return v, ""
}

// openRequest verifies a request object (RFC 9101 §6): its parameters, and no
// others, make up the request.
func (p *Provider) openRequest(client *Client, text string) (url.Values, string) {
	claims, _, err := p.openClientJWT(client, text)
	if err != nil {
		return nil, "The signature of the request object is wrong."
	}
	exp, _ := claims["exp"].(float64)
	nbf, _ := claims["nbf"].(float64)
	now := p.opts.Now()
	switch {
	case claims["iss"] != client.ID, claims["client_id"] != client.ID, claims["aud"] != p.opts.Issuer, claims["sub"] != nil:
		return nil, "The request object is of another client, or for another provider."
	case !now.Before(time.Unix(int64(exp), 0)), now.Before(time.Unix(int64(nbf), 0)), int64(exp)-int64(nbf) > 3600:
		return nil, "The request object is too old, too young, or valid for too long."
	}
	values := url.Values{}
	for name, value := range claims {
		switch name {
		case "iss", "aud", "exp", "nbf", "iat", "jti":
			continue
		}
		if list, ok := value.([]any); ok {
			for _, item := range list {
				values.Add(name, fmt.Sprint(item))
			}
			continue
		}
		values.Set(name, fmt.Sprint(value))
	}
	return values, ""
}
