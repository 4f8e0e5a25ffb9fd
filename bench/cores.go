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

// siblings are the cores that share their circuits with one of ours, itself
// included: on machines with hyper-threading two.
func siblings(core int) (cores, error) {
	text, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", core))
	if errors.Is(err, os.ErrNotExist) {
		return cores{core}, nil // nobody tells
	}
	if err != nil {
		return nil, err
	}
	return parseCores(strings.TrimSpace(string(text)))
}

// parseCores reads the kernel's notation: 0,2-3.
func parseCores(list string) (cores, error) {
	var found cores
	for part := range strings.SplitSeq(list, ",") {
		low, high, several := strings.Cut(part, "-")
		if !several {
			high = low
		}
		from, err := strconv.Atoi(low)
		if err != nil {
			return nil, err
		}
		to, err := strconv.Atoi(high)
		if err != nil {
			return nil, err
		}
		for core := from; core <= to; core++ {
			found = append(found, core)
		}
	}
	return found, nil
}

// apart leaves those cores out of the load's that share their circuits with the
// proxy's, where others are left.
func apart(proxy, load cores, siblings func(core int) (cores, error)) (cores, error) {
	near := map[int]bool{}
	for _, core := range proxy {
		all, err := siblings(core)
		if err != nil {
			return nil, err
		}
		for _, sibling := range all {
			near[sibling] = true
		}
	}
	var far cores
	for _, core := range load {
		if !near[core] {
			far = append(far, core)
		}
	}
	if len(far) == 0 {
		return load, nil
	}
	return far, nil
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
