//go:build integration

package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/internal/redis/redistest"
	"sallyport/internal/session"
	"sallyport/internal/session/redisstore"
)

// server is a Redis that a test owns.
type server struct{ *redistest.Server }

func newServer(t *testing.T) *server {
	t.Helper()
	return &server{redistest.New(t)}
}

func (s *server) start(t *testing.T) *server {
	t.Helper()
	s.Start(t)
	return s
}

func (s *server) open(t *testing.T, opts redisstore.Options) *redisstore.Store {
	t.Helper()
	opts.Redis.Port = s.Port
	store, err := redisstore.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// within fails the test when f takes longer than limit, and returns its error.
func within(t *testing.T, limit time.Duration, f func(context.Context) error) error {
	t.Helper()
	begun := time.Now()
	err := f(t.Context())
	if took := time.Since(begun); took > limit {
		t.Errorf("took %v, want at most %v", took, limit)
	}
	return err
}

func ask(store *redisstore.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := store.Load(ctx, "session:nothing")
		if errors.Is(err, session.ErrAbsent) {
			return nil
		}
		return err
	}
}

// heals waits until the store answers again.
func heals(t *testing.T, store *redisstore.Store) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		err := ask(store)(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the store does not heal: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// dump is everything that Redis holds, keys and values, as text.
func (s *server) dump(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for key := range strings.FieldsSeq(s.CLI(t, "--scan")) {
		b.WriteString(key + "\n")
		switch strings.TrimSpace(s.CLI(t, "TYPE", key)) {
		case "string":
			b.WriteString(s.CLI(t, "GET", key))
		case "zset":
			b.WriteString(s.CLI(t, "ZRANGE", key, "0", "-1", "WITHSCORES"))
		default:
			t.Errorf("key %s is of no expected type", key)
		}
	}
	return b.String()
}
