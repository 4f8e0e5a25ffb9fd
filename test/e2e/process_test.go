//go:build integration

package e2e

import (
	"net/http"
	"testing"
	"time"

	"sallyport/test/process"
)

func mustFreePort(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// answers reports whether a GET gives 200.
func answers(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
