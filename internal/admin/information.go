package admin

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"runtime/metrics"
	"slices"
	"strconv"
)

// root answers GET /: what a client reads to find out what it talks to.
func (a *API) root(*call) (reply, error) {
	info := a.info()
	available := map[string]any{}
	loaded := map[string]bool{}
	for name, d := range a.definitions {
		available[name] = map[string]any{"version": d.Version, "priority": d.Priority}
		loaded[name] = true
	}
	return ok(map[string]any{
		"version":  KongVersion,
		"edition":  "community",
		"tagline":  "Welcome to sallyport " + a.version,
		"hostname": info.Hostname,
		"node_id":  info.NodeID,
		"timers":   map[string]any{"running": 0, "pending": 0},
		"pids":     map[string]any{"master": info.PID, "workers": []int{info.PID}},
		"plugins": map[string]any{
			"available_on_server": available,
			"enabled_in_cluster":  a.configuredPlugins(),
		},
		"configuration": map[string]any{
			"database":                         a.database(),
			"router_flavor":                    "traditional_compatible",
			"proxy_listeners":                  describeListeners(info.ProxyListeners),
			"admin_listeners":                  describeListeners(info.AdminListeners),
			"stream_listeners":                 []any{},
			"headers":                          []string{"server_tokens", "latency_tokens", "X-Kong-Request-Id"},
			"plugins":                          []string{"bundled"},
			"loaded_plugins":                   loaded,
			"trusted_ips":                      append([]string{}, info.TrustedIPs...),
			"role":                             "traditional",
			"wasm":                             false,
			"anonymous_reports":                false,
			"nginx_admin_client_max_body_size": strconv.Itoa(maxBody>>20) + "m",
		},
	})
}

// database is what clients test for writability.
func (a *API) database() string {
	if a.readOnly {
		return "off"
	}
	return "postgres"
}

func (a *API) configuredPlugins() []string {
	names := map[string]bool{}
	for _, p := range a.store.View().Set().Plugins {
		names[p.Name] = true
	}
	return append([]string{}, slices.Sorted(maps.Keys(names))...)
}

func describeListeners(list []Listener) []any {
	out := make([]any, 0, len(list))
	for _, l := range list {
		address := l.IP + ":" + strconv.Itoa(l.Port)
		if ip, err := netip.ParseAddr(l.IP); err == nil {
			address = netip.AddrPortFrom(ip, uint16(l.Port)).String() //nolint:gosec // a port of a socket
		}
		if l.TLS {
			address += " ssl"
		}
		if l.HTTP2 {
			address += " http2"
		}
		if l.ProxyProtocol {
			address += " proxy_protocol"
		}
		out = append(out, map[string]any{
			"ip": l.IP, "port": l.Port, "ssl": l.TLS, "http2": l.HTTP2, "proxy_protocol": l.ProxyProtocol,
			"deferred": false, "bind": false, "reuseport": false, "backlog=%d+": false, "listener": address,
		})
	}
	return out
}

// status answers GET /status.
func (a *API) status(c *call) (reply, error) {
	args, err := query(c.r)
	if err != nil {
		return reply{}, err
	}
	memory, err := memoryText(args.Get("unit"), args.Get("scale"))
	if err != nil {
		return reply{}, err
	}
	info := a.info()
	n := info.Connections
	body := map[string]any{
		"server": map[string]any{
			"connections_accepted": n.Accepted, "connections_active": n.Active, "connections_handled": n.Handled,
			"connections_reading": n.Reading, "connections_waiting": n.Waiting, "connections_writing": n.Writing,
			"total_requests": n.Requests,
		},
		"memory": map[string]any{
			"lua_shared_dicts": map[string]any{},
			"workers_lua_vms":  []any{map[string]any{"http_allocated_gc": memory, "pid": info.PID}},
		},
		"sallyport": map[string]any{"version": a.version},
	}
	if a.readOnly {
		body["configuration_hash"] = a.store.View().Hash()
	} else {
		body["database"] = map[string]any{"reachable": true}
	}
	return ok(body)
}

// memoryText writes the live heap in the unit and precision that were asked
// for.
func memoryText(unit, scale string) (string, error) {
	digits := 2
	if scale != "" {
		n, err := strconv.Atoi(scale)
		if err != nil || n < 0 || n > 20 {
			return "", failure(http.StatusBadRequest, "invalid scale: expected a whole number from 0 to 20")
		}
		digits = n
	}
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	size := float64(sample[0].Value.Uint64())
	switch unit {
	case "b", "B":
		return strconv.FormatFloat(size, 'f', 0, 64), nil
	case "k", "K":
		return fmt.Sprintf("%.*f KiB", digits, size/(1<<10)), nil
	case "", "m", "M":
		return fmt.Sprintf("%.*f MiB", digits, size/(1<<20)), nil
	case "g", "G":
		return fmt.Sprintf("%.*f GiB", digits, size/(1<<30)), nil
	}
	return "", failure(http.StatusBadRequest, "invalid unit: expected one of b, k, m, g")
}

// enabledPlugins answers GET /plugins/enabled.
func (a *API) enabledPlugins(*call) (reply, error) {
	names := append([]string{}, slices.Sorted(maps.Keys(a.definitions))...)
	return ok(map[string]any{"enabled_plugins": names})
}

// listEndpoints answers GET /endpoints.
func (a *API) listEndpoints(*call) (reply, error) {
	patterns := make([]string, 0, len(a.endpoints)+len(a.mounts))
	for _, e := range a.endpoints {
		patterns = append(patterns, e.pattern())
	}
	for _, m := range a.mounts {
		patterns = append(patterns, m.Path)
	}
	slices.SortFunc(patterns, compareSegments)
	return ok(map[string]any{"data": patterns})
}

// timers answers GET /timers: there is one process and no timer of Kong's
// kind.
func (a *API) timers(*call) (reply, error) {
	none := map[string]int{"total": 0, "runs": 0, "running": 0, "pending": 0, "waiting": 0, "elapsed_time": 0}
	return ok(map[string]any{
		"worker": map[string]any{"id": 0, "count": 1},
		"stats":  map[string]any{"sys": none, "timers": map[string]any{}},
	})
}

// showMetrics hands the request to what was passed in.
func (a *API) showMetrics(*call) (reply, error) {
	return reply{status: http.StatusOK, handle: a.metrics}, nil
}
