package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
)

// challengeS256 is the one code challenge method that is ever used.
const challengeS256 = "S256"

// S256Challenge is the code challenge of a verifier (RFC 7636 §4.2).
func S256Challenge(verifier string) string {
	var room [128]byte // as long as a verifier may be
	sum := sha256.Sum256(append(room[:0], verifier...))
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

// UsePKCE decides whether a login sends a code challenge: always where it is
// required, never where that is switched off, and where nothing is said,
// exactly when the document lists S256. onlyPlain reports a provider that
// lists nothing better than plain: it gets no challenge, and deserves a
// warning.
func UsePKCE(require *bool, md *Metadata) (use, onlyPlain bool) {
	if require != nil {
		return *require, false
	}
	if slices.Contains(md.CodeChallengeMethods, challengeS256) {
		return true, false
	}
	return false, slices.Contains(md.CodeChallengeMethods, "plain")
}
