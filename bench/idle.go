package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// idleProbe opens connections to a fresh proxy, has one request answered on
// each, and tells by how much the memory of the proxy has grown: resident, as
// the machine's owner sees it, what the garbage collector has not yet returned
// included. Buffers of the kernel are not in it.
func (b *bench) idleProbe(name string, n int, launch func(ctx context.Context) (*process, string, error)) *probe {
	return &probe{
		name: name,
		measure: func(ctx context.Context) (figures, error) {
			proxy, address, err := launch(ctx)
			if err != nil {
				return figures{}, err
			}
			defer b.end(proxy)
			l := load{url: "http://" + address + "/", headers: []string{"Host: " + bareHost}, cores: b.loadCores}
			if _, err := b.wrk(ctx, proxy, l, time.Second); err != nil {
				return figures{}, err
			}
			const settle = 500 * time.Millisecond
			if err := wait(ctx, settle); err != nil {
				return figures{}, err
			}
			before, err := proxy.resident()
			if err != nil {
				return figures{}, err
			}
			conns, err := openIdle(ctx, address, n)
			defer func() {
				for _, c := range conns {
					_ = c.Close() // nothing is lost
				}
			}()
			if err != nil {
				return figures{}, err
			}
			if err := wait(ctx, settle); err != nil {
				return figures{}, err
			}
			after, err := proxy.resident()
			return figures{amount: float64(after-before) / float64(n) / 1024}, err
		},
	}
}

// openIdle makes connections and one request on each. Those that were opened
// are returned in any case.
func openIdle(ctx context.Context, address string, n int) (conns []*net.TCPConn, err error) {
	in := bufio.NewReader(nil)
	for range n {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return conns, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return conns, errors.New("no TCP connection")
		}
		conns = append(conns, tcp)
		// So many closed connections would use up the ports.
		if err := tcp.SetLinger(0); err != nil {
			return conns, err
		}
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+bareHost+"\r\n\r\n"); err != nil {
			return conns, err
		}
		in.Reset(c)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return conns, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			return conns, err
		}
		if res.StatusCode != http.StatusOK || res.Close {
			return conns, fmt.Errorf("the answer is %s, close: %v", res.Status, res.Close)
		}
	}
	return conns, nil
}

// idleProbes are nginx and sallyport.
func (b *bench) idleProbes(n int) (nginx, sallyport *probe) {
	nginx = b.idleProbe("nginx, idle connections", n, func(ctx context.Context) (*process, string, error) {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, "", err
		}
		p, err := b.startNginx(ctx, "idle", address, b.proxyCores, bareProxy(b.addresses.upstream, address))
		return p, address, err
	})
	sallyport = b.idleProbe("sallyport, idle connections", n, func(ctx context.Context) (*process, string, error) {
		g, err := newGateway(ctx, "idle")
		if err != nil {
			return nil, "", err
		}
		err = b.startGateway(ctx, g, b.proxyCores)
		return g.process, g.plain, err
	})
	return nginx, sallyport
}
