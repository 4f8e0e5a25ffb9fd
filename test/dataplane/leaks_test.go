//go:build integration

package dataplane

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counts are what a gateway holds.
type counts struct {
	// clients and upstreams are its connections to either side that are not
	// closed, others what else it has open.
	clients, upstreams, others int
	goroutines                 int
}

func (c counts) String() string {
	return fmt.Sprintf("%d connections of clients, %d to upstreams, %d other descriptors, %d goroutines", c.clients, c.upstreams, c.others, c.goroutines)
}

// holds counts.
func (g *gateway) holds(t *testing.T) counts {
	t.Helper()
	c := counts{goroutines: g.count(t, "go_goroutines")}
	local := connections(t)
	dir := fmt.Sprintf("/proc/%d/fd", g.PID())
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		link, err := os.Readlink(dir + "/" + e.Name())
		port, connected := local[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")]
		switch {
		case err != nil: // closed in the meantime
		case !connected:
			c.others++
		case port == portOf(g.proxy), port == portOf(g.secured):
			c.clients++
		case port != portOf(g.admin):
			c.upstreams++
		}
	}
	return c
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// connections are the TCP connections of this machine: the local port by the
// inode. The end of each is not important: one that the other side has closed
// is still held.
func connections(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		found := map[string]string{}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			const listening = "0A"
			if len(f) < 10 || f[3] == listening {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
				found[f[9]] = strconv.FormatUint(port, 10)
			}
		}
		maps.Copy(all, found)
	}
	return all
}

// settles sees that nothing is left of what clients did who are gone: no
// connection of theirs, no more goroutines and descriptors than before and, once
// the configuration is empty, with which idle connections are closed, no
// connection to an upstream.
func (g *gateway) settles(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+g.admin+"/config", strings.NewReader(`{"_format_version": "3.0"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("POST /config: %d", res.StatusCode)
	}
	deadline := time.Now().Add(patience)
	for {
		g.mu.Lock()
		for _, tr := range g.transports {
			tr.CloseIdleConnections() // those that were not idle yet when their test ended
		}
		g.mu.Unlock()
		now := g.holds(t)
		// Two are those that the runtime and the Admin API happen to have.
		if now.clients == 0 && now.upstreams == 0 && now.others <= g.atStart.others && now.goroutines <= g.atStart.goroutines+2 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("something leaks: %v; at the start there were %v", now, g.atStart)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
