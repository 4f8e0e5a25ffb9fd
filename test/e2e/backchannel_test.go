//go:build integration

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// backChannel stands in front of Keycloak for one test: browser and gateway
// reach Keycloak under its address, which is therefore the issuer's. It counts
// what the gateway asks and learns the tokens that it gets, so that the search
// for planted secrets knows them.
type backChannel struct{ requests atomic.Int64 }

// count is the number of requests that came from programs, not from Chromium.
func (c *backChannel) count() int64 { return c.requests.Load() }

func startBackChannel(t *testing.T, r *realm) *backChannel {
	t.Helper()
	c := &backChannel{}
	target, err := url.Parse(r.k.base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host // Keycloak's issuer follows the Host header
		},
		ModifyResponse: learnTokens,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.UserAgent(), "Chrome") {
			c.requests.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	r.issuer = server.URL + "/realms/" + r.name
	return c
}

func learnTokens(response *http.Response) error {
	if !strings.HasSuffix(response.Request.URL.Path, "/token") {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	var tokens map[string]any
	if json.Unmarshal(body, &tokens) == nil {
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			token, _ := tokens[name].(string)
			note(name, token)
		}
	}
	return nil
}
