package server

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is a time that costs a load to read, and is as exact as tick is called
// often.
type clock struct {
	source func() time.Time
	start  time.Time
	ms     atomic.Int64
	text   atomic.Pointer[string]
	second int64 // of text; tick's alone
}

func newClock(source func() time.Time) *clock {
	c := &clock{source: source, start: source()}
	c.tick()
	return c
}

// tick reads the source. It is not safe for concurrent use.
func (c *clock) tick() {
	now := c.source()
	c.ms.Store(now.Sub(c.start).Milliseconds() + 1)
	if second := now.Unix(); second != c.second || c.text.Load() == nil {
		c.second = second
		c.text.Store(new(now.UTC().Format(http.TimeFormat)))
	}
}

// now is milliseconds since the start, and never 0.
func (c *clock) now() int64 { return c.ms.Load() }

// date is the value of a Date field.
func (c *clock) date() string { return *c.text.Load() }
