package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Two cores against one. On a machine with two cores nothing is left for the
// load generator when the proxy has both, so that requests per second alone
// would tell of wrk as much as of the proxy. Here the whole rig (proxy,
// upstream, wrk) runs once on one core and once on two, each of its parts with
// as many workers as there are cores, and two figures are taken:
//
//   - requests per second of the rig, as they are;
//   - what the proxy could serve alone: cores ÷ CPU per request, times the share
//     of the time in which these cores were busy. CPU per request tells what a
//     second core costs in contention, idle time tells of waiting for locks.
//     Sharing the cores with others is the same in both runs.
//
// The second is held against the bound. nginx by the same rig shows what the
// rig itself gives.
type scaled struct {
	proxy, nginx *probe
}

// scaling makes the probes of a rig on n cores.
func (b *bench) scaling(n int, g *gateway) scaled {
	name := fmt.Sprintf("on %d of the cores", n)
	var upstream string
	// rig starts an upstream for these cores, once.
	rig := func(ctx context.Context) (cores, error) {
		all, err := b.allCores()
		if err != nil {
			return nil, err
		}
		if len(all) < n {
			return nil, absence(fmt.Sprintf("this machine has %d core", len(all)))
		}
		where := all[:n]
		if upstream != "" {
			return where, nil
		}
		if upstream, err = freeAddress(ctx); err != nil {
			return nil, err
		}
		_, err = b.startNginx(ctx, g.name+"-upstream", upstream, where, staticServer(upstream))
		return where, err
	}
	return scaled{
		nginx: b.busy(b.wrkProbe("nginx "+name, http.StatusOK, func(ctx context.Context) (*process, load, error) {
			where, err := rig(ctx)
			if err != nil {
				return nil, load{}, err
			}
			address, err := freeAddress(ctx)
			if err != nil {
				return nil, load{}, err
			}
			p, err := b.startNginx(ctx, g.name+"-nginx", address, where, bareProxy(upstream, address))
			return p, load{url: "http://" + address + "/", headers: []string{"Host: " + bareHost}, cores: where, threads: n}, err
		}), n),
		proxy: b.busy(b.wrkProbe("sallyport "+name, http.StatusOK, func(ctx context.Context) (*process, load, error) {
			where, err := rig(ctx)
			if err != nil {
				return nil, load{}, err
			}
			g.upstream = upstream
			if err := b.startGateway(ctx, g, where); err != nil {
				return nil, load{}, err
			}
			cookie, err := b.crowd.logInAs(ctx, account(0), g.site(memoryHost))
			return g.process, load{
				url: "http://" + g.plain + "/", cores: where, threads: n,
				headers: []string{g.hostHeader(memoryHost), "Cookie: " + cookie},
			}, err
		}), n),
	}
}

// busy adds to a probe's figures what the proxy could serve alone on n cores.
func (b *bench) busy(p *probe, n int) *probe {
	measure := p.measure
	p.measure = func(ctx context.Context) (figures, error) {
		all, err := b.allCores()
		if err != nil {
			return figures{}, err
		}
		before, err := readTimes(all[:n])
		if err != nil {
			return figures{}, err
		}
		f, err := measure(ctx)
		if err != nil {
			return figures{}, err
		}
		after, err := readTimes(all[:n])
		if err != nil {
			return figures{}, err
		}
		total := after.total - before.total
		if total <= 0 || f.cpu <= 0 {
			return figures{}, errors.New("no time has passed")
		}
		worked := 1 - float64(after.idle-before.idle)/float64(total)
		f.amount = worked * float64(n) * float64(time.Second) / float64(f.cpu)
		return f, nil
	}
	return p
}

// times are those of some cores together, in ticks. worked is without interrupts,
// which no process is charged for, and with what the host gave to others.
type times struct{ idle, worked, total int64 }

func readTimes(of cores) (times, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return times{}, err
	}
	return parseTimes(string(text), of)
}

// parseTimes reads /proc/stat: a line for each core, of which the fourth and the
// fifth figure are idle time, the sixth and the seventh interrupts.
func parseTimes(stat string, of cores) (times, error) {
	wanted := map[string]bool{}
	for _, core := range of {
		wanted["cpu"+strconv.Itoa(core)] = true
	}
	var t times
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) < 9 || !wanted[fields[0]] {
			continue
		}
		delete(wanted, fields[0])
		for i, field := range fields[1:9] { // guest time, behind it, is in user time already
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return times{}, err
			}
			t.total += n
			switch i {
			case 3, 4:
				t.idle += n
			case 5, 6: // interrupts
			default:
				t.worked += n
			}
		}
	}
	if len(wanted) > 0 {
		return times{}, errors.New("unknown form of /proc/stat")
	}
	return t, nil
}
