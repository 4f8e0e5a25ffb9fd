package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// staticServer is the upstream: an answer of a kilobyte from memory.
func staticServer(_ *bench, listen string) string {
	return fmt.Sprintf(`
  access_log off;
  server {
    listen %s backlog=1024;
    location / {
      default_type application/json;
      return 200 '{"args":{"hello":"world"},"data":"%s"}';
    }
  }`, listen, filler)
}

// bareProxy passes everything on over kept connections.
func bareProxy(b *bench, listen string) string {
	return fmt.Sprintf(`
  access_log /dev/null combined;
  upstream static {
    server %s;
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen %s backlog=1024;
    location / {
      proxy_pass http://static;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }`, b.addresses.upstream, listen)
}

// filler makes the upstream's answer about as long as that of an API.
const filler = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. " +
	"Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. " +
	"Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur."

// startNginx runs an nginx of its own, with nothing of the machine's.
func (b *bench) startNginx(ctx context.Context, name, listen string, server func(b *bench, listen string) string) (*process, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	var temporary strings.Builder
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		_, _ = fmt.Fprintf(&temporary, "  %s_temp_path %s/%s;\n", what, dir, what)
	}
	config := fmt.Sprintf(`%sdaemon off;
worker_processes %d;
pid %s/nginx.pid;
error_log %s/error.log;
events { worker_connections 4096; }
http {
%s  keepalive_requests 1000000000;
%s
}
`, user, b.cores, dir, dir, temporary.String(), server(b, listen))
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return b.spawn(ctx, listen, nil, "nginx", "-p", dir, "-c", file, "-e", dir+"/error.log")
}
