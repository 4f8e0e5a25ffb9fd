package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"mime"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// AnswerCheck says what an answer that comes as a JWT must prove: user info
// (OpenID Connect Core 1.0 §5.3.2) or a token's introspection (RFC 9701 §5).
type AnswerCheck struct {
	// ClientID must be in aud.
	ClientID string
	// ClientSecret opens encrypted answers (OpenID Connect Core 1.0 §10.2) and,
	// with EnableHS, verifies HMAC signatures.
	ClientSecret secret.String
	EnableHS     bool
	// Key is a private key that opens encrypted answers, beside the secret.
	Key    *PrivateKey
	Leeway time.Duration
	// SkipSignature leaves the signature unverified; SkipClaims iss, aud, exp
	// and nbf.
	SkipSignature, SkipClaims bool
}

// jwtAnswer reports whether a media type is that of a JWT.
func jwtAnswer(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/jwt" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+jwt"))
}

var errAnswerSealed = errors.New("decryption")

// openAnswer verifies an answer that came as a JWT, encrypted or not, and gives
// its claims. expected is the typ that it has besides JWT and none. Errors are
// *Violations of ErrSignedAnswer and those of Metadata.
func (p *Provider) openAnswer(ctx context.Context, text, expected string, check AnswerCheck) (*Claims, secret.String, error) {
	text = strings.TrimSpace(text)
	if strings.Count(text, ".") == 4 {
		plain, err := decrypt(text, check)
		if err != nil {
			return nil, secret.String{}, err
		}
		text = plain
	}
	raw := secret.New(text)
	v, err := p.verification(ctx, raw, IDTokenCheck{
		ClientID: check.ClientID, Leeway: check.Leeway, EnableHS: check.EnableHS, ClientSecret: check.ClientSecret,
		SkipSignature: check.SkipSignature, SkipClaims: check.SkipClaims,
	})
	if err != nil {
		return nil, secret.String{}, reclassified(err, ErrSignedAnswer)
	}
	typ := strings.TrimPrefix(strings.ToLower(v.jws.typ), "application/")
	if typ != "" && typ != "jwt" && typ != expected {
		return nil, secret.String{}, &Violation{Rule: ErrType, Clause: "RFC 8725 3.11", Expected: expected, Found: quoted(v.jws.typ), class: ErrSignedAnswer}
	}
	rules := []func(context.Context) error{v.issuer, v.audience, v.anyPinned, v.signature, v.notBefore}
	if _, present := v.claims.Lookup("exp"); present {
		rules = append(rules, v.expiry)
	}
	if err := v.run(ctx, rules...); err != nil {
		return nil, secret.String{}, reclassified(err, ErrSignedAnswer)
	}
	return v.claims, raw, nil
}

// answerKeyAlgorithms are those with which an answer may be encrypted. PBES2,
// whose cost the sender chooses, and RSA1_5 (RFC 8725 §3.2) are not among them.
func answerKeyAlgorithms() []jose.KeyAlgorithm {
	return []jose.KeyAlgorithm{
		jose.DIRECT, jose.A128KW, jose.A192KW, jose.A256KW, jose.A128GCMKW, jose.A192GCMKW, jose.A256GCMKW,
		jose.RSA_OAEP, jose.RSA_OAEP_256, jose.ECDH_ES, jose.ECDH_ES_A128KW, jose.ECDH_ES_A192KW, jose.ECDH_ES_A256KW,
	}
}

func answerEncryptions() []jose.ContentEncryption {
	return []jose.ContentEncryption{
		jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A128CBC_HS256, jose.A192CBC_HS384, jose.A256CBC_HS512,
	}
}

// decrypt opens a compact JWE. One that is compressed is refused: its length
// says nothing of what it grows to. Whatever fails gives one error.
func decrypt(text string, check AnswerCheck) (string, error) {
	refusal := &Violation{Rule: errAnswerSealed, Clause: "RFC 7516 5.2", class: ErrSignedAnswer}
	if len(text) > 2*maxToken {
		return "", refusal
	}
	head, _, _ := strings.Cut(text, ".")
	header, err := decodePart(head)
	if err != nil || header["zip"] != nil || header["crit"] != nil {
		return "", refusal
	}
	object, err := jose.ParseEncryptedCompact(text, answerKeyAlgorithms(), answerEncryptions())
	if err != nil {
		return "", refusal
	}
	var key any
	if symmetric := symmetricKey(header, check.ClientSecret); symmetric != nil {
		key = symmetric
	} else if alg, _ := header["alg"].(string); check.Key != nil && check.Key.opens(alg) {
		key = check.Key.key
	}
	if key == nil {
		return "", refusal
	}
	plain, err := object.Decrypt(key)
	if err != nil {
		return "", refusal
	}
	return string(plain), nil
}

// symmetricKey derives the key that a client secret stands for from the length
// that the header asks for (OpenID Connect Core 1.0 §10.2); nil for algorithms
// with public keys.
func symmetricKey(header map[string]any, clientSecret secret.String) []byte {
	if clientSecret.Empty() {
		return nil
	}
	name, _ := header["alg"].(string)
	if name == string(jose.DIRECT) {
		name, _ = header["enc"].(string)
	}
	bits := map[string]int{
		string(jose.A128KW): 128, string(jose.A192KW): 192, string(jose.A256KW): 256,
		string(jose.A128GCMKW): 128, string(jose.A192GCMKW): 192, string(jose.A256GCMKW): 256,
		string(jose.A128GCM): 128, string(jose.A192GCM): 192, string(jose.A256GCM): 256,
		string(jose.A128CBC_HS256): 256, string(jose.A192CBC_HS384): 384, string(jose.A256CBC_HS512): 512,
	}[name]
	text := []byte(clientSecret.Reveal())
	switch {
	case bits == 0:
		return nil
	case bits <= 256:
		sum := sha256.Sum256(text)
		return sum[:bits/8]
	case bits == 384:
		sum := sha512.Sum384(text)
		return sum[:]
	default:
		sum := sha512.Sum512(text)
		return sum[:]
	}
}
