package practiceidp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// wireFault is an answer that is no answer.
type wireFault struct {
	name, about string
	answer      func(p *Provider, w http.ResponseWriter, r *http.Request)
}

// fewFaults are those of endpoints whose answers are read by the same code as
// the token endpoint's.
var fewFaults = []string{"500", "invalid-request", "empty-object", "connection-cut", "redirect"}

// faultRows are the broken answers, each once for every endpoint that a
// relying party calls: token-500 and refresh-500, discovery-500 and so on.
func faultRows() []*row {
	endpoints := []struct{ prefix, endpoint string }{
		{"token-", "code"},
		{"refresh-", "refresh"},
		{"discovery-", endpointDiscovery},
		{"jwks-", endpointJWKS},
		{"userinfo-", endpointUserInfo},
		{"par-", endpointPAR},
		{"revoke-", endpointRevoke},
	}
	var table []*row
	for _, e := range endpoints {
		for _, f := range wireFaults() {
			if (e.endpoint == endpointPAR || e.endpoint == endpointRevoke) && !slices.Contains(fewFaults, f.name) {
				continue
			}
			table = append(table, &row{
				name: e.prefix + f.name, about: f.about + " (" + e.endpoint + ")", endpoint: e.endpoint, fault: f.answer,
			})
		}
	}
	return table
}

func body(status int, contentType, text string) func(*Provider, http.ResponseWriter, *http.Request) {
	return func(_ *Provider, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the client may be gone
	}
}

// nested is a JSON value as deep as depth. It is made when it is asked for: the
// table is built often.
func nested(open, last string) func(*Provider, http.ResponseWriter, *http.Request) {
	return func(p *Provider, w http.ResponseWriter, r *http.Request) {
		closing := last[len(last)-1:]
		body(200, "application/json", strings.Repeat(open, depth)+last+strings.Repeat(closing, depth-1))(p, w, r)
	}
}

func wireFaults() []wireFault {
	const jsonType = "application/json"
	oauth := func(code string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":"<script>alert(1)</script> practice"}`, code)
	}
	return []wireFault{
		{"500", "an internal error", body(500, "text/plain", "internal error")},
		{"503", "unavailable", body(503, "text/plain", "unavailable")},
		{"401", "unauthorized", body(401, jsonType, oauth("invalid_token"))},
		{"invalid-grant", "OAuth error invalid_grant with 400", body(400, jsonType, oauth("invalid_grant"))},
		{"invalid-client", "OAuth error invalid_client with 401", body(401, jsonType, oauth("invalid_client"))},
		{"unauthorized-client", "OAuth error unauthorized_client with 401, as Keycloak does for a wrong secret", body(401, jsonType, oauth("unauthorized_client"))},
		{"invalid-request", "OAuth error invalid_request with 400", body(400, jsonType, oauth("invalid_request"))},
		{"unknown-error", "an OAuth error that no standard knows, with 400", body(400, jsonType, oauth("x_unheard_of"))},
		{"error-200", "OAuth error invalid_grant with 200", body(200, jsonType, oauth("invalid_grant"))},
		{"html", "a page", body(200, "text/html", "<!doctype html><title>hello</title><script>alert(1)</script>")},
		{"html-as-json", "a page that calls itself JSON", body(200, jsonType, "<!doctype html><title>hello</title>")},
		{"empty", "nothing", body(200, jsonType, "")},
		{"array", "an array", body(200, jsonType, "[]")},
		{"null", "null", body(200, jsonType, "null")},
		{"empty-object", "an empty object", body(200, jsonType, "{}")},
		{"wrong-types", "every member has a wrong type", body(200, jsonType, wrongTypes)},
		{"deep", "100,000 levels of arrays", nested("[", "]")},
		{"deep-object", "100,000 levels of objects", nested(`{"a":`, "1}")},
		{"trailing", "a second JSON value behind the first", body(200, jsonType, `{"access_token":"a","token_type":"Bearer"}{"access_token":"b"}`)},
		{"cut", "the connection ends in the middle of the announced body", cut},
		{"endless", "a body without end", endless},
		{"drip", "one byte a second", drip},
		{"no-answer", "no answer at all", noAnswer},
		{"connection-cut", "the connection is closed without an answer", connectionCut},
		{"redirect", "a redirect to another host that keeps method and body (307)", redirectElsewhere},
	}
}

const wrongTypes = `{"access_token":7,"token_type":[],"id_token":{},"refresh_token":true,"expires_in":"soon",` +
	`"scope":1,"issuer":3,"authorization_endpoint":4,"token_endpoint":[],"jwks_uri":{},"keys":"none","sub":9}`

func cut(_ *Provider, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "4096")
	_, _ = io.WriteString(w, `{"access_token":"half a to`)
	panic(http.ErrAbortHandler)
}

// endless writes until the client has had enough.
func endless(_ *Provider, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	chunk := []byte(strings.Repeat(" ", 32<<10))
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// drip writes a byte a second until the client has had enough.
func drip(_ *Provider, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if _, err := w.Write([]byte{' '}); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// slow makes an endpoint answer a second later.
func slow(endpoint string) func(string) {
	return func(asked string) {
		if asked == endpoint {
			time.Sleep(time.Second)
		}
	}
}

// noAnswer waits until the client has had enough.
func noAnswer(_ *Provider, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then is the client's leaving noticed
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

func connectionCut(*Provider, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// redirectElsewhere sends the client to the same server under another name.
func redirectElsewhere(p *Provider, w http.ResponseWriter, _ *http.Request) {
	host := "localhost"
	if p.issuer.Hostname() == host {
		host = "127.0.0.1"
	}
	if port := p.issuer.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	w.Header().Set("Location", p.issuer.Scheme+"://"+host+p.base+"/elsewhere")
	w.WriteHeader(http.StatusTemporaryRedirect)
}
