package oidc

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// ErrProof says that a DPoP proof broke a rule of RFC 9449 §4.3. The error is a
// *Violation.
var ErrProof = errors.New("dpop proof refused")

// The rules of a DPoP proof that other tokens do not have.
var (
	ErrProofKey    = errors.New("jwk")
	ErrProofMethod = errors.New("htm")
	ErrProofURI    = errors.New("htu")
	ErrProofToken  = errors.New("ath")
	ErrProofID     = errors.New("jti")
	// ErrProofNonce: the nonce is missing, not ours, or too old. A new one helps.
	ErrProofNonce = errors.New("dpop nonce")
	// ErrProofBinding: the access token is bound to another key, or to none.
	ErrProofBinding = errors.New("cnf jkt")
)

const (
	clauseProof = "RFC 9449 4.3"
	// maxProof bounds a proof, maxProofID its jti, maxProofKeyBits an RSA key.
	maxProof        = 12 << 10
	maxProofID      = 512
	maxProofKeyBits = 8192
)

// ProofAlgorithms are the signature algorithms of DPoP proofs, for the algs
// parameter of a challenge.
const ProofAlgorithms = "ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512 EdDSA"

// ProofCheck says what a DPoP proof must prove.
type ProofCheck struct {
	// Method and URI are those of the request as the client sees it; of the URI
	// query and fragment do not count.
	Method, URI string
	// TokenHash is AccessTokenHash of the access token, and Thumbprint the key
	// (RFC 7638) to which it is bound; empty for none, which fits no proof.
	TokenHash, Thumbprint string
	// Lifetime is how old a proof may be, Skew how far it may lie in the future.
	Lifetime, Skew time.Duration
	// Nonce, when set, demands one and tells when it was made, false for a value
	// that is not ours. Age then counts from there, not from iat.
	Nonce func(nonce string) (made time.Time, ok bool)
	Now   time.Time
}

// Proof is a DPoP proof that proved everything but that it is used for the first
// time.
type Proof struct {
	// ID is its jti, Thumbprint the key that signed it: together they are unique.
	ID, Thumbprint string
	// Made is what its age counts from, Ends until when it would be accepted.
	Made, Ends time.Time
}

// AccessTokenHash is the hash of an access token of which a proof speaks (RFC
// 9449 §4.2, ath).
func AccessTokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// VerifyProof holds a DPoP proof to every rule of RFC 9449 §4.3 that concerns
// one proof: that there is one only, and that it is new, is the caller's to see
// to. Errors are violations of ErrProof. It keeps nothing of text.
func VerifyProof(text string, check ProofCheck) (*Proof, error) {
	t, key, err := parseProof(text)
	if err != nil {
		return nil, reclassified(err, ErrProof)
	}
	p := &Proof{}
	for _, rule := range []func(*jws, signingKey, *ProofCheck) error{
		p.keyBinding, p.method, p.uri, p.tokenHash, p.id, p.age, proofSignature,
	} {
		if err := rule(t, key, &check); err != nil {
			return nil, reclassified(err, ErrProof)
		}
	}
	return p, nil
}

// parseProof reads the header: a JWS of the type dpop+jwt, an asymmetric
// algorithm, and the public key that goes with it.
func parseProof(text string) (*jws, signingKey, error) {
	if len(text) > maxProof {
		return nil, signingKey{}, malformed("at most " + strconv.Itoa(maxProof>>10) + " KiB")
	}
	t, err := parseJWS(secret.New(text))
	if err != nil {
		return nil, signingKey{}, err
	}
	if t.typ != "dpop+jwt" {
		return nil, signingKey{}, refuse(ErrType, clauseProof, "dpop+jwt", quoted(t.typ))
	}
	if t.algorithm.family == familyHMAC {
		return nil, signingKey{}, refuse(ErrAlgorithm, clauseProof, "an asymmetric algorithm", string(t.algorithm.name))
	}
	head, _, _ := strings.Cut(text, ".")
	header, err := decodePart(head)
	if err != nil {
		return nil, signingKey{}, malformed("a json object as header")
	}
	members, _ := header["jwk"].(map[string]any)
	for _, private := range privateMembers {
		if _, there := members[private]; there {
			return nil, signingKey{}, refuse(ErrProofKey, clauseProof, "a public key", "a private or symmetric one")
		}
	}
	key, ok := parseKey(members)
	if !ok || !t.algorithm.fits(key) {
		return nil, signingKey{}, refuse(ErrProofKey, clauseProof, "a public key for "+string(t.algorithm.name), "")
	}
	if public, isRSA := key.public.(*rsa.PublicKey); isRSA && public.N.BitLen() > maxProofKeyBits {
		return nil, signingKey{}, refuse(ErrProofKey, clauseProof, "at most "+strconv.Itoa(maxProofKeyBits)+" bits", "")
	}
	return t, key, nil
}

func proofSignature(t *jws, key signingKey, _ *ProofCheck) error {
	if !t.signedWith(key.public) {
		return refuse(ErrSignature, clauseProof, "", "")
	}
	return nil
}

// keyBinding: the access token is bound to the key of the proof.
func (p *Proof) keyBinding(_ *jws, key signingKey, check *ProofCheck) error {
	print, err := (&jose.JSONWebKey{Key: key.public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return refuse(ErrProofKey, "RFC 7638 3", "a key with a thumbprint", "")
	}
	p.Thumbprint = base64.RawURLEncoding.EncodeToString(print)
	if check.Thumbprint == "" || subtle.ConstantTimeCompare([]byte(p.Thumbprint), []byte(check.Thumbprint)) != 1 {
		return refuse(ErrProofBinding, clauseProof, "a token bound to this key", "")
	}
	return nil
}

func (p *Proof) method(t *jws, _ signingKey, check *ProofCheck) error {
	if htm := t.claims.str("htm"); htm == "" || htm != check.Method {
		return refuse(ErrProofMethod, clauseProof, quoted(check.Method), quoted(htm))
	}
	return nil
}

func (p *Proof) uri(t *jws, _ signingKey, check *ProofCheck) error {
	htu := t.claims.str("htu")
	if htu == check.URI && htu != "" {
		return nil
	}
	claimed, ok := normalURI(htu)
	asked, known := normalURI(check.URI)
	if !ok || !known || claimed != asked {
		return refuse(ErrProofURI, clauseProof, quoted(asked), quoted(claimed)) // without a query
	}
	return nil
}

func (p *Proof) tokenHash(t *jws, _ signingKey, check *ProofCheck) error {
	if ath := t.claims.str("ath"); ath == "" || subtle.ConstantTimeCompare([]byte(ath), []byte(check.TokenHash)) != 1 {
		return refuse(ErrProofToken, clauseProof, "the hash of the access token", "")
	}
	return nil
}

func (p *Proof) id(t *jws, _ signingKey, _ *ProofCheck) error {
	p.ID = t.claims.str("jti")
	if p.ID == "" || len(p.ID) > maxProofID {
		return refuse(ErrProofID, clauseProof, "a unique text", "")
	}
	p.ID = strings.Clone(p.ID)
	return nil
}

// age: iat is there in any case; where nonces are demanded it is theirs that
// counts, as the clocks of clients may be wrong (RFC 9449 §8).
func (p *Proof) age(t *jws, _ signingKey, check *ProofCheck) error {
	value, _ := t.claims.Lookup("iat")
	if _, text := value.(string); text {
		return refuse(ErrIssuedAt, clauseProof, "a number", "")
	}
	made, err := numericDate(value)
	if err != nil {
		return refuse(ErrIssuedAt, clauseProof, "a number", "")
	}
	rule := ErrIssuedAt
	if check.Nonce != nil {
		ok := false
		if made, ok = check.Nonce(t.claims.str("nonce")); !ok {
			return refuse(ErrProofNonce, "RFC 9449 9", "a nonce of this gateway", "")
		}
		rule = ErrProofNonce
	}
	if made.After(check.Now.Add(check.Skew)) {
		return refuse(rule, clauseProof, "not in the future", made.UTC().Format(time.RFC3339))
	}
	p.Made, p.Ends = made, made.Add(check.Lifetime)
	if !check.Now.Before(p.Ends) {
		return refuse(rule, clauseProof, "at most "+check.Lifetime.String()+" old", made.UTC().Format(time.RFC3339))
	}
	return nil
}

// normalURI is an absolute http URL without query and fragment in the normal
// form of RFC 3986 §6.2.2 and §6.2.3. ok is false for anything else.
func normalURI(text string) (normal string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.User != nil || u.Host == "" {
		return "", false
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	standard := map[string]string{"http": "80", "https": "443"}[scheme]
	if standard == "" || host == "" {
		return "", false
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != standard {
		host += ":" + port
	}
	path, ok := normalEscapes(u.EscapedPath())
	if !ok {
		return "", false
	}
	resolved := (&url.URL{Scheme: scheme, Host: host, Path: "/"}).ResolveReference(&url.URL{Scheme: scheme, Host: host, Path: unescaped(path), RawPath: path})
	path = resolved.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, true
}

// unescaped is a path with its escapes decoded, which were found to be right.
func unescaped(path string) string {
	text, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return text
}

// normalEscapes decodes the escapes of unreserved characters and writes the
// others in upper case.
func normalEscapes(path string) (string, bool) {
	if !strings.Contains(path, "%") {
		return path, true
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			b.WriteByte(path[i])
			continue
		}
		if i+2 >= len(path) {
			return "", false
		}
		c, err := strconv.ParseUint(path[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		if unreserved[byte(c)] {
			b.WriteByte(byte(c))
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return b.String(), true
}
