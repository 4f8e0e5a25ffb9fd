package server

import (
	"net/http"
	"testing"

	"sallyport/internal/plugin"
)

// Whoever sends nonsense must not fill the log of errors, whatever its status.
func TestARefusedHeadIsNoErrorOfTheGateway(t *testing.T) {
	t.Parallel()
	r := start(t, func(http.ResponseWriter, *plugin.Request) {})
	for head, status := range map[string]int{
		"GET / HTTP/1.2\r\nHost: a.test\r\n\r\n": 505,
		"GET /\r\n\r\n":                          400,
	} {
		if got, _ := talk(t, r.addr, head); got.status != status {
			t.Errorf("%q: got %d", head, got.status)
		}
	}
	if failed := r.log.records(t, "request failed"); len(failed) > 0 {
		t.Errorf("logged %v", failed)
	}
}
