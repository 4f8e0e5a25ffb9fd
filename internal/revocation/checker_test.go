package revocation

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/cache"
	"sallyport/internal/certificate/certtest"
)

// site is a server under whose address certificates are asked for.
func site(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func say(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }
}

func checker(change func(*Options)) *Checker {
	o := Options{Timeout: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func TestResponders(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	other := certtest.Root(t, "another root")
	client := root.Issue(t, certtest.Spec{Names: []string{"another client"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	delegate := root.Issue(t, certtest.Spec{Names: []string{"responder"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	old := root.Issue(t, certtest.Spec{Names: []string{"old responder"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, NotAfter: time.Now().Add(-time.Hour)})
	foreign := other.Issue(t, certtest.Spec{Names: []string{"foreign"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	good := func(change func(*ocsp.Response)) func() ocsp.Response {
		return func() ocsp.Response {
			r := ocsp.Response{Status: ocsp.Good}
			if change != nil {
				change(&r)
			}
			return r
		}
	}
	revoked := func() ocsp.Response {
		return ocsp.Response{Status: ocsp.Revoked, RevokedAt: time.Now().Add(-time.Hour)}
	}
	unknown := func() ocsp.Response { return ocsp.Response{Status: ocsp.Unknown} }
	times := func(this, next time.Duration) func() ocsp.Response {
		return good(func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = time.Now().Add(this), time.Now().Add(next) })
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"good, signed by the issuer", root.Responder(t, nil, good(nil)), nil},
		{"good, signed by its responder", root.Responder(t, delegate, good(nil)), nil},
		{"good, and the issuer's own certificate is in it", root.Responder(t, root, good(nil)), nil},
		{"revoked", root.Responder(t, nil, revoked), ErrRevoked},
		{"revoked, signed by its responder", root.Responder(t, delegate, revoked), ErrRevoked},
		{"unknown", root.Responder(t, nil, unknown), ErrUnknown},
		{"signed by another client of the issuer", root.Responder(t, client, good(nil)), ErrUnavailable},
		{"signed by a responder that has expired", root.Responder(t, old, good(nil)), ErrUnavailable},
		{"signed by a responder of another issuer", root.Responder(t, foreign, good(nil)), ErrUnavailable},
		{"signed by another issuer", other.Responder(t, nil, good(nil)), ErrUnavailable},
		{"about another certificate", root.Responder(t, nil, good(func(r *ocsp.Response) { r.SerialNumber = big.NewInt(7) })), ErrUnavailable},
		{"of yesterday", root.Responder(t, nil, times(-48*time.Hour, -24*time.Hour)), ErrUnavailable},
		{"of tomorrow", root.Responder(t, nil, times(24*time.Hour, 48*time.Hour)), ErrUnavailable},
		{"garbage", say([]byte("garbage")), ErrUnavailable},
		{"without end", say([]byte(strings.Repeat("a", maxResponse+1))), ErrUnavailable},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, ErrUnavailable},
		{"a redirect", http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound).ServeHTTP, ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			leaf := root.Issue(t, certtest.Spec{Names: []string{"client"}, OCSP: []string{site(t, tt.answer)}}).Leaf
			if err := checker(nil).Check(t.Context(), leaf, root.Leaf); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// TestSourcesInOrder: the second responder, then lists, stand in for one that does
// not answer.
func TestSourcesInOrder(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	good := site(t, root.Responder(t, nil, func() ocsp.Response { return ocsp.Response{Status: ocsp.Good} }))
	unknown := site(t, root.Responder(t, nil, func() ocsp.Response { return ocsp.Response{Status: ocsp.Unknown} }))
	list := site(t, say(root.List(t, x509.RevocationList{})))
	const down = "http://127.0.0.1:1/"
	for name, tt := range map[string]struct {
		ocsp, crl []string
		want      error
	}{
		"none":                         {nil, nil, ErrNoSource},
		"nobody answers":               {[]string{down}, []string{down}, ErrUnavailable},
		"the second responder":         {[]string{down, good}, nil, nil},
		"a list in place of one":       {[]string{down}, []string{list}, nil},
		"a list where one is unsure":   {[]string{unknown}, []string{list}, nil},
		"unsure, and no list":          {[]string{unknown}, []string{down}, ErrUnknown},
		"the fourth is not asked":      {[]string{down, down, down, good}, nil, ErrUnavailable},
		"an address of another kind":   {[]string{"file:///etc/passwd"}, []string{"ldap://127.0.0.1/"}, ErrUnavailable},
		"the list at a second address": {nil, []string{down, list}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leaf := root.Issue(t, certtest.Spec{Names: []string{"client"}, OCSP: tt.ocsp, CRL: tt.crl}).Leaf
			if err := checker(nil).Check(t.Context(), leaf, root.Leaf); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	root, other := certtest.Root(t, "root"), certtest.Root(t, "root")
	point := func(parts ...asn1.RawValue) pkix.Extension {
		var inner []byte
		for _, p := range parts {
			text, err := asn1.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			inner = append(inner, text...)
		}
		text, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: inner})
		if err != nil {
			t.Fatal(err)
		}
		return pkix.Extension{Id: oidIssuingPoint, Critical: true, Value: text}
	}
	flag := func(tag int) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte{0xff}}
	}
	at := func(address string) asn1.RawValue {
		name := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: uriName(address)}
		text, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: text}
	}
	for _, tt := range []struct {
		name   string
		by     *certtest.Pair
		change func(l *x509.RevocationList, address string, serial *big.Int)
		write  func([]byte) []byte
		want   error
	}{
		{"not in it", root, nil, nil, nil},
		{"not in it, as PEM", root, nil, func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }, nil},
		{"in it", root, func(l *x509.RevocationList, _ string, serial *big.Int) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: time.Now()}, {SerialNumber: serial, RevocationTime: time.Now()}}
		}, nil, ErrRevoked},
		{"of another issuer of the same name", other, nil, nil, ErrUnavailable},
		{"of yesterday", root, func(l *x509.RevocationList, _ string, _ *big.Int) {
			l.ThisUpdate, l.NextUpdate = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}, nil, ErrUnavailable},
		{"altered", root, nil, func(der []byte) []byte { der[len(der)-1] ^= 1; return der }, ErrUnavailable},
		{"of this address", root, func(l *x509.RevocationList, address string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{point(at(address))}
		}, nil, nil},
		{"of another address", root, func(l *x509.RevocationList, address string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{point(at(address + "0"))}
		}, nil, ErrUnavailable},
		{"of users", root, func(l *x509.RevocationList, _ string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{point(flag(1))}
		}, nil, nil},
		{"of authorities alone", root, func(l *x509.RevocationList, _ string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{point(flag(2))}
		}, nil, ErrUnavailable},
		{"of some reasons", root, func(l *x509.RevocationList, _ string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{point(flag(3))}
		}, nil, ErrUnavailable},
		{"of other issuers too", root, func(l *x509.RevocationList, _ string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{point(flag(4))}
		}, nil, ErrUnavailable},
		{"a delta", root, func(l *x509.RevocationList, _ string, _ *big.Int) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		}, nil, ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var text atomic.Pointer[[]byte]
			address := site(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*text.Load()) })
			leaf := root.Issue(t, certtest.Spec{Names: []string{"client"}, CRL: []string{address}}).Leaf
			list := x509.RevocationList{}
			if tt.change != nil {
				tt.change(&list, address, leaf.SerialNumber)
			}
			der := tt.by.List(t, list)
			if tt.write != nil {
				der = tt.write(der)
			}
			text.Store(&der)
			if err := checker(nil).Check(t.Context(), leaf, root.Leaf); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// TestListsAreKept: for their time and for one realm.
func TestListsAreKept(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	der := root.List(t, x509.RevocationList{})
	var calls atomic.Int32
	address := site(t, func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); _, _ = w.Write(der) })
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	lists := cache.New[*x509.RevocationList](cache.Options{Entries: 160, Bytes: 64 << 20, Now: now})
	one := checker(func(o *Options) { o.Lists, o.TTL, o.Now = lists, time.Minute, now })
	two := checker(func(o *Options) { o.Lists, o.TTL, o.Now, o.Realm = lists, time.Minute, now, [32]byte{1} })
	leaves := make([]*x509.Certificate, 2)
	for i := range leaves {
		leaves[i] = root.Issue(t, certtest.Spec{Names: []string{fmt.Sprint("client", i)}, CRL: []string{address}}).Leaf
	}
	for _, step := range []struct {
		c     *Checker
		leaf  int
		ahead time.Duration
		want  int32
	}{{one, 0, 0, 1}, {one, 1, 0, 1}, {two, 0, 0, 2}, {one, 0, 2 * time.Minute, 3}} {
		ahead.Store(int64(step.ahead))
		if err := step.c.Check(t.Context(), leaves[step.leaf], root.Leaf); err != nil || calls.Load() != step.want {
			t.Errorf("%v after %d calls, want %d", err, calls.Load(), step.want)
		}
	}
}

// TestProxiesAndCertificatesOfResponders: a proxy for each scheme, and TLS that is
// verified unless it is switched off.
func TestProxiesAndCertificatesOfResponders(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	answer := root.Responder(t, nil, func() ocsp.Response { return ocsp.Response{Status: ocsp.Good} })
	secure := httptest.NewTLSServer(answer)
	t.Cleanup(secure.Close)
	leaf := func(address string) *x509.Certificate {
		return root.Issue(t, certtest.Spec{Names: []string{"client"}, OCSP: []string{address}}).Leaf
	}
	if err := checker(nil).Check(t.Context(), leaf(secure.URL), root.Leaf); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an unknown certificate: %v", err)
	}
	if err := checker(func(o *Options) { o.InsecureSkipVerify = true }).Check(t.Context(), leaf(secure.URL), root.Leaf); err != nil {
		t.Errorf("unverified: %v", err)
	}
	var connects atomic.Int32
	proxy, err := url.Parse(site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			connects.Add(1)
			w.WriteHeader(http.StatusForbidden)
			return
		}
		answer(w, r)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := checker(func(o *Options) { o.HTTPProxy = proxy }).Check(t.Context(), leaf("http://responder.invalid/"), root.Leaf); err != nil {
		t.Errorf("by a proxy: %v", err)
	}
	if err := checker(func(o *Options) { o.HTTPSProxy = proxy }).Check(t.Context(), leaf("https://responder.invalid/"), root.Leaf); !errors.Is(err, ErrUnavailable) || connects.Load() != 1 {
		t.Errorf("https by a proxy: %v, %d connects", err, connects.Load())
	}
}

func FuzzIssuingPoint(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x81, 0x01, 0xff}, "http://a/")
	f.Add([]byte{0x30, 0x00}, "")
	f.Fuzz(func(_ *testing.T, extension []byte, address string) { about(extension, address) })
}
