package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// Options configure a Store.
type Options struct {
	// Kinds are the kinds of entities, parents before their children.
	Kinds []*entity.Kind
	// Now is the clock; nil means the system's.
	Now func() time.Time
	// NewID makes a UUID; nil means random ones.
	NewID func() string
	// Accept compiles a configuration without using it, and returns what
	// brings it into use; nil accepts everything. An error refuses the change:
	// an *entity.Invalid names the fields at fault, any other is about the
	// configuration as a whole.
	Accept func(*entity.Set) (install func(), err error)
}

// Store keeps the entities. Its methods may be used concurrently.
type Store struct {
	accept func(*entity.Set) (func(), error)
	now    func() time.Time
	newID  func() string

	// turn holds a token while nobody changes the configuration.
	turn chan struct{}
	view atomic.Pointer[View]
	// sources are the configurations as documents brought them, the last one of
	// each name. Whoever holds the turn may use it.
	sources map[string]*View
}

// New returns an empty store. It refuses kinds that refer to a kind that comes
// later, and two of one name.
func New(opts Options) (*Store, error) {
	s := &Store{accept: opts.Accept, now: opts.Now, newID: opts.NewID, turn: make(chan struct{}, 1), sources: map[string]*View{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = uuid.NewString
	}
	if s.accept == nil {
		s.accept = func(*entity.Set) (func(), error) { return nil, nil }
	}
	if err := checkKinds(opts.Kinds); err != nil {
		return nil, err
	}
	blank := newView(emptyReader(opts.Kinds), "")
	blank.blank = true
	s.view.Store(blank)
	s.turn <- struct{}{}
	return s, nil
}

func checkKinds(kinds []*entity.Kind) error {
	if len(kinds) == 0 {
		return errors.New("store: no kinds")
	}
	position := make(map[string]int, len(kinds))
	for i, k := range kinds {
		if _, twice := position[k.Name]; twice {
			return fmt.Errorf("store: kind %q twice", k.Name)
		}
		position[k.Name] = i
	}
	for i, k := range kinds {
		for _, f := range k.Foreign {
			if at, known := position[f.Kind]; known && at >= i {
				return fmt.Errorf("store: kind %q stands before %q, which it refers to", k.Name, f.Kind)
			}
		}
	}
	return nil
}

func emptyReader(kinds []*entity.Kind) reader {
	r := reader{kinds: kinds, tables: make(map[string]*table, len(kinds))}
	for _, k := range kinds {
		r.tables[k.Name] = newTable(k)
	}
	return r
}

// View returns the current configuration.
func (s *Store) View() *View { return s.view.Load() }

// Update lets fn change a private copy and brings the result into use before
// it returns. Changes are made one after another. An error of fn, or a refusal
// of the result, is returned and changes nothing; refusals are *Error. A fn
// that changes nothing causes no compile.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	tx := newTx(s.View().reader, s.now, s.newID)
	defer func() { tx.done = true }()
	if err := fn(tx); err != nil {
		return err
	}
	tx.done = true
	if !tx.changed {
		return nil
	}
	err := s.commit(ctx, newView(tx.reader, ""))
	var invalid *entity.Invalid
	var refusal *refused
	switch {
	case errors.As(err, &invalid):
		return SchemaViolation(invalid.Errors)
	case errors.As(err, &refusal):
		return SchemaViolation(schema.Errors{"@entity": []any{refusal.err.Error()}})
	}
	return err
}

// refused is an error of Accept.
type refused struct{ err error }

func (r *refused) Error() string { return r.err.Error() }
func (r *refused) Unwrap() error { return r.err }

// commit brings next into use, or changes nothing. The caller holds the turn.
func (s *Store) commit(ctx context.Context, next *View) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	install, err := s.accept(next.Set())
	if err != nil {
		return &refused{err: err}
	}
	s.view.Store(next)
	if install != nil {
		install()
	}
	return nil
}

func (s *Store) lock(ctx context.Context) error {
	select {
	case <-s.turn:
		return nil
	default:
	}
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("store: wait for another change: %w", ctx.Err())
	}
}

func (s *Store) unlock() { s.turn <- struct{}{} }
