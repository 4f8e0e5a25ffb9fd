package openidconnect

import (
	"net/http"

	"sallyport/internal/httperror"
	"sallyport/internal/message"
)

// redirect sends the user agent to location, an absolute URL. Such an answer is
// never cached; Pragma is for clients that know no Cache-Control.
func redirect(w http.ResponseWriter, r *http.Request, location string) {
	status := httperror.RedirectStatus(r.Method)
	modern := r.ProtoAtLeast(1, 1)
	if hw, ok := w.(message.HeadWriter); ok && modern && message.ValidValue(location) {
		fields := append(make([]message.Field, 0, 10), // with room for what is appended on the way
			message.Field{Name: "Location", Value: location},
			message.Field{Name: "Cache-Control", Value: "no-store"},
			message.Field{Name: "Content-Length", Value: "0"})
		if hw.WriteHead(status, fields) {
			return
		}
	}
	head := w.Header()
	head.Set("Location", location)
	head.Set("Cache-Control", "no-store")
	if !modern {
		head.Set("Pragma", "no-cache")
	}
	head.Set("Content-Length", "0")
	w.WriteHeader(status)
}
