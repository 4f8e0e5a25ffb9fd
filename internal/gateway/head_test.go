package gateway

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// listTaker is a front that takes a head as a list, and notes it.
type listTaker struct {
	*httptest.ResponseRecorder
	fields []message.Field
}

// WriteHead implements message.HeadWriter.
func (l *listTaker) WriteHead(status int, fields []message.Field) bool {
	l.Code, l.fields = status, slices.Clone(fields)
	return true
}

func lines(h http.Header) []string {
	var list []string
	for name, values := range h {
		for _, value := range values {
			list = append(list, name+": "+value)
		}
	}
	slices.Sort(list)
	return list
}

func TestAHeadSaysAsAListWhatItSaysAsAMap(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	for name, tc := range map[string]struct {
		upstream []message.Field
		list     bool
	}{
		"nothing of ours": {[]message.Field{{Name: "Etag", Value: "x"}, {Name: "Set-Cookie", Value: "a=1"}, {Name: "Set-Cookie", Value: "b=2"}}, true},
		"its own Server":  {[]message.Field{{Name: "Server", Value: "theirs"}}, true},
		"a request id":    {[]message.Field{{Name: "Etag", Value: "x"}, {Name: "X-Kong-Request-Id", Value: "theirs"}}, false},
		"latencies": {[]message.Field{
			{Name: "X-Kong-Upstream-Latency", Value: "7"}, {Name: "X-Kong-Upstream-Latency", Value: "8"}, {Name: "X-Kong-Proxy-Latency", Value: "9"},
		}, false},
		"the latency of its own answer": {[]message.Field{{Name: "X-Kong-Response-Latency", Value: "7"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newHead := func(w http.ResponseWriter) *head {
				q := &plugin.Request{ID: requestID, Start: start}
				q.RecordUpstream(start, time.Millisecond, http.StatusOK, "192.0.2.1:80")
				return &head{w: w, g: New(Options{Now: func() time.Time { return start }}), q: q}
			}
			asMap := httptest.NewRecorder()
			h := newHead(asMap)
			for _, f := range tc.upstream {
				h.Header().Add(f.Name, f.Value)
			}
			h.WriteHeader(http.StatusOK)

			taker := &listTaker{ResponseRecorder: httptest.NewRecorder()}
			h = newHead(taker)
			taken := h.WriteHead(http.StatusOK, slices.Clone(tc.upstream))
			if taken != tc.list || h.wrote != tc.list {
				t.Fatalf("taken %v, wrote %v, want %v", taken, h.wrote, tc.list)
			}
			if !taken {
				return // the map form is to be used
			}
			var got []string
			for _, f := range taker.fields {
				got = append(got, f.Name+": "+f.Value)
			}
			slices.Sort(got)
			if diff := cmp.Diff(lines(asMap.Header()), got); diff != "" {
				t.Errorf("map against list: %s", diff)
			}
		})
	}
}

func TestAnUpstreamDoesNotNameTheRequest(t *testing.T) {
	t.Parallel()
	q := &plugin.Request{ID: requestID}
	q.RecordUpstream(time.Now(), time.Millisecond, http.StatusOK, "192.0.2.1:80")
	w := httptest.NewRecorder()
	h := &head{w: w, g: New(Options{}), q: q}
	h.Header().Set("X-Kong-Request-Id", "theirs")
	h.WriteHeader(http.StatusOK)
	if got := strings.Join(w.Header()["X-Kong-Request-Id"], ", "); got != requestID {
		t.Errorf("the request is called %q", got)
	}
}
