package secret

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
)

const referenceScheme = "{vault://"

// IsReference reports whether text as a whole is a reference such as
// {vault://env/NAME}. A reference inside a longer text is plain text.
func IsReference(text string) bool {
	return strings.HasPrefix(text, referenceScheme) && strings.HasSuffix(text, "}")
}

// Resolver resolves references. The zero value reads the process environment.
type Resolver struct {
	// LookupEnv finds an environment variable; nil means os.LookupEnv.
	LookupEnv func(name string) (string, bool)
}

// Resolve returns text unchanged unless it is a reference, and then the value
// it refers to. For {vault://env/my-name} that is the environment variable
// MY_NAME; {vault://env/my-name/key} takes a member of the JSON object it
// holds; ?prefix=P puts P in front of the name. The error names the reference,
// never a value.
func (r Resolver) Resolve(text string) (string, error) {
	if !IsReference(text) {
		return text, nil
	}
	u, err := url.Parse(text[1 : len(text)-1])
	if err != nil {
		return "", fmt.Errorf("secret: malformed reference %q", text)
	}
	if u.Host != "env" {
		return "", fmt.Errorf("secret: reference %q: no vault %q; only env is available", text, u.Host)
	}
	resource, key, hasKey := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if resource == "" {
		return "", fmt.Errorf("secret: reference %q names no variable", text)
	}
	name := strings.ToUpper(strings.ReplaceAll(u.Query().Get("prefix")+resource, "-", "_"))
	lookup := r.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", fmt.Errorf("secret: reference %q: environment variable %s is not set", text, name)
	}
	if !hasKey {
		return value, nil
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(value), &members); err != nil {
		return "", fmt.Errorf("secret: reference %q: environment variable %s holds no JSON object", text, name)
	}
	member, ok := members[key].(string)
	if !ok {
		return "", fmt.Errorf("secret: reference %q: environment variable %s has no text member %q", text, name, key)
	}
	return member, nil
}
