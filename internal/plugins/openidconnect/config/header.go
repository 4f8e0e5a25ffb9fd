package config

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" //nolint:gosec // no secret: RFC 9110 §5.6.2

// connectionHeaders belong to one connection or frame the message; no field
// may set them.
func connectionHeaders() []string {
	return []string{
		"Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade",
	}
}

// headerName reads the name of a header that carries something, written in any
// case and with underscores for dashes.
func headerName(text string) (string, error) {
	if text == "" || strings.Trim(text, tokenCharacters) != "" {
		return "", errors.New("expected the name of a header")
	}
	name := textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(text, "_", "-"))
	if slices.Contains(connectionHeaders(), name) {
		return "", fmt.Errorf("%s cannot be set", name)
	}
	return name, nil
}

func headerNamed(v any) error {
	text, _ := v.(string)
	_, err := headerName(text)
	return err
}

// tokenHeader reads "name" or "name:bearer".
func tokenHeader(text string) (TokenHeader, error) {
	text, scheme, has := strings.Cut(text, ":")
	if has && !strings.EqualFold(scheme, "bearer") {
		return TokenHeader{}, errors.New("expected name or name:bearer")
	}
	name, err := headerName(text)
	return TokenHeader{Name: name, Bearer: has}, err
}

// requestHeaderName checks the name of a header sent to the provider.
func requestHeaderName(v any) error {
	text, _ := v.(string)
	if text == "" || strings.Trim(text, tokenCharacters) != "" {
		return errors.New("expected the name of a header")
	}
	if slices.Contains(connectionHeaders(), textproto.CanonicalMIMEHeaderKey(text)) {
		return fmt.Errorf("%s cannot be set", text)
	}
	return nil
}

// passedHeaderName checks the name of a header that is taken over from the user
// agent's request: none that authenticates somebody, and none that describes our
// own request.
func passedHeaderName(v any) error {
	if err := requestHeaderName(v); err != nil {
		return err
	}
	text, _ := v.(string)
	switch name := textproto.CanonicalMIMEHeaderKey(text); {
	case name == "Authorization", name == "Cookie", name == "Accept", name == "Accept-Encoding", name == "Expect",
		strings.HasPrefix(name, "Content-"):
		return fmt.Errorf("%s cannot be passed on", text)
	}
	return nil
}

// headerValue checks that a value can stand in a header (RFC 9110 §5.5). The
// error does not show it.
func headerValue(v any) error {
	text, _ := v.(string)
	for i := range len(text) {
		if c := text[i]; (c < ' ' && c != '\t') || c == 0x7f {
			return errors.New("a header value has no control characters")
		}
	}
	return nil
}
