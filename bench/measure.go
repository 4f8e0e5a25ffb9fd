package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one run of wrk.
type result struct {
	perSecond float64
	p99       time.Duration
	cpu       time.Duration // of the proxy, for one request
}

// check asks a target once, as wrk will.
func (b *bench) check(ctx context.Context, t *target) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return err
	}
	for _, h := range t.headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), filler) {
		return fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	return nil
}

// measure loads a target for a while and notes what it cost.
func (b *bench) measure(ctx context.Context, t *target) error {
	args := []string{"-t", "1", "-c", strconv.Itoa(b.connections), "-d", fmt.Sprintf("%ds", max(1, int(b.duration.Seconds()))), "--latency"}
	for _, h := range t.headers {
		args = append(args, "-H", h)
	}
	before, err := t.proxy.cpu()
	if err != nil {
		return err
	}
	//nolint:gosec // arguments are this program's
	out, err := exec.CommandContext(ctx, "wrk", append(args, t.url)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("wrk: %w\n%s", err, out)
	}
	after, err := t.proxy.cpu()
	if err != nil {
		return err
	}
	r, requests, err := parseReport(string(out))
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	r.cpu = (after - before) / time.Duration(requests)
	t.results = append(t.results, r)
	return nil
}

var (
	reportRequests  = regexp.MustCompile(`(?m)^\s+(\d+) requests in`)
	reportPerSecond = regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)`)
	reportP99       = regexp.MustCompile(`(?m)^\s+99%\s+([\d.]+(?:us|ms|s))`)
	reportFailures  = regexp.MustCompile(`(?m)^\s+(?:Non-2xx or 3xx responses|Socket errors): .*`)
)

// parseReport reads what wrk prints. A request that failed makes it worthless.
func parseReport(report string) (r result, requests int64, err error) {
	if failure := reportFailures.FindString(report); failure != "" {
		return result{}, 0, errors.New(strings.TrimSpace(failure))
	}
	count, perSecond, p99 := reportRequests.FindStringSubmatch(report), reportPerSecond.FindStringSubmatch(report), reportP99.FindStringSubmatch(report)
	if count == nil || perSecond == nil || p99 == nil {
		return result{}, 0, errors.New("wrk printed no report")
	}
	if requests, err = strconv.ParseInt(count[1], 10, 64); err != nil || requests == 0 {
		return result{}, 0, errors.New("no requests were served")
	}
	if r.perSecond, err = strconv.ParseFloat(perSecond[1], 64); err != nil {
		return result{}, 0, err
	}
	r.p99, err = time.ParseDuration(p99[1])
	return r, requests, err
}

// table prints the medians, with ratios to the first target.
func table(out io.Writer, targets []*target) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tCPU/request\t× nginx\trequests/s\t× nginx\tp99\t× nginx\t") // Flush tells of errors
	first := median(targets[0].results)
	for _, t := range targets {
		m := median(t.results)
		_, _ = fmt.Fprintf(w, "%s\t%.1f µs\t%.2f\t%.0f\t%.2f\t%.2f ms\t%.2f\t\n", t.name,
			float64(m.cpu)/float64(time.Microsecond), float64(m.cpu)/float64(first.cpu),
			m.perSecond, m.perSecond/first.perSecond,
			float64(m.p99)/float64(time.Millisecond), float64(m.p99)/float64(first.p99))
	}
	return w.Flush()
}

// median is that of each figure by itself.
func median(results []result) result {
	return result{
		perSecond: middle(results, func(r result) float64 { return r.perSecond }),
		p99:       time.Duration(middle(results, func(r result) float64 { return float64(r.p99) })),
		cpu:       time.Duration(middle(results, func(r result) float64 { return float64(r.cpu) })),
	}
}

func middle(results []result, figure func(r result) float64) float64 {
	figures := make([]float64, len(results))
	for i, r := range results {
		figures[i] = figure(r)
	}
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}
