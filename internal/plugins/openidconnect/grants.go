package openidconnect

import (
	"context"
	"errors"
	"strings"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
)

// byRefreshToken is the method refresh_token: the client brings a refresh token
// and the plugin redeems it as its own client.
func (h *handler) byRefreshToken(v *visit, found credential) (*admission, error) {
	a := &admission{credential: found, client: h.chooseClient(v)}
	if found.malformed {
		return nil, v.deny(found, malformed(), a.client)
	}
	if a.client == nil {
		return v.settle(a, errNoClient)
	}
	token := secret.New(strings.Clone(found.token))
	err := h.grant(v, a, kindRefresh, config.MethodRefreshToken, []string{found.token}, func(ctx context.Context, extra oidc.Extra) (*oidc.TokenResponse, error) {
		return h.provider.Refresh(ctx, a.client.Client, oidc.RefreshGrant{Token: token}, extra)
	})
	return v.settle(a, err)
}

// byPair is the methods password and client_credentials. One Basic header may
// mean either: a name and password that the IdP refuses are tried as a client's
// credentials where both methods are enabled.
func (h *handler) byPair(v *visit) (*admission, error) {
	var first *admission
	if h.config.Method.Has(config.MethodPassword) {
		found, ok, err := v.pair(h.config.Credential.Password, argUsername, argPassword)
		if err != nil {
			return nil, err
		}
		if ok {
			a, err := h.byPassword(v, found)
			if err != nil || a.proof.denied == nil || !h.config.Method.Has(config.MethodClientCredentials) {
				return v.settle(a, err)
			}
			first = a
		}
	}
	if h.config.Method.Has(config.MethodClientCredentials) {
		found, ok, err := v.pair(h.config.Credential.Client, argClientID, argClientSecret)
		if err == nil && !ok {
			found, ok, err = v.assertion(h.config.Credential.Client)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			a, err := h.byClient(v, found)
			return v.settle(a, err)
		}
	}
	if first != nil {
		return v.settle(first, nil)
	}
	return nil, nil
}

func (h *handler) byPassword(v *visit, found credential) (*admission, error) {
	a := &admission{credential: found, client: h.chooseClient(v)}
	switch {
	case found.malformed:
		a.proof = &proof{denied: malformed()}
		return a, nil
	case a.client == nil:
		return a, errNoClient
	}
	g := oidc.PasswordGrant{
		Username: secret.New(strings.Clone(found.name)), Password: secret.New(strings.Clone(found.password)),
		Scopes: h.config.Authorization.Scopes,
	}
	return a, h.grant(v, a, kindPassword, config.MethodPassword, []string{found.name, found.password}, func(ctx context.Context, extra oidc.Extra) (*oidc.TokenResponse, error) {
		return h.provider.Password(ctx, a.client.Client, g, extra)
	})
}

// byClient redeems the caller's own credentials, a secret or an assertion; the
// plugin's clients have no part in it beyond how a client authenticates itself.
func (h *handler) byClient(v *visit, found credential) (*admission, error) {
	a := &admission{credential: found, client: h.config.ChooseClient("")}
	if found.malformed {
		a.proof = &proof{denied: malformed()}
		return a, nil
	}
	caller := oidc.Client{
		Foreign: true, ID: strings.Clone(found.name), Secret: secret.New(strings.Clone(found.password)), Assertion: secret.New(strings.Clone(found.token)),
	}
	if a.client != nil {
		caller.IssuerAudience = a.client.IssuerAudience
		caller.AuthMethod, caller.TokenAuthMethod = secretMethod(a.client.AuthMethod), secretMethod(a.client.TokenAuthMethod)
	}
	if caller.Secret.Empty() && caller.Assertion.Empty() {
		a.proof = &proof{denied: malformed()} // nobody without a secret is who they say
		return a, nil
	}
	return a, h.grant(v, a, kindClient, config.MethodClientCredentials, []string{found.name, found.password, found.token}, func(ctx context.Context, extra oidc.Extra) (*oidc.TokenResponse, error) {
		return h.provider.ClientCredentials(ctx, caller, h.config.Authorization.Scopes, extra)
	})
}

// secretMethod leaves out methods that do not send the caller's secret.
func secretMethod(m oidc.AuthMethod) oidc.AuthMethod {
	if m == oidc.AuthBasic || m == oidc.AuthPost {
		return m
	}
	return ""
}

// grant proves a credential by redeeming it at the token endpoint, or recalls
// what came of it.
func (h *handler) grant(v *visit, a *admission, k kind, method config.Method, fields []string, redeem func(context.Context, oidc.Extra) (*oidc.TokenResponse, error)) error {
	extra := h.tokenExtra(v)
	id := ""
	if a.client != nil {
		id = a.client.ID
	}
	userInfo := v.userInfoExtra()
	fields = extraFields(extraFields(append(fields, id), extra), userInfo)
	keep := h.config.Cache.Tokens && !a.credential.once
	var err error
	a.proof, err = h.prove(v.ctx, k, h.key(k, fields...), keep && h.keepsUserInfo(), func(ctx context.Context) (*proof, error) {
		var place sharedPlace
		if keep {
			place = h.tokensPlace(method, fields)
		}
		if tokens, until, ok := h.sharedTokens(ctx, place); ok {
			p, err := h.verifyGranted(ctx, method, a.client, tokens, userInfo)
			if err == nil && p.denied == nil {
				p.until = until
				return p, nil
			} // keys may have changed since: new tokens tell
		}
		tokens, err := redeem(ctx, extra)
		if err != nil {
			return credentialsRefused(method, err)
		}
		p, err := h.verifyGranted(ctx, method, a.client, tokens, userInfo)
		if err == nil && p.denied == nil {
			h.shareTokens(ctx, place, tokens, p.expiry)
		}
		return p, err
	})
	return err
}

// credentialsRefused makes a proof of the token endpoint's word that the
// credentials are wrong; other errors stay errors. For client_credentials these
// are the caller's, so that an unknown client is one more wrong credential.
func credentialsRefused(method config.Method, err error) (*proof, error) {
	oauth, ok := errors.AsType[*oidc.OAuthError](err)
	if !ok {
		return nil, err
	}
	wrong := oauth.Code == "invalid_grant"
	if method == config.MethodClientCredentials {
		wrong = wrong || oauth.Code == "invalid_client" || oauth.Code == "unauthorized_client" || oauth.Code == "access_denied"
	}
	if !wrong {
		return nil, err
	}
	p := denied(string(method)+": the identity provider answered "+oauth.Code, err, true)
	p.denied.description = describeRejected
	return p, nil
}

// verifyGranted holds the tokens of a grant to their rules: the access token if
// it is a JWT, the ID token if there is one.
func (h *handler) verifyGranted(ctx context.Context, method config.Method, client *config.Client, tokens *oidc.TokenResponse, userInfo oidc.Extra) (*proof, error) {
	ev := evidence{method: method, client: client, token: tokens.AccessToken, tokens: tokens, userInfoExtra: userInfo}
	if !h.Now().Before(tokens.ExpiresAt(h.config.Cache.TTL)) {
		return denied(string(method)+": the access token has expired already", nil, true), nil
	}
	if oidc.IsJWT(tokens.AccessToken) {
		access, err := h.provider.VerifyAccessToken(ctx, tokens.AccessToken, h.accessCheck(client, method))
		if err != nil {
			return refused(err, "access token", true)
		}
		ev.access, ev.claims = access, access.Claims
	}
	if method == config.MethodClientCredentials {
		tokens.IDToken = secret.String{} // there is no user whom it could be about
		tokens.RefreshToken = secret.String{}
	}
	if !tokens.IDToken.Empty() {
		check := h.idTokenCheck(client, tokens)
		id, err := h.provider.VerifyIDToken(ctx, tokens.IDToken, check)
		if err != nil {
			return refused(err, "id token", true)
		}
		ev.idToken, ev.idTokenText = id, tokens.IDToken
	}
	return h.conclude(ctx, &ev)
}
