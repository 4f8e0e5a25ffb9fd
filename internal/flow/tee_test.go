package flow_test

import (
	"context"
	"testing"

	"sallyport/internal/flow"
)

// steps remembers the steps of events.
type steps []string

func (s *steps) Emit(_ context.Context, e flow.Event) { *s = append(*s, e.Step) }

func TestTeeGivesEveryEventToAll(t *testing.T) {
	t.Parallel()
	var one, other steps
	tee := flow.Tee{&one, &other}
	tee.Emit(t.Context(), flow.Event{Step: "a"})
	tee.Emit(t.Context(), flow.Event{Step: "b"})
	for _, s := range []steps{one, other} {
		if len(s) != 2 || s[0] != "a" || s[1] != "b" {
			t.Errorf("got %v", s)
		}
	}
	flow.Tee(nil).Emit(t.Context(), flow.Event{})
}
