package session_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"sallyport/internal/session"
	"sallyport/internal/session/storetest"
)

func TestMemoryStoreContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open: func(_ *testing.T, maxMarks int) (one, other session.Store, pass func(time.Duration)) {
			c := newClock()
			m := session.NewMemory(session.MemoryOptions{MaxMarks: maxMarks, Now: c.Now})
			return m, m, c.Pass
		},
	})
}

func TestMemoryStoreIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	m := session.NewMemory(session.MemoryOptions{MaxRecords: 3, Now: c.Now})
	for i := range 3 {
		if err := m.Create(t.Context(), strconv.Itoa(i), nil, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Create(t.Context(), "more", nil, time.Minute); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("create in a full store: %v, want ErrUnavailable", err)
	}
	if err := m.CompareAndSwap(t.Context(), "0", 1, nil, time.Hour); err != nil {
		t.Errorf("swap in a full store: %v", err)
	}
	c.Pass(2 * time.Minute)
	if err := m.Create(t.Context(), "more", nil, time.Minute); err != nil {
		t.Errorf("create when others have expired: %v", err)
	}
	if _, err := m.Load(t.Context(), "0"); err != nil {
		t.Errorf("load what was prolonged: %v", err)
	}
}

func TestMemoryStoreForgetsWhatExpired(t *testing.T) {
	t.Parallel()
	c := newClock()
	m := session.NewMemory(session.MemoryOptions{Now: c.Now})
	for i := range 10_000 {
		key := strconv.Itoa(i)
		if err := errors.Join(
			m.Create(t.Context(), key, nil, time.Second),
			m.Mark(t.Context(), key, time.Second),
			m.PutListing(t.Context(), key, []string{"f" + key}, nil, time.Second),
		); err != nil {
			t.Fatal(err)
		}
		c.Pass(time.Second / 10)
	}
	if n := m.Size(); n > 500 {
		t.Errorf("%d items are held, of which about 40 live", n)
	}
}

func TestMemoryStoreEndsAWatchThatIsTooSlow(t *testing.T) {
	t.Parallel()
	m := session.NewMemory(session.MemoryOptions{})
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	done := make(chan error, 1)
	go func() {
		done <- m.Watch(t.Context(), func(string) {
			once.Do(func() { close(begun) })
			<-goOn
		})
	}()
	for watching := true; watching; {
		if err := m.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-begun:
			watching = false
		default:
		}
	}
	for range 5000 {
		if err := m.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	if err := <-done; !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("watch that missed notices: %v, want ErrUnavailable", err)
	}
}
