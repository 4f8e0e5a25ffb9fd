//go:build integration

package soak

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// visits is a login, a few requests and, mostly, a logout.
func visits(w *worker) (step, error) {
	return func() error {
		a, err := w.loggedIn(pick(w, w.sessionSites()...), w.chance.IntN(2) == 0)
		if err != nil {
			return err
		}
		for range w.between(0, 5) {
			if _, err := a.ask(http.MethodGet, "/anything/visit", nil); err != nil {
				return err
			}
			w.wait(time.Duration(w.between(0, 300)) * time.Millisecond)
		}
		if w.chance.IntN(4) == 0 {
			return nil // went away without a word
		}
		if err := a.logout(); err != nil {
			return err
		}
		w.ledger.done(kindLogout)
		return nil
	}, nil
}

// small does ordinary requests; one in twenty makes the upstream close its
// connection.
func (a *agent) small(k kind) error {
	w := a.w
	path := "/anything/warm"
	if w.chance.IntN(20) == 0 {
		path += "?close"
	}
	method, body := http.MethodGet, ""
	if w.chance.IntN(4) == 0 {
		method, body = http.MethodPost, strings.Repeat("x", w.between(1, 2000))
	}
	m, err := a.ask(method, path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if m.Method != method || m.Size != int64(len(body)) {
		return fmt.Errorf("%s with %d bytes arrived as %s with %d", method, len(body), m.Method, m.Size)
	}
	w.ledger.done(k)
	return nil
}

func bare(w *worker) (step, error) {
	a := w.agent(w.bare, false)
	return func() error { return a.small(kindBare) }, nil
}

// warm goes on with one session for as long as the run takes.
func warm(s *site) func(w *worker) (step, error) {
	return func(w *worker) (step, error) {
		a, err := w.loggedIn(s, w.chance.IntN(2) == 0)
		return func() error { return a.small(kindWarm) }, err
	}
}

// multiplex sends requests of five users at once on one HTTP/2 connection.
func multiplex(w *worker) (step, error) {
	var agents []*agent
	for range 5 {
		a, err := w.loggedIn(w.secure, true)
		if err != nil {
			return nil, err
		}
		agents = append(agents, a)
	}
	return func() error {
		failed := make([]error, 2*len(agents))
		var all sync.WaitGroup
		for i := range failed {
			all.Go(func() { _, failed[i] = agents[i%len(agents)].ask(http.MethodGet, "/anything/multiplex", nil) })
		}
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
		w.ledger.done(kindMultiplex)
		return nil
	}, nil
}

// parallel lets the access token of a session expire and then asks six times at
// once: the IdP must see one refresh, and all must get its token.
func parallel(s *site) func(w *worker) (step, error) {
	return func(w *worker) (step, error) {
		a, err := w.loggedIn(s, true)
		if err != nil {
			return nil, err
		}
		return func() error {
			before, err := a.ask(http.MethodGet, "/anything/before", nil)
			if err != nil {
				return err
			}
			left := time.Until(time.Unix(before.Token.Expires, 0)) + 1200*time.Millisecond
			w.wait(left)
			if time.Now().Before(time.Unix(before.Token.Expires, 0).Add(time.Second)) {
				return nil // the run is over
			}
			count, start := w.idp.refreshed(a.sid), time.Now()
			answers, err := a.atOnce(6)
			if err != nil {
				return err
			}
			tokens := map[string]bool{}
			for _, m := range answers {
				tokens[m.Token.ID] = true
			}
			if tokens[before.Token.ID] {
				return errors.New("a token that had expired was used")
			}
			refreshes := w.idp.refreshed(a.sid) - count
			// On a machine that stands still for seconds the next token may
			// expire meanwhile.
			if refreshes != len(tokens) || refreshes > 1 && time.Since(start) < tokenLife/2 {
				return fmt.Errorf("%d refreshes, %d tokens at %s", refreshes, len(tokens), s.name)
			}
			w.ledger.done(kindParallel)
			return nil
		}, nil
	}
}

// atOnce sends the same request n times at once.
func (a *agent) atOnce(n int) ([]mirror, error) {
	answers, failed := make([]mirror, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i], failed[i] = a.ask(http.MethodGet, "/anything/at-once", nil) })
	}
	all.Wait()
	return answers, errors.Join(failed...)
}
