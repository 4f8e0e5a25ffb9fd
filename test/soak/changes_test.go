//go:build integration

package soak

import (
	"fmt"
	"net/http"
)

// changes adds a route, uses it, changes a plugin, is refused a change, and
// takes the route away. What was answered is in force; the other workers see
// that nobody is logged out.
func changes(w *worker) (step, error) {
	s := pick(w, w.memory, w.redis, w.secure)
	a, err := w.loggedIn(s, true)
	if err != nil {
		return nil, err
	}
	round := 0
	return func() error {
		round++
		if err := w.routeComesAndGoes(fmt.Sprintf("extra-%d", round)); err != nil {
			return err
		}
		extra := round%2 == 1
		if err := w.demand(http.StatusOK, http.MethodPatch, "/plugins/"+s.plugin, map[string]any{
			"config": map[string]any{"upstream_headers": userHeader(extra)},
		}); err != nil {
			return err
		}
		m, err := a.ask(http.MethodGet, "/anything/changed", nil)
		if err != nil {
			return fmt.Errorf("after the change of a plugin: %w", err)
		}
		if (m.Extra == a.user) != extra {
			return fmt.Errorf("the change of a plugin is not in force: %q is sent", m.Extra)
		}
		w.ledger.done(kindConfig)
		return nil
	}, nil
}

func (w *worker) routeComesAndGoes(name string) error {
	route := *w.bare
	route.host = name + ".test"
	a := w.agent(&route, false)
	added := map[string]any{"name": name, "hosts": []any{route.host}, "paths": []any{"/"}}
	if err := w.demand(http.StatusCreated, http.MethodPost, "/services/bare/routes", added); err != nil {
		return err
	}
	if _, err := a.ask(http.MethodGet, "/anything/new-route", nil); err != nil {
		return fmt.Errorf("right after its route was added: %w", err)
	}
	wrong := map[string]any{"name": name + "-wrong", "hosts": []any{"no host"}}
	if err := w.demand(http.StatusBadRequest, http.MethodPost, "/services/bare/routes", wrong); err != nil {
		return err
	}
	if _, err := a.ask(http.MethodGet, "/anything/new-route", nil); err != nil {
		return fmt.Errorf("after a change that was refused: %w", err)
	}
	if err := w.demand(http.StatusNoContent, http.MethodDelete, "/routes/"+name, nil); err != nil {
		return err
	}
	r, _ := a.request(http.MethodGet, "/anything/gone", nil)
	res, err := a.direct.Do(r)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // of no interest
	if res.StatusCode != http.StatusNotFound {
		return fmt.Errorf("right after its route was taken away: %d, want 404", res.StatusCode)
	}
	return nil
}
