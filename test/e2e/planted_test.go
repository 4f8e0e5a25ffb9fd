//go:build integration

package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sallyport/test/process"
)

// planted are the secrets of the run and the outputs in which none may appear.
type planted struct {
	mu      sync.Mutex
	values  map[string]string // value → what it is
	outputs map[string]*process.Output
}

// plant makes a new secret of at least 32 characters.
func plant(what string) string {
	value := "planted-" + rand.Text() + rand.Text()
	note(what, value)
	return value
}

// note registers a secret that somebody else made, such as a token. Only its
// last part is looked for in a JWT: header and claims may repeat elsewhere.
func note(what, value string) {
	if value == "" {
		return
	}
	suite.planted.mu.Lock()
	defer suite.planted.mu.Unlock()
	if suite.planted.values == nil {
		suite.planted.values = map[string]string{}
	}
	suite.planted.values[value] = what
}

// watch adds an output to those in which no secret may appear.
func watch(name string, o *process.Output) {
	suite.planted.mu.Lock()
	defer suite.planted.mu.Unlock()
	if suite.planted.outputs == nil {
		suite.planted.outputs = map[string]*process.Output{}
	}
	suite.planted.outputs[name] = o
}

// leaks lists where a planted secret stands in an output.
func (p *planted) leaks() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []string
	for name, o := range p.outputs {
		for _, what := range p.in(o.String()) {
			found = append(found, fmt.Sprintf("%s in the output of %s", what, name))
		}
	}
	return found
}

// in lists what of the planted stands in text: as it is, form-encoded, in
// base64, and for a JWT its signature.
func (p *planted) in(text string) []string {
	var found []string
	for value, what := range p.values {
		forms := []string{value, url.QueryEscape(value), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(value)), "=")}
		if parts := strings.Split(value, "."); len(parts) == 3 && len(parts[2]) > 20 {
			forms = append(forms, parts[2], parts[1])
		}
		for _, form := range forms {
			if strings.Contains(text, form) {
				found = append(found, what)
				break
			}
		}
	}
	return found
}

// TestPlantedSecretsAreFound is the positive control of the search.
func TestPlantedSecretsAreFound(t *testing.T) {
	t.Parallel()
	p := planted{values: map[string]string{"a secret/value": "one", "eyJoZWFkZXIi.eyJjbGFpbXMi.c2lnbmF0dXJlc2lnbmF0dXJl": "two"}}
	for _, text := range []string{
		"log: a secret/value", "q=a+secret%2Fvalue&", "Basic YSBzZWNyZXQvdmFsdWU=", "…c2lnbmF0dXJlc2lnbmF0dXJl", "eyJjbGFpbXMi",
	} {
		if len(p.in(text)) != 1 {
			t.Errorf("nothing found in %q", text)
		}
	}
	if found := p.in("a harmless text"); len(found) != 0 {
		t.Errorf("found %v in a harmless text", found)
	}
}
