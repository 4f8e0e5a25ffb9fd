package practiceidp

import (
	"net/http"
	"net/url"
)

// Seen is what a request to an endpoint held.
type Seen struct {
	Header http.Header
	// Form is the body of a POST, Query the query.
	Form, Query url.Values
	// Proto is the version of HTTP, Host the authority that was asked.
	Proto, Host string
	// Certificate is the subject of the client's certificate, empty without one.
	Certificate string
	// Connection is the client's end of the connection.
	Connection string
}

// Seen is the last request to an endpoint, as Calls names it; the zero value
// where there was none.
func (p *Provider) Seen(endpoint string) Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[endpoint]
}

func (p *Provider) remember(endpoint string, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		return
	}
	s := Seen{
		Header: r.Header.Clone(), Form: r.PostForm, Query: r.URL.Query(), Proto: r.Proto, Host: r.Host, Connection: r.RemoteAddr,
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		s.Certificate = r.TLS.PeerCertificates[0].Subject.String()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[endpoint] = s
}
