package httperror

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRenderShapes(t *testing.T) {
	t.Parallel()
	gateway := New(http.StatusNotFound, "no Route matched with those values")
	refusal := &Error{Status: http.StatusUnauthorized, Message: "Unauthorized", Shape: Plugin, FlowID: "abc"}
	tests := []struct {
		name, accept string
		err          error
		status       int
		contentType  string
		body         string
	}{
		{
			"gateway error without Accept is JSON with request_id", "", gateway, 404, "application/json; charset=utf-8",
			"{\n  \"message\":\"no Route matched with those values\",\n  \"request_id\":\"r1\"\n}",
		},
		{
			"gateway error as plain text", "text/plain", gateway, 404, "text/plain; charset=utf-8",
			"no Route matched with those values\nrequest_id: r1\n",
		},
		{
			"gateway error as XML", "application/xml", gateway, 404, "application/xml; charset=utf-8",
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\n  <message>no Route matched with those values</message>\n  <requestid>r1</requestid>\n</error>\n",
		},
		{
			"q-values decide", "text/plain;q=0.2, application/json;q=0.9", gateway, 404, "application/json; charset=utf-8",
			"{\n  \"message\":\"no Route matched with those values\",\n  \"request_id\":\"r1\"\n}",
		},
		{
			"plugin refusal has no request_id", "*/*", refusal, 401, "application/json; charset=utf-8",
			`{"message":"Unauthorized","flow_id":"abc"}`,
		},
		{
			"plugin refusal stays JSON for XML clients", "application/xml", refusal, 401, "application/json; charset=utf-8",
			`{"message":"Unauthorized","flow_id":"abc"}`,
		},
		{
			"an unknown error shows nothing of itself", "", errors.New("password=hunter2"), 500, "application/json; charset=utf-8",
			"{\n  \"message\":\"An unexpected error occurred\",\n  \"request_id\":\"r1\"\n}",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			Render(rec, Request{Method: "GET", Accept: tt.accept, RequestID: "r1"}, tt.err)
			if rec.Code != tt.status || rec.Header().Get("Content-Type") != tt.contentType {
				t.Errorf("got %d %s", rec.Code, rec.Header().Get("Content-Type"))
			}
			if diff := cmp.Diff(tt.body, rec.Body.String()); diff != "" {
				t.Error(diff)
			}
			if rec.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestPageEscapesEverythingItShows(t *testing.T) {
	t.Parallel()
	const markup = `<script>alert(1)</script>"onload="x`
	rec := httptest.NewRecorder()
	Render(rec, Request{Method: "GET", Accept: "text/html,*/*;q=0.8", RequestID: markup}, &Error{
		Status: 401, Message: markup, Shape: Plugin, FlowID: markup,
		Page: &Page{
			Title: markup, Paragraphs: []string{markup},
			Links:     []Link{{Text: markup, URL: "javascript:alert(1)"}, {Text: "good", URL: "http://a.test/x?a=1&b=2"}},
			RefreshTo: "http://a.test/x?a=1", RefreshAfter: 2,
		},
	})
	body := rec.Body.String()
	if strings.Contains(body, "<script") || strings.Contains(body, `"onload`) || strings.Contains(body, `href="javascript:`) {
		t.Errorf("mark-up reached the page:\n%s", body)
	}
	if !strings.Contains(body, `href="http://a.test/x?a=1&amp;b=2"`) {
		t.Errorf("the good link is missing:\n%s", body)
	}
	if !strings.Contains(body, `content="2;url=http://a.test/x?a=1"`) {
		t.Errorf("the page does not go on by itself:\n%s", body)
	}
	if rec.Header().Get("Content-Security-Policy") != PageCSP {
		t.Error("no policy on the page")
	}
}

func TestRedirectStatusFollowsTheMethod(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{"GET": 302, "HEAD": 302, "POST": 303, "DELETE": 303, "PUT": 303} {
		rec := httptest.NewRecorder()
		Render(rec, Request{Method: method}, &Error{Status: 401, RedirectTo: "https://a.test/denied"})
		if rec.Code != want || rec.Header().Get("Location") != "https://a.test/denied" {
			t.Errorf("%s: got %d to %q", method, rec.Code, rec.Header().Get("Location"))
		}
	}
}

func TestHeadGetsNoBody(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	Render(rec, Request{Method: "HEAD"}, New(404, "x"))
	if rec.Body.Len() != 0 || rec.Header().Get("Content-Length") == "" {
		t.Errorf("got %d bytes, length %q", rec.Body.Len(), rec.Header().Get("Content-Length"))
	}
}
