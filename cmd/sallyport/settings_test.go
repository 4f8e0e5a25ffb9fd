package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/internal/server"
)

func parseStart(env map[string]string, args ...string) (settings, error) {
	var s settings
	p := program{stdout: new(bytes.Buffer), lookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	if err := p.parse(s.flags("start"), args); err != nil {
		return s, err
	}
	return s, s.check()
}

func TestSettings(t *testing.T) {
	t.Parallel()
	defaults := settings{
		database: "memory", proxyListen: []server.Listen{{Addr: "0.0.0.0:8000"}}, adminListen: []server.Listen{{Addr: "127.0.0.1:8001"}},
		tlsMin: "1.2", acme: acmeSettings{directory: "https://acme-v02.api.letsencrypt.org/directory"}, realIPHeader: "X-Real-IP", logFormat: "text", accessLog: "stdout", accessSample: 1, grace: 10 * time.Second,
	}
	for _, tc := range []struct {
		name   string
		env    map[string]string
		args   []string
		change func(*settings)
	}{
		{"defaults", nil, nil, func(*settings) {}},
		{
			"a repeated flag adds up and replaces the default", nil,
			[]string{"--admin-listen", "127.0.0.1:1", "--admin-listen", "[::1]:1", "--admin-host", "a", "--admin-host=b"},
			func(s *settings) {
				s.adminListen = []server.Listen{{Addr: "127.0.0.1:1"}, {Addr: "[::1]:1"}}
				s.adminHosts = []string{"a", "b"}
			},
		},
		{
			"commas separate as well", nil,
			[]string{"--proxy-listen", "0.0.0.0:8000, 0.0.0.0:8443 ssl http2", "--tls-cert=c,d", "--tls-key=k", "--tls-key=l", "--trusted-ips", "10.1.2.3/8,::1"},
			func(s *settings) {
				s.proxyListen = []server.Listen{{Addr: "0.0.0.0:8000"}, {Addr: "0.0.0.0:8443", TLS: true, HTTP2: true}}
				s.tlsCerts, s.tlsKeys = []string{"c", "d"}, []string{"k", "l"}
				s.trustedIPs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
			},
		},
		{
			"the environment stands in for a flag",
			map[string]string{"SALLYPORT_LOG_LEVEL": "debug", "SALLYPORT_ADMIN_LISTEN": "off", "SALLYPORT_REAL_IP_RECURSIVE": "true"},
			nil,
			func(s *settings) { s.logLevel, s.adminListen, s.realIPDeep = slog.LevelDebug, nil, true },
		},
		{
			"a flag wins over the environment",
			map[string]string{"SALLYPORT_CONFIG": "env.yaml", "SALLYPORT_PROXY_LISTEN": "0.0.0.0:1"},
			[]string{"--config", "flag.yaml", "--proxy-listen", "0.0.0.0:2"},
			func(s *settings) { s.config, s.proxyListen = "flag.yaml", []server.Listen{{Addr: "0.0.0.0:2"}} },
		},
		{
			"access records in a format of their own",
			map[string]string{"SALLYPORT_ACCESS_LOG_SAMPLE": "100"},
			[]string{"--access-log-format", "combined"},
			func(s *settings) { s.accessStyle, s.accessSample = "combined", 100 },
		},
		{"an empty variable is none", map[string]string{"SALLYPORT_DATABASE": ""}, nil, func(*settings) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			want := defaults
			tc.change(&want)
			got, err := parseStart(tc.env, tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}, acmeSettings{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"unknown flag", nil, []string{"--x"}, "-x"},
		{"positional argument", nil, []string{"x"}, `"x"`},
		{"proxy off", nil, []string{"--proxy-listen", "off"}, "--proxy-listen"},
		{"certificate without key", nil, []string{"--tls-cert", "c"}, "--tls-key"},
		{"two certificates and one key", nil, []string{"--tls-cert", "c,d", "--tls-key", "k"}, "there are 2 and 1"},
		{"a version of TLS that is not safe", nil, []string{"--tls-min-version", "1.1"}, "tls-min-version"},
		{"PROXY protocol from nobody", nil, []string{"--proxy-listen", "127.0.0.1:1 proxy_protocol"}, "--trusted-ips"},
		{"a wildcard by ACME", nil, []string{"--acme-domain", "*.a.test"}, "challenge by DNS"},
		{"an address by ACME", nil, []string{"--acme-domain", "10.0.0.1"}, "want a host name"},
		{
			"ACME without storage", nil,
			[]string{"--proxy-listen", "127.0.0.1:0 ssl", "--acme-domain", "a.test", "--acme-accept-terms"},
			"--acme-storage",
		},
		{
			"ACME without the terms", nil,
			[]string{"--proxy-listen", "127.0.0.1:0 ssl", "--acme-domain", "a.test", "--acme-storage", "x"},
			"--acme-accept-terms",
		},
		{"ACME without TLS", nil, []string{"--acme-domain", "a.test", "--acme-storage", "x", "--acme-accept-terms"}, "with ssl"},
		{
			"PROXY protocol for the Admin API", nil,
			[]string{"--admin-listen", "127.0.0.1:1 proxy_protocol", "--trusted-ips", "127.0.0.1"},
			"the Admin API does not speak",
		},
		{"address with a zone as trusted", nil, []string{"--trusted-ips", "fe80::1%eth0"}, "trusted-ips"},
		{"unknown access format", nil, []string{"--access-log-format", "xml"}, "access-log-format"},
		{"empty access format", nil, []string{"--access-log-format="}, "access-log-format"},
		{"sample of nothing", nil, []string{"--access-log-sample", "0"}, "access-log-sample"},
		{"sample beyond 32 bits", nil, []string{"--access-log-sample", "4294967296"}, "access-log-sample"},
		{"no time to shut down", nil, []string{"--shutdown-grace", "0s"}, "--shutdown-grace"},
		{"empty host", nil, []string{"--admin-host", ""}, "admin-host"},
		{"bad level", nil, []string{"--log-level", "loud"}, "log-level"},
		{"bad value in the environment", map[string]string{"SALLYPORT_SHUTDOWN_GRACE": "soon"}, nil, "SALLYPORT_SHUTDOWN_GRACE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseStart(tc.env, tc.args...)
			var usage *usageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a usage error that names %s", err, tc.want)
			}
		})
	}
}

func TestEveryFlagOfStartHasADescription(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := program{stdout: &out}
	var s settings
	p.flagHelp(s.flags("start"))
	for line := range strings.Lines(out.String()) {
		if strings.TrimSpace(line) == "" && strings.HasPrefix(line, "        ") {
			t.Errorf("a flag without a description:\n%s", out.String())
		}
	}
	if !strings.Contains(out.String(), "environment: SALLYPORT_REAL_IP_HEADER; default: X-Real-IP") {
		t.Errorf("got:\n%s", out.String())
	}
}
