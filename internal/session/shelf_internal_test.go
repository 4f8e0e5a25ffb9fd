package session

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// counted fills a shelf with n items that end after an hour, but the first one
// after ttl.
func counted(t testing.TB, n int, ttl time.Duration, now time.Time) *shelf[string, struct{}] {
	t.Helper()
	s := newShelf[string, struct{}](n)
	for i := range n {
		if err := s.put(strconv.Itoa(i), struct{}{}, ttl, now); err != nil {
			t.Fatal(err)
		}
		ttl = time.Hour
	}
	return &s
}

// What a full shelf refuses must cost next to nothing, however much it holds.
func TestAFullShelfIsSweptAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	began := time.Unix(1_800_000_000, 0)
	s := counted(t, 1000, time.Minute, began)
	var now time.Time
	rounds := 0
	sweeps := func() int {
		n := 0
		rounds++
		for i := range 1000 {
			before := s.swept
			if err := s.put(strconv.Itoa(rounds)+" more "+strconv.Itoa(i), struct{}{}, time.Hour, now.Add(time.Duration(i)*time.Microsecond)); err == nil {
				return -1
			} else if !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
			if s.swept != before {
				n++
			}
		}
		return n
	}
	now = began
	if n := sweeps(); n != 0 {
		t.Errorf("%d sweeps while nothing can have expired", n)
	}
	// Control: as soon as one has expired there is room for one.
	now = began.Add(time.Minute)
	if n := sweeps(); n != -1 {
		t.Error("no room after an item has expired")
	}
	// Another one ends within the second.
	s.items["1"] = item[struct{}]{expires: now.Add(time.Millisecond).UnixNano()}
	s.first = now.Add(time.Millisecond)
	now = now.Add(10 * time.Millisecond)
	if n := sweeps(); n != 0 {
		t.Errorf("%d sweeps within a second of the last one", n)
	}
	now = now.Add(time.Second)
	if n := sweeps(); n != -1 {
		t.Error("no room a second later")
	}
}

func TestASweepFindsWhatExpiresFirst(t *testing.T) {
	t.Parallel()
	began := time.Unix(1_800_000_000, 0)
	s := counted(t, 100, time.Minute, began)
	s.sweep(began.Add(time.Minute))
	if len(s.items) != 99 || !s.first.Equal(began.Add(time.Hour)) {
		t.Errorf("%d items, the first ends %v", len(s.items), s.first)
	}
	s.sweep(began.Add(time.Hour))
	if len(s.items) != 0 {
		t.Errorf("%d items", len(s.items))
	}
	if err := s.put("a", struct{}{}, time.Minute, began.Add(2*time.Hour)); err != nil || !s.first.Equal(began.Add(2*time.Hour+time.Minute)) {
		t.Errorf("the first ends %v, %v", s.first, err)
	}
}

// 100,000 marks were too few: so many bogus callbacks kept every user out.
func TestDefaultBoundOfMarks(t *testing.T) {
	t.Parallel()
	if n := NewMemory(MemoryOptions{}).marks.limit; n != 1_000_000 {
		t.Errorf("%d marks", n)
	}
	if n := NewMemory(MemoryOptions{MaxMarks: 7}).marks.limit; n != 7 {
		t.Errorf("control: %d marks", n)
	}
}

// BenchmarkRefusedMark is what a flood costs when the marks are full.
func BenchmarkRefusedMark(b *testing.B) {
	m := NewMemory(MemoryOptions{MaxMarks: 100_000})
	for i := range 100_000 {
		if err := m.Mark(b.Context(), strconv.Itoa(i), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := m.Mark(b.Context(), "more", time.Hour); err == nil {
			b.Fatal("not full")
		}
	}
}
