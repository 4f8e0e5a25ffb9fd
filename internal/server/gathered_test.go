package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// overTCP is a gathered connection and the client's end of it.
func overTCP(t *testing.T) (g *gathered, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), accepted.Close() })
	return newGathered(accepted, impatient, time.Now), c.(*net.TCPConn)
}

func TestGatheredWritesArriveWholeAndInOrder(t *testing.T) {
	t.Parallel()
	g, client := overTCP(t)
	var want bytes.Buffer
	go func() {
		for i := range 2000 {
			_, _ = g.Write(bytes.Repeat([]byte{byte(i)}, i%300))
		}
		_ = g.Close()
	}()
	for i := range 2000 {
		want.Write(bytes.Repeat([]byte{byte(i)}, i%300))
	}
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d octets of %d, %v", len(got), want.Len(), err)
	}
}

func TestGatheredWritesOfManyAreEachWhole(t *testing.T) {
	t.Parallel()
	g, client := overTCP(t)
	var writing sync.WaitGroup
	for i := range 8 {
		writing.Go(func() {
			for range 500 {
				_, _ = g.Write(bytes.Repeat([]byte{byte(i)}, 100))
			}
		})
	}
	go func() { writing.Wait(); _ = g.Close() }()
	got, err := io.ReadAll(client)
	if err != nil || len(got) != 8*500*100 {
		t.Fatalf("%d octets, %v", len(got), err)
	}
	for i := 0; i < len(got); i += 100 {
		if !bytes.Equal(got[i:i+100], bytes.Repeat(got[i:i+1], 100)) {
			t.Fatalf("mixed up at %d", i)
		}
	}
}

// fill writes until nothing more is taken, and gives what ended it.
func fill(g *gathered) error {
	piece := make([]byte, 16<<10)
	for {
		if _, err := g.Write(piece); err != nil {
			return err
		}
	}
}

func TestWhoTakesNothingOfGatheredWritesIsGivenUp(t *testing.T) {
	t.Parallel()
	g, _ := overTCP(t)
	reading := make(chan error, 1)
	go func() {
		_, err := g.Read(make([]byte, 1))
		reading <- err
	}()
	if err := fill(g); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing ended with %v", err)
	}
	if waiting := len(g.waiting); waiting > maxGathered+16<<10 {
		t.Errorf("%d octets were kept", waiting)
	}
	if err := <-reading; !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading ended with %v", err)
	}
}

func TestWhoTakesGatheredWritesSlowlyIsNotGivenUp(t *testing.T) {
	t.Parallel()
	served, client := net.Pipe()
	g := newGathered(served, impatient, time.Now)
	const size = 64 << 10 // one write
	if _, err := g.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	got := 0
	for range 8 { // longer than the timeout all in all
		time.Sleep(impatient / 3)
		n, err := client.Read(make([]byte, size/8))
		if err != nil {
			t.Error(err)
		}
		got += n
	}
	if got != size {
		t.Errorf("%d of %d octets came", got, size)
	}
	_ = g.Close()
}

func TestGatheredConnectionEndsThoughNobodyTakesTheRest(t *testing.T) {
	t.Parallel()
	served, client := net.Pipe()
	defer func() { _ = client.Close() }()
	g := newGathered(served, time.Hour, time.Now) // only the end bounds what is still to go out
	filling := make(chan error, 1)
	go func() { filling <- fill(g) }()
	for full := false; !full; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		full = len(g.waiting) > maxGathered
		g.mu.Unlock()
	}
	_ = g.Close()
	if err := <-filling; err == nil {
		t.Error("writing did not end")
	}
	if _, err := g.Write([]byte("x")); err == nil {
		t.Error("something was taken after the end")
	}
}

func TestGatheredConnectionWhoseClientWentIsAnError(t *testing.T) {
	t.Parallel()
	g, client := overTCP(t)
	_ = client.SetLinger(0)
	_ = client.Close()
	if err := fill(g); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing ended with %v", err)
	}
}
