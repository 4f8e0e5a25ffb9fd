package main

import (
	"bytes"
	"context"
	"io"
	"log" //nolint:depguard // what net/http writes to
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// syncBuffer is written by the program while a test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestTheStandardLogTellsNothingOfAnUpstream(t *testing.T) { // not parallel: it is the process's
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	var out bytes.Buffer
	redirectStandardLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q", "access_token=PLANTED")
	if got := out.String(); strings.Contains(got, "PLANTED") || !strings.Contains(got, "level=DEBUG") {
		t.Errorf("logged %q", got)
	}
}

func TestTheAddressesAreTold(t *testing.T) { // not parallel: start takes the process's log
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	for _, level := range []string{"info", "error"} {
		var out syncBuffer
		p := program{stdout: io.Discard, stderr: &out, lookupEnv: func(string) (string, bool) { return "", false }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int, 1)
		go func() {
			done <- p.main(ctx, []string{"start", "--log-level", level, "--proxy-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"})
		}()
		const proxy, admin = "msg=listening listener=proxy address=127.0.0.1:", "msg=listening listener=admin address=127.0.0.1:"
		for end := time.Now().Add(5 * time.Second); !strings.Contains(out.String(), admin) && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("exit code %d", code)
		}
		if got := out.String(); !strings.Contains(got, proxy) || !strings.Contains(got, admin) {
			t.Errorf("level %s: %q", level, got)
		} else if told := strings.Contains(got, "sallyport started"); told != (level == "info") {
			t.Errorf("level %s: started told %v", level, told)
		}
	}
}
