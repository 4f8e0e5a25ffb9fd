package flow

import "context"

// Tee is a Sink that gives each event to several, in order.
type Tee []Sink

// Emit implements Sink.
func (t Tee) Emit(ctx context.Context, e Event) {
	for _, s := range t {
		s.Emit(ctx, e)
	}
}
