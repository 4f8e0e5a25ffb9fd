package practiceidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
)

// Client authentication methods (OIDC Core §9).
const (
	methodBasic = "client_secret_basic"
	methodPost  = "client_secret_post"
	methodNone  = "none"
)

// authenticateClient finds out who sent a token request. More than one method
// in one request is refused (RFC 6749 §2.3). Answers are tokenErrors.
func (p *Provider) authenticateClient(r *http.Request) (*Client, *tokenError) {
	id, secret, method := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), methodNone
	if r.PostForm.Has("client_secret") {
		method = methodPost
	}
	if user, password, ok := r.BasicAuth(); ok {
		if method == methodPost {
			return nil, &tokenError{http.StatusBadRequest, "invalid_request", "two ways of client authentication"}
		}
		// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
		basicID, errID := url.QueryUnescape(user)
		basicSecret, errSecret := url.QueryUnescape(password)
		if errID != nil || errSecret != nil || (id != "" && id != basicID) {
			return nil, &tokenError{http.StatusBadRequest, "invalid_request", "bad client credentials in the header"}
		}
		id, secret, method = basicID, basicSecret, methodBasic
	}
	client := p.clients[id]
	expected := ""
	if client != nil {
		expected = client.Secret
	}
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(expected))
	same := subtle.ConstantTimeCompare(a[:], b[:]) == 1
	if client == nil || !same || !slices.Contains(client.AuthMethods, method) {
		return nil, &tokenError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
	}
	return client, nil
}
