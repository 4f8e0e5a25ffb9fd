package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bearerSize is how long the access token is that nginx sends to the upstream
// in a gateway's place: about what Keycloak issues. Those of the practice IdP
// are filled up to it.
const bearerSize = 1400

// staticServer is the upstream: an answer of half a kilobyte from memory.
func staticServer(listen string) string {
	return fmt.Sprintf(`
  access_log off;
  server {
    listen %s backlog=8192;
    location / {
      default_type application/json;
      return 200 '{"args":{"hello":"world"},"data":"%s"}';
    }
  }`, listen, filler)
}

// pool is the upstream by kept connections, which all proxies have, and their
// buffered access log.
func pool(upstream string) string {
	return fmt.Sprintf(`
  access_log /dev/null combined buffer=64k flush=1s;
  proxy_http_version 1.1;
  upstream static {
    server %s;
    keepalive 512;
    keepalive_requests 1000000000;
  }`, upstream)
}

// bareServer passes everything on and does nothing else.
func bareServer(listen string) string {
	return fmt.Sprintf(`
  server {
    listen %s backlog=8192;
    location / {
      proxy_pass http://static;
      proxy_set_header Connection "";
    }
  }`, listen)
}

// bareProxy is a bare proxy by itself.
func bareProxy(upstream, listen string) string { return pool(upstream) + bareServer(listen) }

// proxies are what sallyport is compared with: a bare proxy, one that does
// what a gateway does, with and without TLS, and a bare redirect.
func (b *bench) proxies() string {
	a := b.addresses
	return pool(a.upstream) + bareServer(a.nginx) + fmt.Sprintf(`
  server {
    listen %s backlog=8192;
    listen %s ssl http2 backlog=8192;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate %s;
    ssl_certificate_key %s;
%s  }
  server {
    listen %s backlog=8192;
    location / { return 302 /elsewhere; }
  }`, a.nginxGateway, a.nginxTLS, b.certificate, b.key, gatewayWork(), a.nginxRedirect)
}

// gatewayWork is what sallyport does for a request with a session, in nginx's
// words: the same headers in both directions and a bearer token, which here is
// a constant. The session cookie does not reach the upstream there either.
func gatewayWork() string {
	token := strings.Repeat(rand.Text(), bearerSize/26+1)[:bearerSize]
	return fmt.Sprintf(`    location / {
      proxy_pass http://static;
      proxy_set_header Connection "";
      proxy_set_header Cookie "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Path $uri;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header Via "1.1 nginx";
      proxy_set_header X-Kong-Request-Id $request_id;
      proxy_set_header Authorization "Bearer %s";
      add_header X-Kong-Request-Id $request_id;
      add_header X-Kong-Proxy-Latency $request_time;
      add_header X-Kong-Upstream-Latency $upstream_response_time;
      add_header Via "1.1 nginx";
    }
`, token)
}

// filler makes the upstream's answer about as long as that of an API.
const filler = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. " +
	"Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. " +
	"Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur."

// startNginx runs an nginx of its own, with nothing of the machine's. It has a
// worker for each of its cores; listen is one of the addresses in servers.
func (b *bench) startNginx(ctx context.Context, name, listen string, where cores, servers string) (*process, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
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
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
%s  keepalive_requests 1000000000;
%s
}
`, user, len(where), dir, dir, temporary.String(), servers)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return b.spawn(ctx, program{name: "nginx", args: []string{"-p", dir, "-c", file, "-e", dir + "/error.log"}, cores: where, address: listen})
}
