package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// quiet is how much of the machine others may use while something is measured:
// they take caches and time from both cores.
const quiet = 0.03

// patience is how long measurements may be repeated in all, since others were
// at work.
const patience = 90 * time.Second

// tick is the unit of /proc/stat.
const tick = 10 * time.Millisecond

// usage is what all cores and what we have worked.
type usage struct {
	cores, ours time.Duration
	total       int64
}

// used adds up the work of all cores, and that of our processes, this one, and
// the load generators that have ended.
func (b *bench) used() (usage, error) {
	all, err := b.allCores()
	if err != nil {
		return usage{}, err
	}
	t, err := readTimes(all)
	if err != nil {
		return usage{}, err
	}
	u := usage{cores: time.Duration(t.worked) * tick, total: t.total}
	for _, p := range b.processes {
		if cpu, err := p.cpu(); err == nil { // one that has ended works no more
			u.ours += cpu
		}
	}
	for _, whose := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(whose, &r); err != nil {
			return usage{}, err
		}
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// since is the share of the machine that others had since before. Ticks are
// coarse: nothing is less than none.
func (u usage) since(before usage) float64 {
	total := time.Duration(u.total-before.total) * tick
	if total <= 0 {
		return 0
	}
	others := (u.cores - before.cores) - (u.ours - before.ours)
	return max(0, float64(others)/float64(total))
}

// undisturbed measures, and does so again, as long as patience lasts, where others
// used the machine meanwhile. It gives the result of which they had least.
func (b *bench) undisturbed(ctx context.Context, p *probe) (figures, error) {
	var best figures
	for tries := 1; ; tries++ {
		start := b.now()
		before, err := b.used()
		if err != nil {
			return figures{}, err
		}
		f, err := p.measure(ctx)
		switch {
		case err != nil && tries > 1:
			return best, nil
		case err != nil:
			return figures{}, err
		}
		after, err := b.used()
		if err != nil {
			return figures{}, err
		}
		if f.others = after.since(before); tries == 1 || f.others < best.others {
			best = f
		}
		if b.patience -= b.now().Sub(start); best.others <= quiet || tries == 3 || b.patience <= 0 {
			if tries == 1 {
				b.patience += b.now().Sub(start) // it was due anyway
			}
			return best, nil
		}
		b.say("%s: again, since others used %.0f %% of the machine", p.name, 100*f.others)
	}
}

// disturbance tells how much of the machine others had while we measured.
func (b *bench) disturbance(probes []*probe) string {
	var sum, most float64
	n := 0
	for _, p := range probes {
		for _, f := range p.results {
			sum, most, n = sum+f.others, max(most, f.others), n+1
		}
	}
	return fmt.Sprintf("%.1f %% of the machine on average, %.1f %% at most", 100*sum/max(1, float64(n)), 100*most)
}
