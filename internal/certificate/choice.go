package certificate

import (
	"crypto/tls"
	"strings"
)

// Choice are the pairs that stand for one certificate, of different key types,
// the one that is preferred first. There is one at least.
type Choice []*tls.Certificate

// For gives the first pair that the client can use. Where there is none it
// gives the first one: the handshake then fails with a fitting alert.
func (c Choice) For(hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(c) > 1 {
		asked := *hello
		asked.ServerName = "" // the name was looked up; what stands in the pair is its owner's concern
		for _, pair := range c {
			if asked.SupportsCertificate(pair) == nil {
				return pair
			}
		}
	}
	return c[0]
}

// ForName is For among pairs for different names: a pair that is for the
// client's server name comes before one that is not.
func (c Choice) ForName(hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(c) > 1 && hello.ServerName != "" {
		for _, pair := range c {
			if hello.SupportsCertificate(pair) == nil {
				return pair
			}
		}
	}
	return c.For(hello)
}

// Index finds certificates by server name. It must not be changed once it is in
// use; then it may be used concurrently. The zero value is empty.
type Index struct {
	byName map[string]Choice
}

// anyName is the name of the certificate for all that have none of their own.
const anyName = "*"

// Add puts a certificate under a name: a host, "*.x", "x.*" or "*".
func (x *Index) Add(name string, c Choice) {
	if x.byName == nil {
		x.byName = make(map[string]Choice)
	}
	x.byName[Fold(name)] = c
}

// Fold is the form in which server names are compared: lower case, without a
// final dot.
func Fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Find looks for the server name of a client as Kong does: the name itself,
// with * for its first label (which two others must follow), with * for its last
// one, and * alone. A client without a name finds nothing.
func (x *Index) Find(serverName string) (Choice, bool) {
	if len(x.byName) == 0 {
		return nil, false
	}
	name := Fold(serverName)
	if name == "" {
		return nil, false
	}
	if c, ok := x.byName[name]; ok {
		return c, true
	}
	if i := strings.IndexByte(name, '.'); i > 0 && strings.Contains(name[i+1:], ".") {
		if c, ok := x.byName[anyName+name[i:]]; ok {
			return c, true
		}
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		if c, ok := x.byName[name[:i+1]+anyName]; ok {
			return c, true
		}
	}
	c, ok := x.byName[anyName]
	return c, ok
}
