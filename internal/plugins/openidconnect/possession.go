package openidconnect

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"sallyport/internal/flow"
	"sallyport/internal/message"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/revocation"
	"sallyport/internal/session"
)

// The members of the claim cnf that name to whom a token is bound: the
// certificate (RFC 8705 section 3.1) and the key (RFC 9449 section 6.1). An entry
// keeps them under cnfPrefix and their name.
const (
	cnfPrefix      = "\x00cnf\x1f"
	cnfCertificate = "x5t#S256"
	cnfKey         = "jkt"
	// unmatched stands for a member that cannot be read, or that is said in two
	// ways: it equals no thumbprint, so that nobody meets it.
	unmatched = "?"
	// thumbprintLength is that of SHA-256 in base64url.
	thumbprintLength = 43
)

// bound is to whom a token is bound.
type bound struct {
	// held tells that tokens obtained like this are held to it here.
	held bool
	// certificate and key are thumbprints; empty where it is bound to none.
	certificate, key string
	// tokenHash is ath of the access token.
	tokenHash string
}

// confirmation is a member of cnf as the sources say it, which must agree.
func confirmation(sources []*oidc.Claims, member string) string {
	found := ""
	for _, claims := range sources {
		cnf, there := claims.Lookup("cnf")
		if !there {
			continue
		}
		members, isObject := cnf.(map[string]any)
		value, there := members[member]
		text, _ := value.(string)
		switch {
		case !isObject, there && len(text) != thumbprintLength:
			return unmatched
		case there && found != "" && found != text:
			return unmatched
		case there:
			found = text
		}
	}
	return found
}

// keepBinding stores to whom the access token is bound, by what was found out
// about it: its introspection, and its own claims where it is a JWT. These count
// also where the introspection alone vouches for it, and does not repeat them.
func (h *handler) keepBinding(e *session.Entry, ev *evidence) {
	if !h.config.Possession.Proves(ev.method) {
		return
	}
	sources := sourcesAmong(introspected(ev), accessClaims(e))
	for _, member := range [...]string{cnfCertificate, cnfKey} {
		e.Claims = append(e.Claims, session.Claim{Name: cnfPrefix + member, Value: confirmation(sources, member)})
	}
}

// boundOf reads what keepBinding has stored. Without that it is what the token
// says by itself, and nobody's where that is nothing.
func (h *handler) boundOf(e *session.Entry) bound {
	p := &h.config.Possession
	if !p.Proves(config.Method(e.Method)) {
		return bound{}
	}
	member := func(name string) string {
		for _, c := range e.Claims {
			if c.Name == cnfPrefix+name {
				return c.Value
			}
		}
		claims := accessClaims(e)
		if claims == nil {
			return unmatched
		}
		return confirmation([]*oidc.Claims{claims}, name)
	}
	b := bound{held: true, certificate: member(cnfCertificate), key: member(cnfKey)}
	if p.DPoP != config.PossessionOff {
		b.tokenHash = oidc.AccessTokenHash(e.AccessToken.Reveal())
	}
	return b
}

// size is about how many bytes it takes.
func (b *bound) size() int { return len(b.certificate) + len(b.key) + len(b.tokenHash) }

// The error codes of RFC 9449 section 7.1 and 9.
const (
	invalidToken = "invalid_token"
	invalidProof = "invalid_dpop_proof"
	useNonce     = "use_dpop_nonce"
)

// lack is what is missing beside a token. It holds no secret.
type lack struct {
	cause, code, clause string
	err                 error
	// unknown tells that it cannot be found out now.
	unknown bool
}

const describeLack = "The access token is bound to somebody else, or its proof of possession is not accepted"

// lacking demands what a token is bound to, of whoever sent the request. It is
// asked for every request, whatever is remembered of the token: nil for what
// suffices. shown is the credential, nil for a session.
func (h *handler) lacking(v *visit, b *bound, shown *credential) *lack {
	if !b.held {
		return nil
	}
	if l := h.lackOfCertificate(v, b); l != nil {
		return l
	}
	return h.lackOfKey(v, b, shown)
}

// lackOfCertificate is the rule of RFC 8705 section 3.
func (h *handler) lackOfCertificate(v *visit, b *bound) *lack {
	mode := h.config.Possession.MTLS
	if mode == config.PossessionOff || mode == config.PossessionOptional && b.certificate == "" {
		return nil
	}
	l := &lack{code: invalidToken, clause: "RFC 8705 3"}
	found, err := h.clientCertificate(v)
	switch {
	case err != nil:
		l.cause, l.err = "proof of possession: the client certificate of the header does not count", err
		l.unknown = errors.Is(err, revocation.ErrUnavailable)
	case found == "":
		l.cause = "proof of possession: there is no client certificate"
	case b.certificate == "":
		l.cause = "proof of possession: the access token is bound to no certificate"
	case subtle.ConstantTimeCompare([]byte(found), []byte(b.certificate)) != 1:
		l.cause = "proof of possession: the access token is bound to another certificate"
	default:
		return nil
	}
	return l
}

// clientCertificate is the thumbprint of the certificate of whoever sent the
// request; empty without one. The handshake has proved that they have its key: with
// us, or where a header is configured with the proxy in front. Then that of our own
// handshake is the proxy's, and says nothing of the client.
func (h *handler) clientCertificate(v *visit) (string, error) {
	if h.shown != nil {
		return h.shown.from(v)
	}
	state := v.q.HTTP.TLS
	if state == nil || len(state.PeerCertificates) == 0 {
		return "", nil
	}
	return certificateThumbprint(state.PeerCertificates[0].Raw), nil
}

// certificateThumbprint is x5t#S256 of a certificate in DER (RFC 8705 section 3.1).
func certificateThumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// WantsClientCertificate implements plugin.CertificateReader.
func (h *handler) WantsClientCertificate() bool {
	return h.config.Possession.MTLS != config.PossessionOff && h.shown == nil
}

// lackOfKey is the rule of RFC 9449: one good proof, seen for the first time, by
// the key of the token, which comes by the scheme DPoP.
func (h *handler) lackOfKey(v *visit, b *bound, shown *credential) *lack {
	mode := h.config.Possession.DPoP
	byScheme := shown != nil && shown.dpop
	if mode == config.PossessionOff || mode == config.PossessionOptional && b.key == "" && !byScheme {
		return nil
	}
	if shown != nil && !byScheme {
		cause := "proof of possession: the access token is bound to a key and was shown as a bearer token"
		if b.key == "" {
			cause = "proof of possession: the access token is no DPoP token"
		}
		return &lack{cause: cause, code: invalidToken, clause: "RFC 9449 7.2"}
	}
	return h.lackOfProof(v, b)
}

// lackOfProof is that of the one proof, which is spent if it is good.
func (h *handler) lackOfProof(v *visit, b *bound) *lack {
	l := &lack{code: invalidProof, clause: "RFC 9449 4.3"}
	proofs := v.q.HTTP.Header["Dpop"]
	switch n := len(proofs); {
	case n == 0:
		l.cause = "proof of possession: there is no DPoP proof"
		if h.config.Possession.UseNonce {
			l.code = useNonce
		}
		return l
	case n > 1:
		l.cause = "proof of possession: there are several DPoP proofs"
		return l
	}
	check := h.proofCheck(v, b)
	proof, err := oidc.VerifyProof(proofs[0], check)
	if err != nil {
		return brokenProof(err)
	}
	switch first, err := h.spent.spend(proof.Thumbprint, proof.ID, proof.Ends, check.Now); {
	case err != nil:
		return &lack{cause: "proof of possession: no DPoP proof can be remembered now", err: err, unknown: true}
	case !first:
		l.cause = "proof of possession: the DPoP proof was used before"
		return l
	}
	if h.config.Possession.UseNonce && 2*check.Now.Sub(proof.Made) > check.Lifetime {
		v.q.Response.Set(nonceHeader, h.nonce(check.Now))
		v.q.Response.Set("Cache-Control", "no-store")
	}
	return nil
}

// proofSkew is by how much a proof may lie in the future at least: clocks of
// clients are not set by anybody, and their seconds are rounded.
const proofSkew = 5 * time.Second

func (h *handler) proofCheck(v *visit, b *bound) oidc.ProofCheck {
	p := &h.config.Possession
	check := oidc.ProofCheck{
		Method: v.q.Canonical.Method, URI: seenURI(&v.q.Canonical), TokenHash: b.tokenHash, Thumbprint: b.key,
		Lifetime: p.ProofLifetime, Skew: max(proofSkew, h.config.Verification.Leeway), Now: h.Now(),
	}
	if p.UseNonce {
		check.Nonce = h.nonceMade
	}
	return check
}

// seenURI is the address of the request as the client sees it: a trusted proxy
// may have taken a part of its path.
func seenURI(c *message.Request) string {
	switch {
	case c.ForwardedPath != "":
		return c.Origin() + c.ForwardedPath
	case c.ForwardedPrefix != "":
		return c.Origin() + c.ForwardedPrefix + c.RawPath
	}
	return c.Place()
}

// brokenProof is the lack of a proof that broke a rule.
func brokenProof(err error) *lack {
	l := &lack{code: invalidProof, cause: "proof of possession: DPoP proof", err: err}
	if violation, ok := errors.AsType[*oidc.Violation](err); ok {
		l.cause += ": " + violation.Rule.Error()
		l.clause = violation.Clause
	}
	switch {
	case errors.Is(err, oidc.ErrProofNonce):
		l.code = useNonce
	case errors.Is(err, oidc.ErrProofBinding):
		l.code = invalidToken
	}
	return l
}

// unproven is the answer to whoever lacks what a token is bound to. A session
// stays: its owner may come with it.
func (v *visit) unproven(l *lack, client *config.Client) error {
	v.carried = true
	e := flow.Event{Kind: flow.Access, Step: l.cause, Verdict: flow.Refused, Err: l.err, Clause: l.clause}
	if l.unknown {
		e.Verdict = flow.Failed
		v.emit(e)
		return v.refuse(outcome{status: http.StatusServiceUnavailable, cause: l.cause, err: l.err, client: client})
	}
	if violation, ok := errors.AsType[*oidc.Violation](l.err); ok {
		e.Expected, e.Found = violation.Expected, violation.Found
	}
	v.emit(e)
	if v.mayStandIn() {
		return errStandIn
	}
	return v.refuse(outcome{status: http.StatusUnauthorized, cause: l.cause, err: l.err, client: client, tokenError: l.code, description: describeLack})
}

// forward shows the upstream a token that came by the scheme DPoP as the bearer
// token that it is from here on; its proof stays here.
func (v *visit) forward(c *credential) {
	if c.dpop {
		v.q.Upstream.RemoveSpellings(c.carriers[0])
		v.q.Upstream.Set(c.carriers[0], "Bearer "+c.token)
	}
}

// challenges sets what a 401 or 403 asks for (RFC 6750 section 3, RFC 9449
// section 7.1): the scheme of the request first, with what was wrong.
func (v *visit) challenges(header http.Header, o outcome) {
	h := v.h
	p := &h.config.Possession
	const name = "WWW-Authenticate"
	if p.DPoP == config.PossessionOff {
		header.Set(name, h.challenge("Bearer", o))
		return
	}
	algs := ", algs=" + strconv.Quote(oidc.ProofAlgorithms)
	switch {
	case p.DPoP == config.PossessionStrict:
		header.Set(name, h.challenge("DPoP", o)+algs)
	case v.byDPoP || o.tokenError == invalidProof || o.tokenError == useNonce:
		header.Set(name, h.challenge("DPoP", o)+algs)
		header.Add(name, h.challenge("Bearer", outcome{}))
	default:
		header.Set(name, h.challenge("Bearer", o))
		header.Add(name, h.challenge("DPoP", outcome{})+algs)
	}
	if p.UseNonce && o.status == http.StatusUnauthorized {
		header.Set(nonceHeader, h.nonce(h.Now()))
	}
}
