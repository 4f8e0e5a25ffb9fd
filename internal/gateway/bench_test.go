package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// nullWriter is a ResponseWriter that costs nothing.
type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header       { return w.h }
func (*nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)           { clear(w.h) }

// BenchmarkServe measures what the gateway adds around a plugin's answer.
func BenchmarkServe(b *testing.B) {
	g := New(Options{Definitions: []plugin.Definition{
		define("answer", 1, func(w http.ResponseWriter, q *plugin.Request, _ plugin.Next) error {
			q.Response.Set("X-A", "1")
			_, err := io.WriteString(w, "ok")
			return err
		}),
	}})
	install, err := g.Compile(&entity.Set{
		Routes: []*entity.Route{route("r1", "", "a.test")}, Plugins: []*entity.Plugin{globally("p1", "answer")},
	})
	if err != nil {
		b.Fatal(err)
	}
	install()
	r := httptest.NewRequest(http.MethodGet, "http://a.test/", nil)
	r.RequestURI = "/"
	canonical, err := message.New(r, message.Options{ListenPort: 8000})
	if err != nil {
		b.Fatal(err)
	}
	w := &nullWriter{h: http.Header{}}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		q := &plugin.Request{HTTP: r, Canonical: canonical, ID: requestID, Start: now}
		g.Serve(w, q)
		if q.Access.Status != http.StatusOK {
			b.Fatal(q.Access)
		}
	}
}
