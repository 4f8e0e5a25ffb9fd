package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/plugin"
)

// AccessFormat is how access records are written, one a line.
type AccessFormat string

// The formats. Combined is the format of Apache and nginx of that name, with
// the query left out of path and referer.
const (
	AccessJSON     AccessFormat = "json"
	AccessText     AccessFormat = "text"
	AccessCombined AccessFormat = "combined"
)

// AccessOptions shape an AccessLog. The zero value of a field but Writer is its
// default.
type AccessOptions struct {
	// Writer gets whole lines, many at a time, from one goroutine.
	Writer io.Writer
	// Format is AccessJSON unless set.
	Format AccessFormat
	// Sample is N where one request in N is recorded, chosen by its id; 0 and 1
	// record all. A request that failed, by a status of 500 or more or by a cut
	// connection, is recorded in any case.
	Sample int
	// Buffer bounds the bytes that wait to be written; what goes beyond is
	// dropped. 0 means 1 MiB. As much again may be on its way to Writer.
	Buffer int
	// Interval is how long a record waits for others; 0 means 100 ms.
	Interval time.Duration
	// Grace is how long Run waits, when it ends, for a Writer that takes nothing
	// more; 0 means 2 s.
	Grace time.Duration
	// Logger is told of dropped records; nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	defaultAccessBuffer   = 1 << 20
	defaultAccessInterval = 100 * time.Millisecond
	defaultAccessGrace    = 2 * time.Second
	// accessBatch is how many waiting bytes end the wait for others.
	accessBatch = 64 << 10
	// maxAccessScratch bounds the buffers that are kept for further records.
	maxAccessScratch = 16 << 10
	// accessReport is the least time between two warnings of dropped records.
	accessReport = 10 * time.Second
)

// AccessLog takes the access records of requests and writes them in batches.
// It never makes a request wait for the Writer: a record that does not fit in
// the buffer is dropped and counted. Records may be added before Run, which
// writes them.
type AccessLog struct {
	opts    AccessOptions
	scratch sync.Pool     // of *[]byte
	wake    chan struct{} // of one place: there is a first record, or a batch
	dropped atomic.Int64
	stamp   timestamp

	mu      sync.Mutex // guards waiting, and is held for a copy at most
	waiting []byte
}

// NewAccessLog returns a log that writes nothing before Run.
func NewAccessLog(o AccessOptions) (*AccessLog, error) {
	switch o.Format {
	case "":
		o.Format = AccessJSON
	case AccessJSON, AccessText, AccessCombined:
	default:
		return nil, fmt.Errorf("access log: unknown format %q", o.Format)
	}
	if o.Writer == nil {
		return nil, errors.New("access log: no writer")
	}
	if o.Sample < 0 {
		return nil, fmt.Errorf("access log: sample %d: want one request in 1 or more", o.Sample)
	}
	o.Sample = max(o.Sample, 1)
	if o.Buffer == 0 {
		o.Buffer = defaultAccessBuffer
	}
	if o.Interval == 0 {
		o.Interval = defaultAccessInterval
	}
	if o.Grace == 0 {
		o.Grace = defaultAccessGrace
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &AccessLog{opts: o, wake: make(chan struct{}, 1)}
	l.scratch.New = func() any { b := make([]byte, 0, 1<<10); return &b }
	return l, nil
}

// Dropped is how many records were lost since the start, because the buffer was
// full or the Writer failed.
func (l *AccessLog) Dropped() int64 { return l.dropped.Load() }

// accessRecord is a request that has ended.
type accessRecord struct {
	*plugin.Request
	at   time.Time
	took time.Duration
	// cut tells that the answer was not brought to its end.
	cut bool
	// sample is N when this record stands for N requests, 0 otherwise.
	sample int
}

// add takes the record of a request. The bytes are made here, since nothing of
// a request may be kept (C1).
func (l *AccessLog) add(r *accessRecord) {
	if l.opts.Sample > 1 && !r.cut && r.Access.Status < http.StatusInternalServerError {
		if !sampled(r.ID, l.opts.Sample) {
			return
		}
		r.sample = l.opts.Sample
	}
	scratch := l.scratch.Get().(*[]byte) // the pool holds nothing else
	*scratch = l.format((*scratch)[:0], r)
	l.enqueue(*scratch)
	if cap(*scratch) <= maxAccessScratch {
		l.scratch.Put(scratch)
	}
}

func (l *AccessLog) format(b []byte, r *accessRecord) []byte {
	if l.opts.Format == AccessCombined {
		return appendCombined(b, r, &l.stamp)
	}
	return appendFields(b, r, &l.stamp, l.opts.Format == AccessJSON)
}

// sampled chooses one id in n. Ids are random, so that requests of all kinds are
// chosen alike; a request without one is recorded.
func sampled(id string, n int) bool {
	const digits = 15 // what an int64 holds
	number, err := strconv.ParseInt(id[:min(digits, len(id))], 16, 64)
	return err != nil || number%int64(n) == 0
}

func (l *AccessLog) enqueue(line []byte) {
	l.mu.Lock()
	before := len(l.waiting)
	after := before + len(line)
	if after > l.opts.Buffer {
		l.mu.Unlock()
		l.dropped.Add(1)
		return
	}
	l.waiting = append(l.waiting, line...)
	l.mu.Unlock()
	if before == 0 || before < accessBatch && after >= accessBatch {
		select {
		case l.wake <- struct{}{}:
		default: // it was woken already
		}
	}
}

// Run writes until ctx ends, and then what was added before. It is called once,
// and its context ends after the servers have stopped. A Writer that takes
// nothing holds it up for no longer than the grace period.
func (l *AccessLog) Run(ctx context.Context) error {
	done := make(chan struct{})
	// Owned by Run, which waits for it; only a Writer that never returns keeps it
	// beyond, to the end of the process.
	go func() {
		defer close(done)
		(&accessWriter{AccessLog: l}).run(ctx)
	}()
	<-ctx.Done()
	grace := time.NewTimer(l.opts.Grace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		l.opts.Logger.WarnContext(context.WithoutCancel(ctx), "access records not written: the output takes nothing")
	}
	return nil
}

// accessWriter is the one goroutine that writes.
type accessWriter struct {
	*AccessLog
	// spare takes the place of the waiting records while they are written.
	spare []byte
	// reported is how many dropped records were warned of, and when.
	reported   int64
	reportedAt time.Time
	// err is the last error of the Writer.
	err error
}

func (w *accessWriter) run(ctx context.Context) {
	// Further records join the first one for the interval.
	interval := time.NewTimer(w.opts.Interval)
	defer interval.Stop()
	for {
		select {
		case <-ctx.Done():
			w.flush()
			w.report(ctx, 0)
			return
		case <-w.wake:
		}
		if w.size() < accessBatch {
			interval.Reset(w.opts.Interval)
			select {
			case <-interval.C:
			case <-w.wake:
			case <-ctx.Done():
			}
		}
		w.flush()
		w.report(ctx, accessReport)
	}
}

func (w *accessWriter) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// flush writes what waits.
func (w *accessWriter) flush() {
	w.mu.Lock()
	batch := w.waiting
	w.waiting = w.spare[:0]
	w.mu.Unlock()
	w.spare = batch
	if len(batch) == 0 {
		return
	}
	n, err := w.opts.Writer.Write(batch)
	if err == nil {
		return
	}
	w.err = err
	w.dropped.Add(int64(bytes.Count(batch[min(max(n, 0), len(batch)):], []byte{'\n'})))
}

// report warns of records that were dropped since the last warning, unless that
// was less than the pause ago.
func (w *accessWriter) report(ctx context.Context, pause time.Duration) {
	total := w.dropped.Load()
	if total == w.reported || !w.reportedAt.IsZero() && w.opts.Now().Sub(w.reportedAt) < pause {
		return
	}
	cause := "the output is slower than the requests"
	if w.err != nil {
		cause = w.err.Error()
	}
	w.opts.Logger.WarnContext(context.WithoutCancel(ctx), "access records dropped",
		"dropped", total-w.reported, "total", total, "error", cause)
	w.reported, w.reportedAt, w.err = total, w.opts.Now(), nil
}
