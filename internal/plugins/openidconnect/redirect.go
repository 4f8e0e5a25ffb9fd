package openidconnect

import (
	"net/http"

	"sallyport/internal/httperror"
)

// redirect sends the user agent to location, an absolute URL. Such an answer is
// never cached; Pragma is for clients that know no Cache-Control.
func redirect(w http.ResponseWriter, r *http.Request, location string) {
	head := w.Header()
	head.Set("Location", location)
	head.Set("Cache-Control", "no-store")
	if !r.ProtoAtLeast(1, 1) {
		head.Set("Pragma", "no-cache")
	}
	head.Set("Content-Length", "0")
	w.WriteHeader(httperror.RedirectStatus(r.Method))
}
