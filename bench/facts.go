package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"sallyport/bench/report"
)

// facts tell on what, with what and how was measured.
func (b *bench) facts(ctx context.Context, probes []*probe) ([]report.Fact, error) {
	processor, err := processorName()
	if err != nil {
		return nil, err
	}
	var memory unix.Sysinfo_t
	if err := unix.Sysinfo(&memory); err != nil {
		return nil, err
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return nil, err
	}
	revision := output(ctx, `(\S+)`, "git", "describe", "--always", "--dirty")
	c := b.counts()
	return []report.Fact{
		{Name: "date", Value: b.now().UTC().Format("2006-01-02 15:04 UTC")},
		{Name: "machine", Value: fmt.Sprintf("%s, %d cores, %d GiB of memory", processor, len(b.all), memory.Totalram*uint64(memory.Unit)>>30)},
		{Name: "kernel", Value: unix.ByteSliceToString(kernel.Sysname[:]) + " " + unix.ByteSliceToString(kernel.Release[:])},
		{Name: "sallyport", Value: revision + ", " + runtime.Version()},
		{Name: "beside it", Value: strings.Join([]string{
			"nginx " + output(ctx, `nginx/(\S+)`, "nginx", "-v"),
			"Redis " + output(ctx, `v=(\S+)`, "redis-server", "--version"),
			"Apache " + output(ctx, `Apache/(\S+)`, "apache2", "-v"),
			"mod_auth_openidc " + output(ctx, `(\S+)`, "dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-auth-openidc"),
			"oauth2-proxy " + output(ctx, `oauth2-proxy/v7\s+(v\S+)`, "go", "version", "-m", oauth2ProxyBinary),
		}, ", ")},
		{Name: "loaded by", Value: "wrk " + output(ctx, `wrk \S*?([\d.]+)`, "wrk", "-v") + ", h2load " + output(ctx, `nghttp2/(\S+)`, "h2load", "--version")},
		{Name: "rounds", Value: fmt.Sprintf("%d of %v for each row, %d connections", b.rounds, b.duration, b.connections)},
		{Name: "cores", Value: fmt.Sprintf("the proxy on %s, everything else on %s", b.proxyCores, b.loadCores)},
		{Name: "others meanwhile", Value: b.disturbance(probes)},
		{Name: "counted", Value: fmt.Sprintf("%d logins a round, %d at other gateways, %d idle connections", c.logins, c.peerLogins, c.connections)},
	}, nil
}

var modelName = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// processorName is that of the first core; other architectures than x86 have
// none there.
func processorName() (string, error) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	if found := modelName.FindSubmatch(text); found != nil {
		return string(found[1]), nil
	}
	return runtime.GOARCH, nil
}

// output is what a pattern finds in what a program prints; a program that is
// not there has no version. Some end with a failure after printing it.
func output(ctx context.Context, pattern, name string, args ...string) string {
	text, _ := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // commands are this program's
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return "(not installed)"
}
