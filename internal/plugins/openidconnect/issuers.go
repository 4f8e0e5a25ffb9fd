package openidconnect

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sallyport/internal/oidc"
	"sallyport/internal/plugin"
)

// issuersPath lists what discovery has found. Below it lies one entry each, by
// id or by the percent-encoded issuer.
const issuersPath = "/openid-connect/issuers"

// adminPaths are the plugin's paths on the Admin API (C9).
func (f *shared) adminPaths() []plugin.AdminPath {
	return []plugin.AdminPath{
		{Path: issuersPath, Handler: http.HandlerFunc(f.serveIssuers)},
		{Path: jwksPath, Handler: http.HandlerFunc(f.serveJWKS)},
	}
}

// issuer is a discovery cache object as Kong shows it. One without a
// configuration has not been discovered, or in vain.
type issuer struct {
	ID            string            `json:"id"`
	Issuer        string            `json:"issuer"`
	CreatedAt     *int64            `json:"created_at,omitempty"`
	Configuration json.RawMessage   `json:"configuration,omitempty"`
	Keys          []json.RawMessage `json:"keys,omitempty"`

	provider *oidc.Provider
}

func describeIssuer(p *oidc.Provider) issuer {
	out := issuer{
		ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(p.Issuer())).String(), Issuer: p.Issuer(),
		Keys: p.PublicKeys(), provider: p,
	}
	if md := p.Known(); md.Document != nil {
		created := md.FetchedAt.Unix()
		out.CreatedAt, out.Configuration = &created, md.Document.Raw()
	}
	return out
}

// issuers lists the providers of all instances; several sets of settings for one
// issuer give several entries.
func (f *shared) issuers() []issuer {
	list := []issuer{}
	for _, p := range f.providers.values() {
		list = append(list, describeIssuer(p))
	}
	slices.SortFunc(list, func(a, b issuer) int { return strings.Compare(a.Issuer, b.Issuer) })
	return list
}

// serveIssuers answers GET, which shows, and DELETE, which makes the next
// request fetch document and keys again. Generated session secrets stay, so
// that nobody is logged out.
func (f *shared) serveIssuers(w http.ResponseWriter, r *http.Request) {
	list := f.issuers()
	one := strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), issuersPath), "/")
	if one != "" {
		name, err := url.PathUnescape(one)
		list = slices.DeleteFunc(list, func(i issuer) bool { return err != nil || i.ID != name && i.Issuer != name })
		if len(list) == 0 {
			writeJSON(w, http.StatusNotFound, map[string]any{"message": "Not found"})
			return
		}
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if one != "" {
			writeJSON(w, http.StatusOK, list[0])
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"data": list, "next": nil})
	case http.MethodDelete:
		for _, i := range list {
			i.provider.Forget()
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "DELETE, GET, HEAD")
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"message": "Method not allowed"})
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
