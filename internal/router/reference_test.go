package router

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// naive is the specification written as a loop: each path of each route is a
// candidate by itself, and the best of those that match wins.
func naive(routes []*entity.Route, m *message.Request, h http.Header) *entity.Route {
	var best *entity.Route
	var bestScore []int
	for _, r := range routes {
		if !naiveClasses(r, m, h) {
			continue
		}
		paths := r.Paths
		if len(paths) == 0 {
			paths = []string{""}
		}
		for _, p := range paths {
			matched, length := naivePath(p, m.Path)
			if !matched || r.StripPath && message.HiddenDotSegment(m.Path[length:]) {
				continue
			}
			score := naiveScore(r, p)
			if best == nil || slices.Compare(score, bestScore) > 0 || slices.Equal(score, bestScore) && r.ID < best.ID {
				best, bestScore = r, score
			}
		}
	}
	return best
}

func naivePath(p, path string) (matched bool, length int) {
	if source, ok := strings.CutPrefix(p, "~"); ok {
		loc := regexp.MustCompile("^(?:" + source + ")").FindStringIndex(path)
		if loc == nil {
			return false, 0
		}
		return true, loc[1]
	}
	return strings.HasPrefix(path, p), len(p)
}

func naiveClasses(r *entity.Route, m *message.Request, h http.Header) bool {
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, m.Method) {
		return false
	}
	if len(r.Hosts) > 0 && !slices.ContainsFunc(r.Hosts, func(p string) bool {
		name, port, hasPort := strings.Cut(p, ":")
		if hasPort && port != fmt.Sprint(m.ListenPort) {
			return false
		}
		if suffix, ok := strings.CutPrefix(name, "*"); ok {
			return strings.HasSuffix(m.Host, suffix)
		}
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			return strings.HasPrefix(m.Host, prefix)
		}
		return name == m.Host
	}) {
		return false
	}
	for name, values := range r.Headers {
		if !slices.Contains(values, h.Get(name)) {
			return false
		}
	}
	return true
}

func naiveScore(r *entity.Route, p string) []int {
	bit := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	plain := len(r.Hosts) > 0
	for _, h := range r.Hosts {
		plain = plain && !strings.Contains(h, "*")
	}
	classes := bit(len(r.Methods) > 0) + bit(len(r.Hosts) > 0) + bit(len(r.Headers) > 0) + bit(p != "")
	score := []int{classes, bit(plain), len(r.Headers), 0, 0, len(p), -int(r.CreatedAt)}
	if strings.HasPrefix(p, "~") {
		score[3], score[4], score[5] = 1, r.RegexPriority, 0
	}
	return score
}

func pick(rnd *rand.Rand, values []string, most int) []string {
	n := rnd.IntN(most + 1)
	var out []string
	for range n {
		if v := values[rnd.IntN(len(values))]; !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func randomRoute(rnd *rand.Rand, i int) *entity.Route {
	r := &entity.Route{
		ID:            fmt.Sprintf("%04d", i),
		Hosts:         pick(rnd, []string{"a.x", "b.x", "*.x", "a.*", "*.a.x", "a.x:80", "*.x:81", "b.*:80"}, 2),
		Paths:         pick(rnd, []string{"/", "/a", "/a/", "/a/b", "/ab", "/abc/d", "/b", "~/a", "~/a/[bc]$", "~/.*d", "~/b|/abc"}, 3),
		Methods:       pick(rnd, []string{"GET", "POST"}, 1),
		RegexPriority: rnd.IntN(3) - 1, StripPath: rnd.IntN(2) == 0, CreatedAt: int64(rnd.IntN(3)),
	}
	if names := pick(rnd, []string{"X-A", "X-B"}, 2); len(names) > 0 && rnd.IntN(2) == 0 {
		r.Headers = map[string][]string{}
		for _, name := range names {
			r.Headers[name] = pick(rnd, []string{"1", "2"}, 1)
			if len(r.Headers[name]) == 0 {
				r.Headers[name] = []string{"1"}
			}
		}
	}
	return r
}

func TestIndexedMatcherAgreesWithTheNaiveOne(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	hosts := []string{"a.x", "b.x", "c.a.x", "a.y", "z"}
	paths := []string{"/", "/a", "/a/", "/a/b", "/a/c", "/ab", "/abc/d", "/abc/de", "/b/d", "/a../b", "/c"}
	matched := 0
	for set := range 120 {
		routes := make([]*entity.Route, rnd.IntN(25))
		for i := range routes {
			routes[i] = randomRoute(rnd, i)
		}
		r := mustNew(t, routes...)
		for range 60 {
			m := &message.Request{
				Method: []string{"GET", "POST"}[rnd.IntN(2)], Scheme: "http", Host: hosts[rnd.IntN(len(hosts))],
				ListenPort: 80 + rnd.IntN(2), Path: paths[rnd.IntN(len(paths))],
			}
			h := http.Header{"X-A": {fmt.Sprint(rnd.IntN(3))}, "X-B": {fmt.Sprint(rnd.IntN(3))}}
			want := naive(routes, m, h)
			got, ok := r.Match(m, h)
			if ok != (want != nil) || got.Route != want {
				t.Fatalf("set %d: %s %s:%d%s %v: got %+v, want %+v", set, m.Method, m.Host, m.ListenPort, m.Path, h, got.Route, want)
			}
			if ok {
				matched++
			}
		}
	}
	if matched < 2000 {
		t.Errorf("only %d requests matched: the sets test too little", matched)
	}
}
