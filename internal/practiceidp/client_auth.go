package practiceidp

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
)

// Client authentication methods (OIDC Core §9, RFC 8705 §2).
const (
	methodBasic         = "client_secret_basic"
	methodPost          = "client_secret_post"
	methodSecretJWT     = "client_secret_jwt"
	methodPrivateKeyJWT = "private_key_jwt"
	methodTLS           = "tls_client_auth"
	methodSelfSignedTLS = "self_signed_tls_client_auth"
	methodNone          = "none"
)

func invalidClient() *tokenError {
	return &tokenError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
}

// authenticateClient finds out who sent a request. More than one method in one
// request is refused (RFC 6749 §2.3). Answers are tokenErrors.
func (p *Provider) authenticateClient(r *http.Request) (*Client, *tokenError) {
	id, secret, method := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), methodNone
	if r.PostForm.Has("client_secret") {
		method = methodPost
	}
	if severalWays(r) {
		return nil, &tokenError{http.StatusBadRequest, "invalid_request", "two ways of client authentication"}
	}
	if r.PostForm.Has("client_assertion") {
		return p.assertedClient(r)
	}
	if user, password, ok := r.BasicAuth(); ok {
		// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
		basicID, errID := url.QueryUnescape(user)
		basicSecret, errSecret := url.QueryUnescape(password)
		if errID != nil || errSecret != nil || (id != "" && id != basicID) {
			return nil, &tokenError{http.StatusBadRequest, "invalid_request", "bad client credentials in the header"}
		}
		id, secret, method = basicID, basicSecret, methodBasic
	}
	client := p.clients[id]
	if client != nil && method == methodNone && certified(r, client) {
		return client, nil
	}
	if client == nil || !sameSecret(secret, client.Secret) || !slices.Contains(client.AuthMethods, method) {
		return nil, invalidClient()
	}
	return client, nil
}

// severalWays reports whether a request authenticates its client twice.
func severalWays(r *http.Request) bool {
	_, _, basic := r.BasicAuth()
	ways := 0
	for _, there := range []bool{basic, r.PostForm.Has("client_secret"), r.PostForm.Has("client_assertion")} {
		if there {
			ways++
		}
	}
	return ways > 1
}

func sameSecret(a, b string) bool {
	hashA, hashB := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(hashA[:], hashB[:]) == 1
}

// certified reports whether the connection shows the client's certificate (RFC
// 8705 §2.1, §2.2).
func certified(r *http.Request, c *Client) bool {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	shown := r.TLS.PeerCertificates[0]
	return slices.Contains(c.AuthMethods, methodTLS) && c.SubjectDN != "" && shown.Subject.String() == c.SubjectDN ||
		slices.Contains(c.AuthMethods, methodSelfSignedTLS) && len(c.Certificate) > 0 && bytes.Equal(shown.Raw, c.Certificate)
}
