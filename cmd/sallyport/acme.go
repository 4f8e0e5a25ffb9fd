package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"sallyport/internal/acme"
	"sallyport/internal/plugin"
	"sallyport/internal/server"
)

// acmeSettings are the flags of ACME. Without domains it is off.
type acmeSettings struct {
	domains              []string
	directory, root      string
	email, storage       string
	termsAreAccepted, on bool
}

func (s *settings) acmeFlags(fs *flag.FlagSet) {
	a := &s.acme
	fs.Var(&list[string]{values: &a.domains, parse: domain}, "acme-domain",
		"host `NAME` for which certificates are obtained by ACME; the authority must reach a listener of the proxy at it, "+
			"at port 80 for http or 443 for ssl; repeatable")
	fs.StringVar(&a.storage, "acme-storage", "", "`DIRECTORY` for certificates, keys and the account")
	fs.BoolVar(&a.termsAreAccepted, "acme-accept-terms", false, "accept the authority's terms of service")
	fs.StringVar(&a.email, "acme-email", "", "`ADDRESS` to which the authority may write")
	fs.StringVar(&a.directory, "acme-directory", acme.LetsEncrypt, "`URL` of the authority's directory")
	fs.StringVar(&a.root, "acme-directory-root", "", "PEM `FILE` with the roots that verify the directory, instead of the system's")
}

// domain reads a value of --acme-domain.
func domain(s string) (string, bool, error) {
	return s, true, acme.CheckDomain(s)
}

// checkACME finds what no single flag can tell.
func (s *settings) checkACME() error {
	a := &s.acme
	if a.on = len(a.domains) > 0; !a.on {
		return nil
	}
	reachable := false
	for _, l := range s.proxyListen {
		reachable = reachable || l.TLS
	}
	switch {
	case !reachable:
		return &usageError{"--acme-domain needs a --proxy-listen with ssl, which shows the certificates"}
	case a.storage == "":
		return &usageError{"--acme-domain needs --acme-storage, a directory that outlives the process: " +
			"without it each start asks for new certificates, until the authority refuses"}
	case !a.termsAreAccepted:
		return &usageError{"--acme-domain needs --acme-accept-terms: the authority at " + a.directory + " has terms of service"}
	}
	return nil
}

// startACME makes the manager, once it is known where the listeners are.
func (n *node) startACME() error {
	a := &n.settings.acme
	if !a.on {
		return nil
	}
	o := acme.Options{
		Domains: a.domains, Directory: a.directory, RootFile: a.root, Email: a.email, Storage: a.storage,
		Logger: n.logger,
	}
	o.HTTP, o.TLS = reachedBy(n.settings.proxyListen, n.proxy.Addrs())
	var err error
	if n.acme, err = acme.New(o); err != nil {
		return err
	}
	return nil
}

// reachedBy finds the first listener of either kind.
func reachedBy(configured []server.Listen, bound []net.Addr) (plain, secure netip.AddrPort) {
	for i, addr := range bound {
		tcp, ok := addr.(*net.TCPAddr)
		if !ok {
			continue
		}
		at := &plain
		if configured[i].TLS {
			at = &secure
		}
		if !at.IsValid() {
			*at = tcp.AddrPort()
		}
	}
	return plain, secure
}

// shown is the certificate for a client of the proxy: that of the configuration
// for its name, one by ACME, or the default. A challenge of ACME is answered by
// ACME alone.
func (n *node) shown(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if n.acme != nil && acme.IsChallenge(hello) {
		if cert, ok := n.acme.Certificate(hello); ok {
			return cert, nil
		}
		return nil, errors.New("no challenge for this name is under way")
	}
	if cert, ok := n.gateway.Certificate(hello); ok {
		return cert, nil
	}
	if n.acme != nil {
		if cert, ok := n.acme.Certificate(hello); ok {
			return cert, nil
		}
	}
	return n.certificates.byDefault(hello)
}

// serve answers a request of the proxy, a challenge of ACME before any route.
func (n *node) serve(w http.ResponseWriter, q *plugin.Request) {
	if n.acme == nil {
		n.gateway.Serve(w, q)
		return
	}
	body, ok := n.acme.AnswerHTTP(q.HTTP, q.Canonical.Host)
	if !ok {
		n.gateway.Serve(w, q)
		return
	}
	q.Access.Status = http.StatusOK
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	written, _ := w.Write(body) // an authority that left asks again
	q.Access.BytesSent += int64(written)
}
