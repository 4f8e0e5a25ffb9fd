package redis

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestACallHasItsTimeAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &limits{timeout: 800 * time.Millisecond}
		defer l.end()
		var last context.Context
		made := 0
		for range 100 {
			ctx, cancel, err := l.call(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			end, ok := ctx.Deadline()
			if left := time.Until(end); !ok || left > 800*time.Millisecond || left < 700*time.Millisecond {
				t.Fatalf("a call has %v", left)
			}
			if ctx != last {
				made++
			}
			last = ctx
			cancel() // ends nobody else's call
			if ctx.Err() != nil {
				t.Fatal("one call ends those beside it")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if made < 9 || made > 12 {
			t.Errorf("100 calls within a second have %d contexts", made)
		}
		time.Sleep(800 * time.Millisecond)
		if !errors.Is(last.Err(), context.DeadlineExceeded) {
			t.Errorf("after its time: %v", last.Err())
		}
	})
}

func TestACallEndsWithTheDeadlineOfItsRequestButNotWithTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &limits{timeout: time.Second}
		defer l.end()
		short, cancelShort := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancelShort()
		ctx, cancel, err := l.call(short)
		if err != nil {
			t.Fatal(err)
		}
		defer cancel()
		if end, _ := ctx.Deadline(); time.Until(end) != 100*time.Millisecond {
			t.Errorf("a call has %v", time.Until(end))
		}
		cancelShort()
		if ctx.Err() != nil {
			t.Error("a call ends with its request")
		}
		if _, _, err := l.call(short); !errors.Is(err, context.Canceled) {
			t.Errorf("a call of a request that has ended: %v", err)
		}
	})
}

func TestConnectionsGrowWithTheProcessors(t *testing.T) {
	t.Parallel()
	for processors, want := range map[int]int{1: -1, 2: -1, 7: -1, 8: 1, 15: 1, 16: 2, 64: 2} {
		if got := connections(processors); got != want {
			t.Errorf("%d processors: 2^%d connections, want 2^%d", processors, got, want)
		}
	}
}
