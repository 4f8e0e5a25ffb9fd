package gateway

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport/internal/certificate/certtest"
	"sallyport/internal/entity"
	"sallyport/internal/secret"
)

func certificateOf(id string, p *certtest.Pair) *entity.Certificate {
	return &entity.Certificate{ID: id, Cert: p.Cert, Key: secret.New(p.Key)}
}

// shown is the name of the certificate for a server name, empty for none.
func shown(g *Gateway, name string) string {
	cert, ok := g.Certificate(&tls.ClientHelloInfo{ServerName: name})
	if !ok {
		return ""
	}
	return cert.Leaf.Subject.CommonName
}

func TestCertificatesAreFoundByServerName(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two"}})
	set := &entity.Set{
		Certificates: []*entity.Certificate{certificateOf("c1", one), certificateOf("c2", two)},
		SNIs: []*entity.SNI{
			{Name: "a.shop.test", CertificateID: "c1"}, {Name: "*.shop.test", CertificateID: "c2"},
		},
	}
	if got := shown(f.gateway, "a.shop.test"); got != "" {
		t.Errorf("before any configuration: %s", got)
	}
	f.install(t, set)
	for name, want := range map[string]string{"a.shop.test": "one", "b.shop.test": "two", "shop.test": "", "": ""} {
		if got := shown(f.gateway, name); got != want {
			t.Errorf("%q shows %q, want %q", name, got, want)
		}
	}
	before, _ := f.gateway.Certificate(&tls.ClientHelloInfo{ServerName: "a.shop.test"})
	f.install(t, &entity.Set{
		Certificates: []*entity.Certificate{certificateOf("c1", one), certificateOf("c2", one)},
		SNIs:         set.SNIs,
	})
	after, _ := f.gateway.Certificate(&tls.ClientHelloInfo{ServerName: "a.shop.test"})
	if before != after {
		t.Error("a certificate that did not change was read again")
	}
	if got := shown(f.gateway, "b.shop.test"); got != "one" {
		t.Errorf("after the change b shows %q", got)
	}
	f.install(t, &entity.Set{})
	if got := shown(f.gateway, "a.shop.test"); got != "" {
		t.Errorf("after the deletion: %s", got)
	}
}

func TestReferencesOfCertificates(t *testing.T) {
	t.Parallel()
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two"}})
	environment := map[string]string{"TLS_CERT": one.Cert, "TLS_KEY": one.Key, "OTHER_KEY": two.Key}
	f := newFront(t)
	f.gateway.references = secret.Resolver{LookupEnv: func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}}
	set := func(key string) *entity.Set {
		return &entity.Set{
			Certificates: []*entity.Certificate{{ID: "c1", Cert: "{vault://env/tls-cert}", Key: secret.New("{vault://env/" + key + "}")}},
			SNIs:         []*entity.SNI{{Name: "a.test", CertificateID: "c1"}},
		}
	}
	f.install(t, set("tls-key"))
	if got := shown(f.gateway, "a.test"); got != "one" {
		t.Errorf("shows %q", got)
	}
	f.install(t, set("absent"))
	if got := shown(f.gateway, "a.test"); got != "" {
		t.Errorf("with a reference to nothing it shows %q", got)
	}
	if log := f.log.String(); !strings.Contains(log, "environment variable ABSENT is not set") || !strings.Contains(log, "certificate=c1") {
		t.Errorf("log: %s", log)
	}
	_, err := f.gateway.Compile(set("other-key"))
	invalid, ok := errors.AsType[*entity.Invalid](err)
	if !ok || invalid.Kind != entity.Certificates || invalid.ID != "c1" || invalid.Error() != "schema violation (cert: certificate does not match key)" {
		t.Errorf("got %v", err)
	}
}

// upstreamTLS is an https upstream with that certificate, which demands one
// of clients that root has signed.
func upstreamTLS(t *testing.T, server *certtest.Pair, clients *certtest.Pair) *entity.Service {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Client", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.Pool()}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s.StartTLS()
	t.Cleanup(s.Close)
	return serviceAt(t, s.URL)
}

func TestTLSWithTheUpstream(t *testing.T) {
	t.Parallel()
	root, stranger := certtest.Root(t, "root"), certtest.Root(t, "stranger")
	middle := root.Issue(t, certtest.Spec{Names: []string{"middle"}, Authority: true})
	server := middle.Issue(t, certtest.Spec{Names: []string{"127.0.0.1"}})
	client, other := root.Issue(t, certtest.Spec{Names: []string{"gateway"}}), stranger.Issue(t, certtest.Spec{Names: []string{"other"}})
	yes, no, zero, one := true, false, 0, 1
	for _, tc := range []struct {
		name   string
		change func(s *entity.Service)
		status int
	}{
		{"no verification is Kong's default", func(*entity.Service) {}, 200},
		{"no client certificate", func(s *entity.Service) { s.CertificateID = "" }, 502},
		{"a client certificate that the upstream does not trust", func(s *entity.Service) { s.CertificateID = "c2" }, 502},
		{"tls_verify against the system's authorities", func(s *entity.Service) { s.TLSVerify = &yes }, 502},
		{"the right authority", func(s *entity.Service) { s.TLSVerify, s.CAIDs = &yes, []string{"a1"} }, 200},
		{"one of two is right", func(s *entity.Service) { s.TLSVerify, s.CAIDs = &yes, []string{"a2", "a1"} }, 200},
		{"another authority", func(s *entity.Service) { s.TLSVerify, s.CAIDs = &yes, []string{"a2"} }, 502},
		{"authorities alone verify", func(s *entity.Service) { s.CAIDs = []string{"a2"} }, 502},
		{"tls_verify false means it", func(s *entity.Service) { s.TLSVerify, s.CAIDs = &no, []string{"a2"} }, 200},
		{"another name", func(s *entity.Service) { s.TLSVerify, s.CAIDs, s.Host = &yes, []string{"a1"}, "localhost" }, 502},
		{"one certificate between is allowed", func(s *entity.Service) { s.CAIDs, s.TLSVerifyDepth = []string{"a1"}, &one }, 200},
		{"one certificate between is too many", func(s *entity.Service) { s.CAIDs, s.TLSVerifyDepth = []string{"a1"}, &zero }, 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			service := upstreamTLS(t, server, root)
			service.CertificateID = "c1"
			tc.change(service)
			f.install(t, &entity.Set{
				Services: []*entity.Service{service}, Routes: []*entity.Route{route("r1", "s1", "a.test")},
				Certificates:   []*entity.Certificate{certificateOf("c1", client), certificateOf("c2", other)},
				CACertificates: []*entity.CACertificate{{ID: "a1", Cert: root.Cert}, {ID: "a2", Cert: stranger.Cert}},
			})
			res := f.get(t, "a.test", "/")
			if res.StatusCode != tc.status || tc.status == 200 && res.Header.Get("X-Client") != "gateway" {
				t.Errorf("status %d, want %d; the upstream saw %q", res.StatusCode, tc.status, res.Header.Get("X-Client"))
			}
		})
	}
}

// A connection made with one identity must not serve another.
func TestConnectionsKnowTheIdentityTheyWereMadeWith(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	server := root.Issue(t, certtest.Spec{Names: []string{"127.0.0.1"}})
	one, two := root.Issue(t, certtest.Spec{Names: []string{"one"}}), root.Issue(t, certtest.Spec{Names: []string{"two"}})
	f := newFront(t)
	first := upstreamTLS(t, server, root)
	second := *first
	second.ID, first.CertificateID, second.CertificateID = "s2", "c1", "c2"
	set := &entity.Set{
		Services:     []*entity.Service{first, &second},
		Routes:       []*entity.Route{route("r1", "s1", "one.test"), route("r2", "s2", "two.test")},
		Certificates: []*entity.Certificate{certificateOf("c1", one), certificateOf("c2", two)},
	}
	f.install(t, set)
	for _, host := range []string{"one.test", "two.test", "one.test"} {
		if got := f.get(t, host, "/").Header.Get("X-Client") + ".test"; got != host {
			t.Errorf("to %s went the certificate of %s", host, got)
		}
	}
	renewed := *set
	renewed.Certificates = []*entity.Certificate{certificateOf("c1", two), certificateOf("c2", two)}
	f.install(t, &renewed)
	if got := f.get(t, "one.test", "/").Header.Get("X-Client"); got != "two" {
		t.Errorf("after the change the upstream sees %q", got)
	}
}

func TestAnAuthorityThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	root := certtest.Root(t, "root")
	_, err := f.gateway.Compile(&entity.Set{
		Services:       []*entity.Service{{ID: "s1", Protocol: "https", Host: "a.test", Port: 443, Enabled: true, CAIDs: []string{"a1", "a2"}}},
		CACertificates: []*entity.CACertificate{{ID: "a1", Cert: root.Cert}},
	})
	invalid, ok := errors.AsType[*entity.Invalid](err)
	if !ok || invalid.Kind != entity.Services || invalid.ID != "s1" ||
		invalid.Error() != "schema violation (ca_certificates.2: there is no ca_certificates entity of this id)" {
		t.Errorf("got %v", err)
	}
}
