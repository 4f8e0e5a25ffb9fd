package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheCauseOfARequestsEndReachesWhatDerivesFromIt(t *testing.T) {
	t.Parallel()
	mere := errors.New("ended")
	for name, cause := range map[string]error{
		"an error": mere, "one that wraps the usual one": fmt.Errorf("told: %w", context.Canceled), "the usual one": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := new(requestContext)
			before, cancel := context.WithTimeout(c, time.Hour)
			defer cancel()
			c.CancelCause(cause)
			c.CancelCause(errors.New("later"))
			<-before.Done()
			after, cancelAfter := context.WithCancel(c)
			defer cancelAfter()
			for which, ctx := range map[string]context.Context{"itself": c, "a child": before, "a late child": after} {
				//nolint:errorlint // the very values are wanted
				if got := context.Cause(ctx); got != cause || ctx.Err() != context.Canceled {
					t.Errorf("%s: cause %v and error %v", which, got, ctx.Err())
				}
			}
		})
	}
}

// Unwatch tells the truth, whenever the end comes.
func TestAWatcherIsCalledUnlessUnwatchSaysNo(t *testing.T) {
	t.Parallel()
	unwatched := 0
	for range 2000 {
		c := new(requestContext)
		var called atomic.Int64
		var both sync.WaitGroup
		begin, watched := make(chan struct{}), make(chan struct{})
		both.Go(func() {
			<-begin
			c.CancelCause(context.Canceled)
		})
		c.Watch(func() {
			called.Add(1)
			close(watched)
		})
		close(begin)
		waiting := c.Unwatch()
		both.Wait()
		if waiting {
			unwatched++
			continue // a call after it would close a connection that is another request's
		}
		<-watched
		if called.Load() != 1 {
			t.Fatalf("called %d times", called.Load())
		}
	}
	c := new(requestContext)
	c.Watch(func() { t.Error("called after Unwatch") })
	if !c.Unwatch() {
		t.Error("nothing was watched")
	}
	c.CancelCause(context.Canceled)
	late := make(chan struct{})
	c.Watch(func() { close(late) })
	<-late
	if c.Unwatch() {
		t.Error("Unwatch says that it was not called")
	}
	t.Logf("%d of 2000 were unwatched in time", unwatched)
}
