package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/pires/go-proxyproto"

	"sallyport/internal/message"
)

// Lengths of a PROXY header in bytes. The shortest one of version 1 is longer
// than the signature of version 2.
const (
	proxySignature = 12
	proxyFixed     = 16  // of version 2, before the addresses
	proxyLine      = 107 // of version 1 at most
	proxyRest      = 4 << 10
)

// versionTwo begins a header of version 2.
const versionTwo = "\r\n\r\n\x00\r\nQUIT\n"

var (
	errProxyPeer   = errors.New("a peer that is not one of trusted_ips")
	errProxyHeader = errors.New("no PROXY header")
	errProxyLong   = errors.New("PROXY header is too long")
)

// proxyPeers are the load balancers in front of a listener that speaks the PROXY
// protocol.
type proxyPeers struct {
	trusted []netip.Prefix
	// quietUntil is when the next refusal is logged, by the front's clock.
	quietUntil atomic.Int64
}

// refusalPause is between two log lines about refused connections, in
// milliseconds: whoever causes them must not fill the log.
const refusalPause = 10_000

// admit takes the PROXY header off a connection and takes over the address that
// it tells. Without a good header from a trusted peer the connection is
// not served: on this listener nobody else can be who they are. It reads exactly
// the header, since what follows is read past this package's buffers.
func (p *proxyPeers) admit(c *conn) bool {
	source, err := p.source(c)
	if err == nil {
		if source != nil {
			c.source = source
			c.remote = source.String()
			c.peer = message.PeerAddr(c.remote)
		}
		return true
	}
	now := c.front.clock.now()
	level := slog.LevelDebug
	if until := p.quietUntil.Load(); now >= until && p.quietUntil.CompareAndSwap(until, now+refusalPause) {
		level = slog.LevelWarn
	}
	c.front.opts.Logger.Log(context.Background(), level, "connection refused: PROXY protocol",
		"listener", c.front.opts.Name, "peer", c.remote, "error", err.Error())
	return false
}

// source is the address of the client; nil for a connection of the load
// balancer's own, a health check for one.
func (p *proxyPeers) source(c *conn) (net.Addr, error) {
	if !p.trusts(c.peer) {
		return nil, errProxyPeer
	}
	raw, err := readProxyHeader(c.connection)
	if err != nil {
		return nil, err
	}
	header, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, err
	}
	switch {
	case header.Command.IsLocal() && header.Version == 2:
		return nil, nil
	case header.TransportProtocol != proxyproto.TCPv4 && header.TransportProtocol != proxyproto.TCPv6:
		// Somebody whom the load balancer cannot name: not the load balancer, so
		// nobody who is trusted.
		return &net.TCPAddr{IP: net.IPv4zero}, nil
	}
	return header.SourceAddr, nil
}

func (p *proxyPeers) trusts(peer netip.Addr) bool {
	return peer.IsValid() && slices.ContainsFunc(p.trusted, func(network netip.Prefix) bool { return network.Contains(peer) })
}

// readProxyHeader reads one header of either version, and not a byte more.
func readProxyHeader(r io.Reader) ([]byte, error) {
	header := make([]byte, proxyFixed)
	if _, err := io.ReadFull(r, header[:proxySignature]); err != nil {
		return nil, fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	switch {
	case string(header[:proxySignature]) == versionTwo:
		return readVersionTwo(r, header)
	case bytes.HasPrefix(header, []byte("PROXY ")):
		return readVersionOne(r, header[:proxySignature])
	}
	return nil, errProxyHeader
}

// readVersionOne reads the rest of a line.
func readVersionOne(r io.Reader, header []byte) ([]byte, error) {
	var next [1]byte
	for header[len(header)-1] != '\n' {
		if len(header) == proxyLine {
			return nil, errProxyLong
		}
		if _, err := io.ReadFull(r, next[:]); err != nil {
			return nil, fmt.Errorf("PROXY header: %w", err)
		}
		header = append(header, next[0])
	}
	return header, nil
}

// readVersionTwo reads what follows the signature.
func readVersionTwo(r io.Reader, header []byte) ([]byte, error) {
	if _, err := io.ReadFull(r, header[proxySignature:]); err != nil {
		return nil, fmt.Errorf("PROXY header: %w", err)
	}
	rest := int(binary.BigEndian.Uint16(header[proxyFixed-2:]))
	if rest > proxyRest {
		return nil, errProxyLong
	}
	header = append(header, make([]byte, rest)...)
	if _, err := io.ReadFull(r, header[proxyFixed:]); err != nil {
		return nil, fmt.Errorf("PROXY header: %w", err)
	}
	return header, nil
}
