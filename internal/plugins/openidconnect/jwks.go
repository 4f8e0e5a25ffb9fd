package openidconnect

import (
	"encoding/json"
	"net/http"
)

// jwksPath is where identity providers fetch the public halves of the plugin's
// own key pairs.
const jwksPath = "/openid-connect/jwks"

// serveJWKS answers GET with the JWK Set (RFC 7517 section 5), public keys
// alone, and DELETE by making new key pairs. The replaced ones are shown for an
// hour more.
func (f *shared) serveJWKS(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != jwksPath && r.URL.Path != jwksPath+"/" {
		writeJSON(w, http.StatusNotFound, map[string]any{"message": "Not found"})
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		keys, err := f.signing.Public()
		if err != nil {
			f.Logger.Error("the plugin's own keys cannot be made", "error", err)
			writeJSON(w, http.StatusInternalServerError, map[string]any{"message": "An unexpected error occurred"})
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.WriteHeader(http.StatusOK)
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys}) // the client may be gone
	case http.MethodDelete:
		f.signing.Rotate()
		f.Logger.Info("the plugin's own keys were replaced: the next signature is by a new one")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "DELETE, GET, HEAD")
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"message": "Method not allowed"})
	}
}
