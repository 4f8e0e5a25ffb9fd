package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
	"sallyport/internal/schema"
)

// tracked is a plugin whose handlers are counted and name their generation.
type tracked struct {
	made, closed atomic.Int64
}

type trackedHandler struct {
	t      *tracked
	mark   string
	closed atomic.Bool
}

func (tr *tracked) definition() plugin.Definition {
	return plugin.Definition{Name: "tracked", Priority: 1, New: func(i plugin.Instance) (plugin.Handler, error) {
		if err, fails := i.Config["fail"].(error); fails {
			return nil, err
		}
		tr.made.Add(1)
		return &trackedHandler{t: tr, mark: fmt.Sprint(i.Config["mark"])}, nil
	}}
}

func (h *trackedHandler) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	if h.closed.Load() {
		return errors.New("used after Close")
	}
	q.Response.Set("X-Mark", h.mark)
	err := next(w, q)
	if h.closed.Load() {
		return errors.New("closed while in use")
	}
	return err
}

func (h *trackedHandler) Close() {
	if h.closed.Swap(true) {
		panic("closed twice")
	}
	h.t.closed.Add(1)
}

func trackedSet(service *entity.Service, mark string) *entity.Set {
	p := globally("p1", "tracked")
	p.Config = map[string]any{"mark": mark}
	return &entity.Set{
		Services: []*entity.Service{service}, Routes: []*entity.Route{route("r1", "s1", "a.test")}, Plugins: []*entity.Plugin{p},
	}
}

// failing is a configuration with a second instance that does not compile.
func failing(service *entity.Service, err error) *entity.Set {
	s := trackedSet(service, "2")
	bad := globally("p2", "tracked")
	bad.RouteID, bad.Config = "r1", map[string]any{"fail": err}
	s.Plugins = append(s.Plugins, bad)
	return s
}

func (tr *tracked) expect(t *testing.T, made, closed int64) {
	t.Helper()
	if tr.made.Load() != made || tr.closed.Load() != closed {
		t.Errorf("%d made, %d closed; want %d, %d", tr.made.Load(), tr.closed.Load(), made, closed)
	}
}

func TestAHandlerLivesAsLongAsItIsConfigured(t *testing.T) {
	t.Parallel()
	var tr tracked
	f := newFront(t, tr.definition())
	service := upstreamAt(t, hello)
	f.install(t, trackedSet(service, "1"))
	tr.expect(t, 1, 0)

	f.install(t, trackedSet(service, "1")) // equal in all: the same handler
	tr.expect(t, 1, 0)
	if got := f.get(t, "a.test", "/").Header.Get("X-Mark"); got != "1" {
		t.Errorf("mark %q", got)
	}

	f.install(t, trackedSet(service, "2"))
	tr.expect(t, 2, 1)
	if got := f.get(t, "a.test", "/").Header.Get("X-Mark"); got != "2" {
		t.Errorf("mark %q", got)
	}

	f.install(t, &entity.Set{})
	tr.expect(t, 2, 2)
	f.gateway.Close()
	tr.expect(t, 2, 2)
}

func TestAHandlerIsClosedAfterTheLastRequestThatUsesIt(t *testing.T) {
	t.Parallel()
	var tr tracked
	f := newFront(t, tr.definition())
	entered, leave := make(chan struct{}), make(chan struct{})
	service := upstreamAt(t, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	})
	f.install(t, trackedSet(service, "1"))
	done := make(chan *http.Response)
	go func() {
		res, err := f.Client().Transport.RoundTrip(f.request(t))
		if err != nil {
			t.Error(err)
			res = &http.Response{Body: http.NoBody}
		}
		_ = res.Body.Close()
		done <- res
	}()
	<-entered
	f.install(t, trackedSet(service, "2"))
	tr.expect(t, 2, 0)
	close(leave)
	if res := <-done; res.StatusCode != http.StatusOK || res.Header.Get("X-Mark") != "1" {
		t.Errorf("the request under way got %d, mark %q", res.StatusCode, res.Header.Get("X-Mark"))
	}
	for end := time.Now().Add(5 * time.Second); tr.closed.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the answer is out before Serve returns
	}
	tr.expect(t, 2, 1)
}

func TestAConfigurationThatDoesNotCompileChangesNothing(t *testing.T) {
	t.Parallel()
	service := upstreamAt(t, hello)
	for _, tc := range []struct {
		name string
		set  func() *entity.Set
		want string
	}{
		{"a plugin that names the field", func() *entity.Set {
			return failing(service, &schema.FieldError{Path: "issuer", Err: errBroken})
		}, "schema violation (config.issuer: broken)"},
		{"a plugin that names several", func() *entity.Set {
			return failing(service, schema.Errors{"config": schema.Errors{"issuer": "no good", "scopes": "neither"}})
		}, "2 schema violations (config.issuer: no good; config.scopes: neither)"},
		{"a plugin that names none", func() *entity.Set {
			return failing(service, errBroken)
		}, "schema violation (config: broken)"},
		{"an unknown plugin", func() *entity.Set {
			s := trackedSet(service, "2")
			s.Plugins = append(s.Plugins, globally("p2", "acl"))
			return s
		}, "schema violation (name: plugin 'acl' not enabled; add it to the 'plugins' configuration property)"},
		{"a route to a service that speaks something else", func() *entity.Set {
			other := *service
			other.Protocol = "udp"
			return trackedSet(&other, "2")
		}, "schema violation (protocol: routes to a service of protocol udp are not supported)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var tr tracked
			f := newFront(t, tr.definition())
			f.install(t, trackedSet(service, "1"))
			install, err := f.gateway.Compile(tc.set())
			var invalid *entity.Invalid
			if install != nil || !errors.As(err, &invalid) || err.Error() != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			tr.expect(t, tr.made.Load(), tr.made.Load()-1) // all but the first
			if got := f.get(t, "a.test", "/").Header.Get("X-Mark"); got != "1" {
				t.Errorf("mark %q", got)
			}
		})
	}
}

func TestACompiledConfigurationThatIsNotWantedIsGivenBack(t *testing.T) {
	t.Parallel()
	var tr tracked
	f := newFront(t, tr.definition())
	service := upstreamAt(t, hello)
	f.install(t, trackedSet(service, "1"))
	late, err := f.gateway.Compile(trackedSet(service, "2"))
	if err != nil {
		t.Fatal(err)
	}
	f.install(t, trackedSet(service, "3"))
	tr.expect(t, 3, 2)
	late() // too late
	if got := f.get(t, "a.test", "/").Header.Get("X-Mark"); got != "3" {
		t.Errorf("mark %q", got)
	}
}

// Under load, while configurations come and go, each request is served whole
// by one of them.
func TestNoRequestIsLostWhenTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	var tr tracked
	f := newFront(t, tr.definition())
	service := upstreamAt(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-Done", "1")
	})
	f.install(t, trackedSet(service, "0"))
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var served atomic.Int64
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				res, err := f.Client().Transport.RoundTrip(f.request(t))
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("X-Mark") == "" {
					t.Errorf("status %d, %v", res.StatusCode, err)
					return
				}
				served.Add(1)
			}
		})
	}
	changes := int64(0)
	begun := time.Now()
	for time.Since(begun) < time.Second || served.Load() < 100 && !t.Failed() {
		changes++
		time.Sleep(200 * time.Microsecond) // let requests in between
		f.install(t, trackedSet(service, strconv.FormatInt(changes, 10)))
		if changes%10 == 0 { // a failing one between
			if _, err := f.gateway.Compile(failing(service, errBroken)); err == nil {
				t.Error("compiled")
			}
		}
	}
	close(stop)
	clients.Wait()
	f.Close()
	tr.expect(t, tr.made.Load(), tr.made.Load()-1)
	t.Logf("%d requests over %d configurations", served.Load(), changes)
}

func (f *front) request(t *testing.T) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL, nil)
	if err != nil {
		t.Error(err)
	}
	r.Host = "a.test"
	return r
}

func TestConnectionsOutliveAConfiguration(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	conns := map[string]bool{}
	service := upstreamAt(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		conns[r.RemoteAddr] = true
	})
	var tr tracked
	f := newFront(t, tr.definition())
	for i := range 5 {
		f.install(t, trackedSet(service, strconv.Itoa(i)))
		if res := f.get(t, "a.test", "/"); res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		} else {
			_ = text(t, res.Body)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(conns) != 1 {
		t.Errorf("%d connections for five configurations with one service", len(conns))
	}
}
