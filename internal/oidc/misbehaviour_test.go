package oidc

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// misbehaviour is a way in which any endpoint that serves JSON can go wrong.
type misbehaviour struct {
	name   string
	answer http.HandlerFunc
	says   string // part of the error
}

func deepArray() string { return strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) }

// cutConnection answers nothing.
func cutConnection(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// rawAnswer writes bytes that need not be HTTP, and hangs up.
func rawAnswer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
}

// slow sends the head and then a byte at a time.
func slow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// endless sends a string that never ends.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	chunk := []byte(strings.Repeat("x", 64<<10))
	_, _ = io.WriteString(w, `{"x":"`)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// inflated answers whoever takes gzip with 64 MiB in a few KiB.
func inflated(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = io.WriteString(w, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, `{"x":"`)
	for range 64 {
		_, _ = io.WriteString(z, strings.Repeat("x", 1<<20))
	}
	_, _ = io.WriteString(z, `"}`)
	_ = z.Close()
}

func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// misbehaviours are shared by discovery, keys, user info and the token
// endpoint.
func misbehaviours() []misbehaviour {
	json := "application/json"
	return []misbehaviour{
		{"status 500", respond(500, json, `{"error":"invalid_grant"}`), "status 500"},
		{"status 503 html", respond(503, "text/html", "<h1>down</h1>"), "status 503"},
		{"status 404", respond(404, json, "{}"), "status 404"},
		{"html", respond(200, "text/html; charset=utf-8", "<html>"), "not json"},
		{"a malformed content type", respond(200, "application/", "{}"), "not json"},
		{"a jwt", respond(200, "application/jwt", "a.b.c"), "not json"},
		{"empty", respond(200, json, ""), "malformed json"},
		{"an array", respond(200, json, "[]"), "not a json object"},
		{"null", respond(200, json, "null"), "not a json object"},
		{"a string", respond(200, json, `"x"`), "not a json object"},
		{"json cut short", respond(200, json, `{"issuer":"x"`), "malformed json"},
		{"two documents", respond(200, json, `{}{}`), "malformed json"},
		{"100,000 levels", respond(200, json, `{"x":`+deepArray()+`}`), "nested too deeply"},
		{"too many values", respond(200, json, `{"x":[`+strings.Repeat("0,", 100_000)+`0]}`), "too many values"},
		{"a member twice", respond(200, json, `{"issuer":"a","issuer":"b"}`), "twice"},
		{"not utf-8", respond(200, json, "{\"issuer\":\"\xff\"}"), "utf-8"},
		{"endless", endless, "larger than 1 MiB"},
		{"inflated", inflated, "larger than 1 MiB"},
		{"one byte at a time", slow, "in time"},
		{"no answer", silent, "in time"},
		{"connection cut", cutConnection, "connection closed"},
		{"body cut", rawAnswer("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"), "cut short"},
		{"no http", rawAnswer("220 smtp.test ESMTP\r\n"), "no usable http answer"},
		{"endless header", rawAnswer("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), "no usable http answer"},
	}
}

// elsewhere is a host that must never be asked.
func elsewhere(t *testing.T) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		writeJSON(w, 200, "{}")
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func redirectTo(status int, target string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", target)
		w.WriteHeader(status)
	}
}
