package echo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func request(t *testing.T, method, target, body string, header map[string]string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	var h Handler
	h.ServeHTTP(w, r)
	var got map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &got)
	return w, got
}

func TestAnythingShowsTheRequest(t *testing.T) {
	t.Parallel()
	_, got := request(t, "GET", "/anything?hello=world&a=1&a=2", "", map[string]string{
		"Authorization": "Bearer x", "X-Forwarded-Host": "service.test", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.1",
	})
	args, _ := got["args"].(map[string]any)
	headers, _ := got["headers"].(map[string]any)
	for name, check := range map[string][2]any{
		"single argument as text":             {args["hello"], "world"},
		"repeated argument as list":           {fmt.Sprint(args["a"]), "[1 2]"},
		"method":                              {got["method"], "GET"},
		"URL under the forwarded host":        {got["url"], "https://service.test/anything?hello=world&a=1&a=2"},
		"header":                              {headers["Authorization"], "Bearer x"},
		"Host as header":                      {headers["Host"], "example.com"},
		"origin is what X-Forwarded-For says": {got["origin"], "10.0.0.1"},
	} {
		if check[0] != check[1] {
			t.Errorf("%s: got %v, want %v", name, check[0], check[1])
		}
	}
}

func TestAnythingShowsBodies(t *testing.T) {
	t.Parallel()
	_, got := request(t, "POST", "/", "a=1&b=2", map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
	if form, _ := got["form"].(map[string]any); form["a"] != "1" || got["data"] != "" {
		t.Errorf("form: got %v", got)
	}
	_, got = request(t, "POST", "/", `{"a":1}`, map[string]string{"Content-Type": "application/json"})
	if doc, _ := got["json"].(map[string]any); doc["a"] != 1.0 || got["data"] != `{"a":1}` {
		t.Errorf("JSON: got %v", got)
	}
	_, got = request(t, "PUT", "/", "\xff", nil)
	if got["data"] != "data:application/octet-stream;hex,ff" {
		t.Errorf("bytes: got %v", got["data"])
	}
}

func TestOtherEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target string
		status int
		body   string
	}{
		{"/status/503", 503, ""},
		{"/status/42", 400, "status must be"},
		{"/delay/0.01", 200, `"method": "GET"`},
		{"/delay/1e9", 400, "delay must be"},
		{"/delay/-1", 400, "delay must be"},
		{"/stream/3?gap=1ms", 200, "{\"line\":0}\n{\"line\":1}\n{\"line\":2}\n"},
		{"/stream/1000000", 400, "stream must be"},
		{"/stream/1?gap=-1s", 400, "stream must be"},
		{"/bytes/40000", 200, strings.Repeat("abcdefghijklmnopqrstuvwxyz", 1000)},
		{"/bytes/-1", 400, "bytes must be"},
		{"/ws", 426, "WebSocket"},
		{"/response-headers?X-A=b", 200, "X-A"},
	} {
		response, _ := request(t, "GET", c.target, "", nil)
		body, err := io.ReadAll(response.Body)
		if err != nil || response.Code != c.status || !strings.Contains(string(body), c.body) {
			t.Errorf("%s: status %d, body %.80q (%v)", c.target, response.Code, body, err)
		}
	}
	if response, _ := request(t, "GET", "/response-headers?X-A=b", "", nil); response.Header().Get("X-A") != "b" {
		t.Error("the query did not become a response header")
	}
	if _, got := request(t, "POST", "/upload", "12345", nil); got["received"] != 5.0 {
		t.Errorf("upload: got %v", got)
	}
}

func TestWebSocketEchoesFrames(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&Handler{})
	defer server.Close()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	// The key and its answer are the example of RFC 6455 §1.3.
	if response.StatusCode != 101 || response.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("handshake: %d %v", response.StatusCode, response.Header)
	}
	for _, c := range []struct {
		name      string
		sent, got []byte
	}{
		{"text", []byte{0x81, 0x82, 1, 2, 3, 4, 'h' ^ 1, 'i' ^ 2}, []byte{0x81, 2, 'h', 'i'}},
		{"ping", []byte{0x89, 0x81, 0, 0, 0, 0, 'x'}, []byte{0x8a, 1, 'x'}},
		{"two-byte length", append([]byte{0x82, 0xfe, 0, 200, 0, 0, 0, 0}, make([]byte, 200)...), append([]byte{0x82, 126, 0, 200}, make([]byte, 200)...)},
		{"close", []byte{0x88, 0x80, 0, 0, 0, 0}, []byte{0x88, 0}},
	} {
		if _, err := conn.Write(c.sent); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(c.got))
		if _, err := io.ReadFull(reader, got); err != nil || string(got) != string(c.got) {
			t.Fatalf("%s: got % x (%v), want % x", c.name, got, err, c.got)
		}
	}
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("after close: %v, want EOF", err)
	}
}

func TestHitsCountsRequests(t *testing.T) {
	t.Parallel()
	var h Handler
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	}
	if h.Hits() != 3 {
		t.Errorf("got %d hits, want 3", h.Hits())
	}
}
