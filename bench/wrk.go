package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figures are what a probe finds in one round. Those that it does not measure
// are zero.
type figures struct {
	// cpu is what one request costs the proxy.
	cpu time.Duration
	// perSecond counts requests.
	perSecond float64
	// p99 is the latency that 99 of 100 requests stay below.
	p99 time.Duration
	// busy is the share of its cores' time that the proxy used, others that of
	// the whole machine which was used by nobody of us.
	busy, others float64
	// amount is the figure of a probe that counts something else.
	amount float64
}

// load is what wrk is told.
type load struct {
	url     string
	headers []string // "Name: value"
	script  string   // a Lua file, or empty
	threads int
	cores   cores
}

// wrk loads a proxy for a while and tells what it cost.
func (b *bench) wrk(ctx context.Context, proxy *process, l load, duration time.Duration) (figures, error) {
	args := []string{
		"-c", l.cores.String(), "wrk", "-t", strconv.Itoa(max(1, l.threads)), "-c", strconv.Itoa(b.connections),
		"-d", fmt.Sprintf("%ds", max(1, int(duration.Seconds()))), "--latency",
	}
	for _, h := range l.headers {
		args = append(args, "-H", h)
	}
	if l.script != "" {
		args = append(args, "-s", l.script)
	}
	return b.load(ctx, proxy, slices.Concat(args, []string{l.url}), parseWrk)
}

// load runs a load generator and reads its report.
func (b *bench) load(ctx context.Context, proxy *process, args []string, parse func(string) (figures, int64, error)) (figures, error) {
	before, err := proxy.cpu()
	if err != nil {
		return figures{}, err
	}
	start := b.now()
	//nolint:gosec // arguments are this program's
	out, err := exec.CommandContext(ctx, "taskset", args...).CombinedOutput()
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w\n%s", args[2], err, out)
	}
	after, err := proxy.cpu()
	if err != nil {
		return figures{}, err
	}
	f, requests, err := parse(string(out))
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w\n%s", args[2], err, out)
	}
	f.busy = float64(after-before) / float64(b.now().Sub(start)) / float64(proxy.cores)
	f.cpu = (after - before) / time.Duration(requests)
	return f, nil
}

var (
	wrkRequests  = regexp.MustCompile(`(?m)^\s+(\d+) requests in`)
	wrkPerSecond = regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)`)
	wrkP99       = regexp.MustCompile(`(?m)^\s+99%\s+([\d.]+(?:us|ms|s))`)
	wrkFailures  = regexp.MustCompile(`(?m)^\s+(?:Non-2xx or 3xx responses|Socket errors): .*`)
)

// parseWrk reads what wrk prints. A request that failed makes it worthless.
func parseWrk(report string) (f figures, requests int64, err error) {
	if failure := wrkFailures.FindString(report); failure != "" {
		return figures{}, 0, errors.New(strings.TrimSpace(failure))
	}
	count, perSecond, p99 := wrkRequests.FindStringSubmatch(report), wrkPerSecond.FindStringSubmatch(report), wrkP99.FindStringSubmatch(report)
	if count == nil || perSecond == nil || p99 == nil {
		return figures{}, 0, errors.New("it printed no report")
	}
	if requests, err = strconv.ParseInt(count[1], 10, 64); err != nil || requests == 0 {
		return figures{}, 0, errors.New("no requests were served")
	}
	if f.perSecond, err = strconv.ParseFloat(perSecond[1], 64); err != nil {
		return figures{}, 0, err
	}
	f.p99, err = time.ParseDuration(p99[1])
	return f, requests, err
}

// String tells what was found.
func (f figures) String() string {
	var parts []string
	if f.cpu > 0 {
		parts = append(parts, fmt.Sprintf("%.1f µs CPU", f.cpu.Seconds()*1e6))
	}
	if f.perSecond > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", f.perSecond))
	}
	if f.p99 > 0 {
		parts = append(parts, fmt.Sprintf("p99 %v", f.p99))
	}
	if f.busy > 0 {
		parts = append(parts, fmt.Sprintf("busy %.0f %%", 100*f.busy))
	}
	if f.others > 0 {
		parts = append(parts, fmt.Sprintf("others %.0f %%", 100*f.others))
	}
	if f.amount > 0 {
		parts = append(parts, fmt.Sprintf("%.2f", f.amount))
	}
	return strings.Join(parts, ", ")
}
