package certtest

import (
	"crypto/rand"
	"crypto/x509"
	"io"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Responder answers OCSP requests about certificates of p with what answer gives,
// its times filled in where they are zero. signer signs instead of p, unless it is
// nil.
func (p *Pair) Responder(t testing.TB, signer *Pair, answer func() ocsp.Response) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil {
			return
		}
		request, err := ocsp.ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		template, by := answer(), p
		if signer != nil {
			by, template.Certificate = signer, signer.Leaf
		}
		if template.SerialNumber == nil {
			template.SerialNumber = request.SerialNumber
		}
		if template.ThisUpdate.IsZero() {
			template.ThisUpdate, template.NextUpdate = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		}
		text, err := ocsp.CreateResponse(p.Leaf, by.Leaf, template, by.signer)
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = w.Write(text)
	}
}

// List signs a list of revoked certificates; its times are filled in where they are
// zero.
func (p *Pair) List(t testing.TB, list x509.RevocationList) []byte {
	t.Helper()
	if list.ThisUpdate.IsZero() {
		list.ThisUpdate, list.NextUpdate = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	}
	list.Number = p.Leaf.SerialNumber
	text, err := x509.CreateRevocationList(rand.Reader, &list, p.Leaf, p.signer)
	check(t, err)
	return text
}
