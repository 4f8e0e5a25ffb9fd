package openidconnect

import (
	"errors"
	"strings"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/secret"
)

// signedResponses tells whether answers of the IdP must be signed (JARM).
func (h *handler) signedResponses() bool { return h.config.Authorization.ResponseMode.Signed() }

// openResponse takes the parameters out of a signed response. Before it is
// verified they only tell to which login it wants to belong: the state inside is
// sealed by us. What stands beside it does not count.
func (h *handler) openResponse(c *callback) {
	c.sent = c.callbackParams
	if !h.signedResponses() || c.Response == "" {
		return
	}
	if c.signed, c.malformed = oidc.ParseSignedResponse(secret.New(c.Response)); c.malformed != nil {
		c.brokenToken = strings.Count(c.Response, ".") >= 2
		return
	}
	inner := callbackParams{marked: c.marked, duplicate: c.duplicate, oversized: c.oversized, overflow: c.overflow}
	for _, name := range []string{"state", "code", "error", "error_description", "error_uri", "session_state"} {
		if value, ok := c.signed.Parameter(name); ok {
			inner.set(name, value)
		}
	}
	c.callbackParams = inner
}

// verifyResponse holds a response to what says who sent it: its signature, or the
// issuer that it names (RFC 9207).
func (h *handler) verifyResponse(v *visit, c *callback) error {
	if c.signed == nil {
		md, err := h.provider.Metadata(v.ctx)
		if err != nil {
			return v.providerFailed(flow.Callback, "discovery", err, c.client)
		}
		if err := h.provider.CheckResponseIssuer(md, c.Issuer, c.hasIssuer); err != nil {
			return v.tokenRefused(err, outcome{cause: "authorization response issuer", client: c.client})
		}
		return nil
	}
	start, settings := h.Now(), &h.config.Verification
	err := h.provider.VerifySignedResponse(v.ctx, c.signed, oidc.SignedResponseCheck{
		ClientID: c.client.ID, Leeway: settings.Leeway, EnableHS: settings.EnableHS, ClientSecret: c.client.Secret,
	})
	switch {
	case errors.Is(err, oidc.ErrSignedResponse):
		return v.tokenRefused(err, outcome{cause: "authorization response", client: c.client})
	case err != nil:
		return v.providerFailed(flow.Callback, "signing keys", err, c.client)
	}
	v.step(flow.Callback, "signed authorization response", "JARM 2.4", start, nil)
	return nil
}
