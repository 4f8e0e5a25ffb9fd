//go:build integration

package dataplane

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipelined are four requests in one, and inOrder what an upstream that tells
// what it got answers to them.
const pipelined = "GET /split/1 HTTP/1.1\r\nHost: a.test\r\n\r\n" +
	"POST /split/2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc" +
	"PUT /split/3 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x\r\nf\r\n0\r\n\r\n" +
	"\r\nGET /split/4 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"

var inOrder = []string{"GET /split/1 ", "POST /split/2 abc", "PUT /split/3 def", "GET /split/4 "}

// telling is an upstream that answers with what it got.
func telling(t *testing.T) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = fmt.Fprint(w, r.Method, " ", r.RequestURI, " ", string(body))
	}))
}

// However requests are cut into pieces, they are answered in their order; on
// one core and on two, with TLS and without.
func TestPipelinedRequestsCutAnywhereAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	up := telling(t)
	for _, cores := range []string{"1", "2"} {
		g := startGateway(t, watched(t), []string{"GOMAXPROCS=" + cores}, yaml(service{path: "/split", url: up}))
		for _, addr := range []string{g.proxy, g.secured} {
			name := cores + " cores, plain"
			if addr == g.secured {
				name = cores + " cores, TLS"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var cuts [][]int
				for at := 1; at < len(pipelined); at++ {
					cuts = append(cuts, []int{at})
				}
				random := rand.New(rand.NewPCG(uint64(len(name)), 4))
				for range 60 {
					var cut []int
					for at := 0; ; {
						if at += 1 + random.IntN(40); at >= len(pipelined) {
							break
						}
						cut = append(cut, at)
					}
					cuts = append(cuts, cut)
				}
				each := make([]int, 0, len(pipelined))
				for at := 1; at < len(pipelined); at++ {
					each = append(each, at)
				}
				g.splitAll(t, addr, append(cuts, each))
			})
		}
	}
}

// splitAll plays all cuts, a few at a time.
func (g *gateway) splitAll(t *testing.T, addr string, cuts [][]int) {
	t.Helper()
	work := make(chan []int)
	var players sync.WaitGroup
	for range 4 {
		players.Go(func() {
			for cut := range work {
				if err := g.split(t, addr, cut); err != nil {
					t.Errorf("cut at %v: %v", cut, err)
				}
			}
		})
	}
	for _, cut := range cuts {
		work <- cut
	}
	close(work)
	players.Wait()
}

func (g *gateway) split(t *testing.T, addr string, cut []int) error {
	c := g.dial(t, addr)
	defer func() { _ = c.Close() }()
	from := 0
	for _, to := range append(cut, len(pipelined)) {
		if _, err := io.WriteString(c, pipelined[from:to]); err != nil {
			return err
		}
		from = to
		time.Sleep(200 * time.Microsecond) // so that they are read as pieces
	}
	r := bufio.NewReader(c)
	for _, want := range inOrder {
		method, _, _ := strings.Cut(want, " ")
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return err
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || string(text) != want {
			return fmt.Errorf("got %d %q %w, want %q", res.StatusCode, text, err, want)
		}
	}
	if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
		return fmt.Errorf("then came %q, %w", rest, err)
	}
	return nil
}
