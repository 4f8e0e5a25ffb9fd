package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/server"
)

// settings are the flags of start.
type settings struct {
	config       string
	database     string
	proxyListen  []server.Listen
	adminListen  []server.Listen
	tlsCerts     []string
	tlsKeys      []string
	tlsMin       string
	acme         acmeSettings
	adminHosts   []string
	adminOrigins []string
	trustedIPs   []netip.Prefix
	realIPHeader string
	realIPDeep   bool
	logLevel     slog.Level
	logFormat    string
	accessLog    string
	accessStyle  string // empty means logFormat
	accessSample int
	grace        time.Duration
}

// The values of --database.
const (
	databaseMemory = "memory"
	databaseOff    = "off"
)

func (s *settings) flags(name string) *flag.FlagSet {
	s.proxyListen = []server.Listen{{Addr: "0.0.0.0:8000"}}
	s.adminListen = []server.Listen{{Addr: "127.0.0.1:8001"}}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors and help are printed by the caller
	fs.StringVar(&s.config, "config", "", "declarative `FILE`, read at start and on SIGHUP")
	fs.Var(choice(&s.database, databaseMemory, databaseOff), "database",
		"`memory`: the Admin API may change entities; off: they come from --config and POST /config alone")
	fs.Var(&list[server.Listen]{values: &s.proxyListen, parse: listenOrOff}, "proxy-listen",
		"`ADDRESS` of the proxy, as in \"0.0.0.0:8443 ssl http2\"; with proxy_protocol it takes connections from --trusted-ips alone; repeatable")
	fs.Var(&list[server.Listen]{values: &s.adminListen, parse: listenOrOff}, "admin-listen",
		"`ADDRESS` of the Admin API, or off; repeatable")
	fs.Var(&list[string]{values: &s.tlsCerts, parse: text}, "tls-cert",
		"PEM `FILE` with a certificate chain of ssl listeners, for names without an SNI of their own; it is read again when it changes; repeatable")
	fs.Var(&list[string]{values: &s.tlsKeys, parse: text}, "tls-key",
		"PEM `FILE` with the private key of the --tls-cert in the same place; repeatable")
	fs.Var(choice(&s.tlsMin, "1.2", "1.3"), "tls-min-version", "oldest `VERSION` of TLS that is spoken: 1.2 or 1.3")
	s.acmeFlags(fs)
	fs.Var(&list[string]{values: &s.adminHosts, parse: text}, "admin-host",
		"`NAME` under which the Admin API may be asked, beside IP addresses and localhost; repeatable")
	fs.Var(&list[string]{values: &s.adminOrigins, parse: text}, "admin-origin",
		"`ORIGIN` whose pages may change the configuration; repeatable")
	fs.Var(&list[netip.Prefix]{values: &s.trustedIPs, parse: network}, "trusted-ips",
		"`NETWORKS` of proxies in front, whose X-Forwarded-* headers count; repeatable")
	fs.StringVar(&s.realIPHeader, "real-ip-header", "X-Real-IP", "`HEADER` in which a trusted proxy tells the client's address; proxy_protocol for none but that of the PROXY protocol")
	fs.BoolVar(&s.realIPDeep, "real-ip-recursive", false, "take the last address of that header that is not trusted")
	fs.TextVar(&s.logLevel, "log-level", slog.LevelInfo, "`LEVEL`: debug, info, warn or error")
	fs.Var(choice(&s.logFormat, "text", "json"), "log-format", "`FORMAT` of all logs: text or json")
	fs.Var(choice(&s.accessLog, "stdout", "stderr", "off"), "access-log", "`WHERE` access records go: stdout, stderr or off")
	fs.Var(&option{value: &s.accessStyle, allowed: []string{"json", "text", "combined"}}, "access-log-format",
		"`FORMAT` of access records: json, text or combined; without it that of --log-format")
	s.accessSample = 1
	fs.Var(positive{&s.accessSample}, "access-log-sample", "record one request in `N`, and every one that fails")
	fs.DurationVar(&s.grace, "shutdown-grace", 10*time.Second, "how `LONG` requests in flight and tunnels may go on after SIGTERM")
	return fs
}

// errHelp tells that help was printed.
var errHelp = errors.New("help was asked for")

// parse reads args, and for what they leave out the environment.
func (p program) parse(fs *flag.FlagSet, args []string) error {
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		p.flagHelp(fs)
		return errHelp
	case err != nil:
		return &usageError{fs.Name() + ": " + err.Error()}
	case fs.NArg() > 0:
		return &usageError{fmt.Sprintf("%s: unexpected argument %q", fs.Name(), fs.Arg(0))}
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failed error
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := p.lookupEnv(variable(f.Name))
		if given[f.Name] || !ok || value == "" || failed != nil {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			failed = &usageError{fmt.Sprintf("environment variable %s: invalid value %q: %v", variable(f.Name), value, err)}
		}
	})
	return failed
}

// variable is the environment variable of a flag.
func variable(name string) string {
	return "SALLYPORT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func (p program) flagHelp(fs *flag.FlagSet) {
	p.tell(p.stdout, "Usage of sallyport %s:\n\n", fs.Name())
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		p.tell(p.stdout, "  --%s %s\n        %s\n        (environment: %s", f.Name, value, usage, variable(f.Name))
		if f.DefValue != "" && f.DefValue != "false" {
			p.tell(p.stdout, "; default: %s", f.DefValue)
		}
		p.tell(p.stdout, ")\n")
	})
}

// check finds what no single flag can tell.
func (s *settings) check() error {
	if len(s.proxyListen) == 0 {
		return &usageError{"--proxy-listen is off: there is nothing to serve"}
	}
	if s.grace <= 0 {
		return &usageError{"--shutdown-grace: want more than 0"}
	}
	return cmp.Or(s.checkTLS(), s.checkACME())
}

// list is a flag that may be repeated, and whose values may be separated by
// commas. The first value given replaces the default.
type list[T any] struct {
	values *[]T
	parse  func(string) (T, bool, error)
	given  bool
}

// Set implements flag.Value.
func (l *list[T]) Set(s string) error {
	if !l.given {
		*l.values, l.given = nil, true
	}
	for part := range strings.SplitSeq(s, ",") {
		v, ok, err := l.parse(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		if ok {
			*l.values = append(*l.values, v)
		}
	}
	return nil
}

// String implements flag.Value.
func (l *list[T]) String() string {
	if l.values == nil {
		return ""
	}
	var parts []string
	for _, v := range *l.values {
		parts = append(parts, fmt.Sprint(v))
	}
	return strings.Join(parts, ", ")
}

func listenOrOff(s string) (server.Listen, bool, error) {
	if s == "off" {
		return server.Listen{}, false, nil
	}
	l, err := server.ParseListen(s)
	return l, err == nil, err
}

func text(s string) (string, bool, error) {
	if s == "" {
		return "", false, errors.New("empty value")
	}
	return s, true, nil
}

// network reads a prefix or an address.
func network(s string) (netip.Prefix, bool, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false, errors.New("want an address or a network such as 10.0.0.0/8")
	}
	return netip.PrefixFrom(a, a.BitLen()), true, nil
}

// accessFormat is the format of access records.
func (s *settings) accessFormat() server.AccessFormat {
	if s.accessStyle != "" {
		return server.AccessFormat(s.accessStyle)
	}
	return server.AccessFormat(s.logFormat)
}

// positive is a flag for a number of 1 or more.
type positive struct{ value *int }

// Set implements flag.Value.
func (p positive) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return errors.New("want a number of 1 or more")
	}
	*p.value = int(n)
	return nil
}

// String implements flag.Value.
func (p positive) String() string {
	if p.value == nil {
		return ""
	}
	return strconv.Itoa(*p.value)
}

// option is a flag with a fixed set of values.
type option struct {
	value   *string
	allowed []string
}

// choice returns a flag whose default is the first of allowed.
func choice(value *string, allowed ...string) *option {
	*value = allowed[0]
	return &option{value: value, allowed: allowed}
}

// Set implements flag.Value.
func (o *option) Set(s string) error {
	if !slices.Contains(o.allowed, s) {
		return errors.New("want one of: " + strings.Join(o.allowed, ", "))
	}
	*o.value = s
	return nil
}

// String implements flag.Value.
func (o *option) String() string {
	if o.value == nil {
		return ""
	}
	return *o.value
}
