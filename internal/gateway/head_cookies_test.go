package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// A list may carry our cookies only where nothing is left to be done so that no
// cache keeps them, and where no plugin wants anything else.
func TestHeadAsAListWithCookies(t *testing.T) {
	t.Parallel()
	location, noStore := message.Field{Name: "Location", Value: "https://idp.test/"}, message.Field{Name: "Cache-Control", Value: "no-store"}
	cookie := func(q *plugin.Request) { q.Response.Add("Set-Cookie", "a=b; Path=/") }
	for _, tc := range []struct {
		name   string
		fields []message.Field
		change func(q *plugin.Request)
		want   bool
	}{
		{"no cookie", []message.Field{location}, func(*plugin.Request) {}, true},
		{"a cookie on an answer that forbids caching", []message.Field{location, noStore}, cookie, true},
		{"a cookie on an answer that does not", []message.Field{location}, cookie, false},
		{"a cookie on one that forbids less", []message.Field{location, {Name: "Cache-Control", Value: "private, max-age=60"}}, cookie, false},
		{"a cookie on one that says both", []message.Field{noStore, {Name: "Cache-Control", Value: "max-age=60"}}, cookie, false},
		{"a cookie on one that speaks to a CDN", []message.Field{noStore, {Name: "Cdn-Cache-Control", Value: "max-age=60"}}, cookie, false},
		{"a cookie on one that expires later", []message.Field{noStore, {Name: "Expires", Value: "Thu, 01 Jan 2099 00:00:00 GMT"}}, cookie, false},
		{"another header of a plugin", []message.Field{noStore}, func(q *plugin.Request) { q.Response.Set("X-A", "1") }, false},
		{"a cookie that would split the head", []message.Field{noStore}, func(q *plugin.Request) { q.Response.Add("Set-Cookie", "a=b\r\nX: y") }, false},
	} {
		q := &plugin.Request{HTTP: httptest.NewRequest(http.MethodGet, "/", http.NoBody), ID: "id"}
		tc.change(q)
		w := &listTaker{ResponseRecorder: httptest.NewRecorder()}
		h := &head{w: w, q: q, g: &Gateway{now: time.Now, logger: slog.New(slog.DiscardHandler)}}
		if got := h.WriteHead(http.StatusFound, tc.fields); got != tc.want || h.wrote != tc.want {
			t.Errorf("%s: written %v, want %v", tc.name, got, tc.want)
		}
		cookies := 0
		for _, f := range w.fields {
			if f.Name == "Set-Cookie" {
				cookies++
			}
		}
		if want := len(q.Response.Values("Set-Cookie")); tc.want && cookies != want {
			t.Errorf("%s: %d cookies in %v, want %d", tc.name, cookies, w.fields, want)
		}
	}
}
