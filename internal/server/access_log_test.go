package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/plugin"
)

// line is a record with that path.
func line(path string) *accessRecord {
	return &accessRecord{Request: &plugin.Request{
		HTTP: &http.Request{Method: "GET", RequestURI: path, Header: http.Header{}}, ID: "f",
	}}
}

// running runs l until the returned function is called, which waits for it.
func (l *AccessLog) running(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background()) // ended by stop, which waits
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// batches remembers what each Write got, after it was let through.
type batches struct {
	let chan struct{} // nil lets everything through

	mu  sync.Mutex // guards all
	all []string
}

func (b *batches) Write(p []byte) (int, error) {
	if b.let != nil {
		<-b.let
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, string(p))
	return len(p), nil
}

func (b *batches) get() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.all...)
}

func TestRecordsAreWrittenInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := new(batches)
		l := newAccessLog(t, AccessOptions{Writer: out, Format: AccessCombined, Interval: time.Second})
		stop := l.running(t)
		for i := range 10 {
			l.add(line(fmt.Sprint("/", i)))
		}
		synctest.Wait()
		if got := out.get(); len(got) != 0 {
			t.Errorf("written before the interval: %q", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := out.get(); len(got) != 1 || strings.Count(got[0], "\n") != 10 || !strings.Contains(got[0], "/0 ") || !strings.Contains(got[0], "/9 ") {
			t.Errorf("batches: %q", got)
		}
		// A whole batch does not wait. What is added while it is written may go
		// with it, or in a batch of its own.
		long := strings.Repeat("x", 1000)
		for range accessBatch/1000 + 1 {
			l.add(line("/" + long))
		}
		synctest.Wait()
		if got := out.get(); len(got) < 2 {
			t.Errorf("a full batch waits: %d batches", len(got))
		}
		l.add(line("/last"))
		stop()
		if got := out.get(); !strings.Contains(got[len(got)-1], "/last ") {
			t.Errorf("the end does not flush: %d batches", len(got))
		}
		if l.Dropped() != 0 {
			t.Errorf("%d dropped", l.Dropped())
		}
	})
}

func TestWhatWasAddedBeforeTheEndIsWritten(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		out := new(batches)
		l := newAccessLog(t, AccessOptions{Writer: out, Format: AccessCombined})
		l.add(line("/last"))
		if err := l.Run(ended); err != nil {
			t.Fatal(err)
		}
		if got := out.get(); len(got) != 1 {
			t.Fatalf("batches %q", got)
		}
	}
}

func TestABlockedWriterDropsRecordsAndBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, log := &batches{let: make(chan struct{})}, new(logBuffer)
		l := newAccessLog(t, AccessOptions{
			Writer: out, Format: AccessCombined, Buffer: 10_000, Interval: time.Millisecond, Logger: log.logger(),
		})
		stop := l.running(t)
		const total = 1000
		for i := range total {
			l.add(line(fmt.Sprintf("/%04d", i))) // returns, though the writer is blocked
			if i == 0 {
				time.Sleep(time.Second) // the writer has the first one
				synctest.Wait()
			}
		}
		dropped := l.Dropped()
		if dropped == 0 || dropped >= total {
			t.Fatalf("%d of %d dropped", dropped, total)
		}
		close(out.let)
		time.Sleep(time.Second)
		synctest.Wait()
		written := strings.Count(strings.Join(out.get(), ""), "\n")
		if int64(written)+l.Dropped() != total || l.Dropped() != dropped {
			t.Errorf("%d written and %d dropped of %d", written, l.Dropped(), total)
		}
		warned := log.records(t, "access records dropped")
		if len(warned) != 1 || warned[0]["dropped"] != float64(dropped) || warned[0]["total"] != float64(dropped) {
			t.Errorf("warned of: %v", warned)
		}
		// It goes on, and the next warning waits its time.
		l.add(line("/after"))
		stop()
		if got := strings.Join(out.get(), ""); !strings.Contains(got, "/after ") {
			t.Error("nothing is written afterwards")
		}
		if n := len(log.records(t, "access records dropped")); n != 1 {
			t.Errorf("%d warnings", n)
		}
	})
}

func TestWarningsOfDroppedRecordsHavePauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(logBuffer)
		l := newAccessLog(t, AccessOptions{Writer: failing{}, Interval: time.Second, Logger: log.logger()})
		stop := l.running(t)
		for range 30 {
			l.add(line("/"))
			time.Sleep(2 * time.Second)
		}
		synctest.Wait()
		if l.Dropped() != 30 {
			t.Errorf("%d of 30 counted as dropped by a writer that fails", l.Dropped())
		}
		warned := log.records(t, "access records dropped")
		if len(warned) != 6 || !strings.Contains(fmt.Sprint(warned[0]["error"]), "planted failure") {
			t.Errorf("%d warnings in a minute, the first %v", len(warned), warned[0])
		}
		l.add(line("/"))
		stop()
		warned = log.records(t, "access records dropped")
		if last := warned[len(warned)-1]; last["total"] != 31.0 {
			t.Errorf("the last warning: %v", last)
		}
	})
}

// failing is a Writer that is broken.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("planted failure") }

func TestAWriterThatNeverReturnsDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe() // nobody reads
	log := new(logBuffer)
	l := newAccessLog(t, AccessOptions{Writer: w, Interval: time.Millisecond, Grace: 50 * time.Millisecond, Logger: log.logger()})
	stop := l.running(t)
	l.add(line("/"))
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := len(log.records(t, "access records not written")); n != 0 {
		t.Errorf("unexpected: %d", n)
	}
	if !strings.Contains(log.String(), "the output takes nothing") {
		t.Errorf("log: %s", log.String())
	}
	_ = r.Close() // lets the writer go
}

func TestSamplingKeepsFailures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newAccessLog(t, AccessOptions{Writer: &out, Sample: 10})
	ids := newRequestIDs(nil)
	add := func(n, status int, cut bool) int {
		l.waiting = l.waiting[:0]
		for range n {
			r := line("/")
			var err error
			if r.ID, err = ids.next(); err != nil {
				t.Fatal(err)
			}
			r.Access.Status, r.cut = status, cut
			l.add(r)
		}
		return bytes.Count(l.waiting, []byte{'\n'})
	}
	if n := add(4000, 200, false); n < 280 || n > 520 { // 400 ± 6 standard deviations
		t.Errorf("%d of 4000 recorded", n)
	}
	if !bytes.Contains(l.waiting, []byte(`"sample":10`)) {
		t.Error("a sampled record does not say so")
	}
	for name, n := range map[string]int{"failed": add(100, 500, false), "cut": add(100, 200, true)} {
		if n != 100 {
			t.Errorf("%s: %d of 100 recorded", name, n)
		}
	}
	if bytes.Contains(l.waiting, []byte(`"sample"`)) {
		t.Error("a failure counts as sampled")
	}
	if r := line("/"); !sampled("", 10) || !sampled("no hex", 10) || r == nil {
		t.Error("a request without an id is left out")
	}
}

func TestRecordsOfManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	out := new(batches)
	l := newAccessLog(t, AccessOptions{Writer: out, Format: AccessCombined, Interval: time.Millisecond})
	stop := l.running(t)
	var adding sync.WaitGroup
	for g := range 8 {
		adding.Go(func() {
			for i := range 500 {
				l.add(line(fmt.Sprintf("/%d-%d", g, i)))
			}
		})
	}
	adding.Wait()
	stop()
	seen := map[string]bool{}
	for text := range strings.Lines(strings.Join(out.get(), "")) {
		fields := strings.Fields(text)
		if len(fields) != 12 {
			t.Fatalf("torn line %q", text)
		}
		seen[fields[6]] = true
	}
	if int64(len(seen))+l.Dropped() != 8*500 {
		t.Errorf("%d lines and %d dropped", len(seen), l.Dropped())
	}
}

func TestAccessRecordsCostNoAllocation(t *testing.T) {
	r := ended()
	r.Access.Err = nil
	for _, format := range []AccessFormat{AccessJSON, AccessText, AccessCombined} {
		l := newAccessLog(t, AccessOptions{Writer: io.Discard, Format: format})
		l.waiting = make([]byte, 0, defaultAccessBuffer)
		if n := testing.AllocsPerRun(500, func() { l.add(r) }); n >= 1 {
			t.Errorf("%s: %v allocations", format, n)
		}
	}
}

func BenchmarkAccessRecord(b *testing.B) {
	for _, format := range []AccessFormat{AccessJSON, AccessText, AccessCombined} {
		b.Run(string(format), func(b *testing.B) {
			r := ended()
			r.Access.Err, r.cut = nil, false
			l := newAccessLog(b, AccessOptions{Writer: io.Discard, Format: format})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- l.Run(ctx) }()
			b.ReportAllocs()
			for b.Loop() {
				l.add(r)
			}
			b.StopTimer()
			cancel()
			if err := <-done; err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(l.Dropped())/float64(b.N), "dropped/op")
		})
	}
}
