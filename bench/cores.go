package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cores is a set of cores, as taskset names them.
type cores []int

// String implements fmt.Stringer.
func (c cores) String() string {
	names := make([]string, len(c))
	for i, core := range c {
		names[i] = strconv.Itoa(core)
	}
	return strings.Join(names, ",")
}

// usable are the cores of this process.
func usable() (cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	var all cores
	for core := range len(set) * 64 {
		if set.IsSet(core) {
			all = append(all, core)
		}
	}
	return all, nil
}

// split gives the proxy the first n cores, and everything else those that are
// left. A proxy that gets all shares them with the rest.
func split(all cores, n int) (proxy, load cores, err error) {
	switch {
	case n < 1 || n > len(all):
		return nil, nil, fmt.Errorf("-cores %d: this machine lets us use %d", n, len(all))
	case n == len(all):
		return all, all, nil
	}
	return all[:n], all[n:], nil
}

// confine moves this process, with all its threads, to some cores.
func confine(ctx context.Context, where cores) error {
	if len(where) == 0 {
		return errors.New("no cores")
	}
	//nolint:gosec // arguments are this program's
	out, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", where.String(), strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, out)
	}
	runtime.GOMAXPROCS(len(where))
	return nil
}
