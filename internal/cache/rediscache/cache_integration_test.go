//go:build integration

package rediscache_test

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/cache/rediscache"
	"sallyport/internal/redis"
	"sallyport/internal/redis/redistest"
)

// clock runs with the real one, some time ahead.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func open(t *testing.T, o redis.Options, now func() time.Time) *rediscache.Cache {
	t.Helper()
	c, err := rediscache.New(o, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestValuesAreSharedForTheirTime(t *testing.T) {
	t.Parallel()
	s := redistest.New(t).Start(t)
	one, other := open(t, redis.Options{Port: s.Port}, nil), open(t, redis.Options{Socket: s.Socket}, nil)
	value := []byte("binary \x00\r\n\xff")
	if _, err := other.Get(t.Context(), "k"); !errors.Is(err, cache.ErrAbsent) {
		t.Fatalf("before: %v", err)
	}
	if err := one.Put(t.Context(), "k", value, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := other.Get(t.Context(), "k"); err != nil || !bytes.Equal(got, value) {
		t.Errorf("the other node gets %q, %v", got, err)
	}
	if ttl := strings.TrimSpace(s.CLI(t, "TTL", "k")); ttl != "3600" && ttl != "3599" && ttl != "3598" {
		t.Errorf("it lives for %s s", ttl)
	}
	if err := one.Put(t.Context(), "short", value, time.Nanosecond); err != nil {
		t.Errorf("a time below a millisecond: %v", err)
	}
	s.CLI(t, "FLUSHALL")
	if _, err := other.Get(t.Context(), "k"); !errors.Is(err, cache.ErrAbsent) {
		t.Errorf("after a flush: %v", err)
	}
}

func TestLargeValuesAreNotKept(t *testing.T) {
	t.Parallel()
	s := redistest.New(t).Start(t)
	c := open(t, redis.Options{Port: s.Port}, nil)
	if err := c.Put(t.Context(), "k", make([]byte, 1<<20), time.Hour); err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	if err := c.Put(t.Context(), "large", make([]byte, 1<<20+1), time.Hour); !errors.Is(err, cache.ErrUnavailable) {
		t.Errorf("more: %v", err)
	}
	s.CLI(t, "APPEND", "k", "x") // somebody else's
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, cache.ErrUnavailable) {
		t.Errorf("more in Redis: %v", err)
	}
	if err := c.Put(t.Context(), "k", []byte("x"), time.Hour); err != nil {
		t.Errorf("a value that is too large makes a pause: %v", err)
	}
}

func TestRedisThatIsGoneOrHangsCostsOneCall(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	for name, breakIt := range map[string]func(t *testing.T, s *redistest.Server){
		"gone":    func(t *testing.T, s *redistest.Server) { t.Helper(); s.Stop(t) },
		"hanging": func(t *testing.T, s *redistest.Server) { t.Helper(); s.Signal(t, syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, k := redistest.New(t).Start(t), &clock{}
			c := open(t, redis.Options{Port: s.Port, Timeout: limit, ConnectTimeout: limit}, k.now)
			if err := c.Put(t.Context(), "k", []byte("v"), time.Hour); err != nil {
				t.Fatal(err)
			}
			breakIt(t, s)
			begun := time.Now()
			if _, err := c.Get(t.Context(), "k"); !errors.Is(err, cache.ErrUnavailable) {
				t.Errorf("get: %v", err)
			}
			if took := time.Since(begun); took > 10*limit {
				t.Errorf("took %v", took)
			}
			for range 100 {
				if _, err := c.Get(t.Context(), "k"); !errors.Is(err, cache.ErrPaused) {
					t.Fatalf("get during the pause: %v", err)
				}
			}
			if err := c.Put(t.Context(), "k", []byte("v"), time.Hour); !errors.Is(err, cache.ErrPaused) {
				t.Errorf("put during the pause: %v", err)
			}
			if name == "hanging" {
				s.Signal(t, syscall.SIGCONT)
			} else {
				s.Start(t)
			}
			for end := time.Now().Add(20 * time.Second); ; {
				k.ahead.Add(int64(rediscache.Pause))
				err := c.Put(t.Context(), "k", []byte("v"), time.Hour)
				if err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the cache does not heal: %v", err)
				}
			}
			if got, err := c.Get(t.Context(), "k"); err != nil || string(got) != "v" {
				t.Errorf("afterwards: %q, %v", got, err)
			}
		})
	}
}
