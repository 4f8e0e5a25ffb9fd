package main

import (
	"context"
	"log/slog"
)

// validate checks a declarative file as start would, and says what is wrong
// with it.
func (p program) validate(ctx context.Context, file string) error {
	var s settings
	s.flags("validate")
	s.adminListen = nil
	n, err := newNode(s, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer n.close()
	if _, err := n.loadFile(ctx, file); err != nil {
		return err
	}
	entities := 0
	for _, byID := range n.store.View().Entities() {
		entities += len(byID)
	}
	p.tell(p.stdout, "%s: valid, %d entities\n", file, entities)
	return nil
}
