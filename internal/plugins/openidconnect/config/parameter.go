package config

import (
	"errors"
	"fmt"
	"strings"
)

// authorizationArgument refuses to replace what binds the provider's answer to
// the login.
func authorizationArgument(v any) error {
	switch text, _ := v.(string); text {
	case "state", "nonce", "redirect_uri", "response_type", "response_mode", "client_id",
		"code_challenge", "code_challenge_method", "request", "request_uri":
		return fmt.Errorf("%s is set by the plugin", text)
	}
	return nil
}

// words refuses a requirement without a word, which everybody would meet.
func words(v any) error {
	text, _ := v.(string)
	if len(strings.Fields(text)) == 0 {
		return errors.New("expected at least one word")
	}
	return nil
}

// tokenArgument refuses to replace what a token request consists of.
func tokenArgument(v any) error {
	switch text, _ := v.(string); text {
	case "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "username", "password",
		"client_id", "client_secret", "client_assertion", "client_assertion_type",
		"subject_token", "subject_token_type", "actor_token", "actor_token_type":
		return fmt.Errorf("%s is set by the plugin", text)
	}
	return nil
}

// passedTokenArgument is tokenArgument for one that the user agent sends: it is
// looked for as a header, too.
func passedTokenArgument(v any) error {
	if err := tokenArgument(v); err != nil {
		return err
	}
	return parameterName(v)
}

// revokedArgument checks the name of the field that carries a token that is
// revoked.
func revokedArgument(v any) error {
	if text, _ := v.(string); text == "token_type_hint" {
		return errors.New("token_type_hint is set by the plugin")
	}
	return tokenArgument(v)
}

// userInfoArgument refuses the query argument that carries a token (RFC 6750
// §2.3).
func userInfoArgument(v any) error {
	if text, _ := v.(string); text == "access_token" {
		return errors.New("access_token is sent in a header")
	}
	return nil
}

// parameterName checks the name of a request parameter that is also looked for
// as a header.
func parameterName(v any) error {
	if text, _ := v.(string); text == "" || strings.Trim(text, tokenCharacters) != "" {
		return errors.New("expected the name of a parameter")
	}
	return nil
}

// scopeText checks one or several scope tokens (RFC 6749 §3.3).
func scopeText(v any) error {
	text, _ := v.(string)
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return errors.New("expected a scope")
		}
	}
	return nil
}
