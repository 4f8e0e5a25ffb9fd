package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// proxied is a listener behind load balancers in the networks; it answers with
// who asks.
func proxied(t *testing.T, networks string, change ...func(*ProxyOptions)) *running {
	t.Helper()
	return start(t, func(w http.ResponseWriter, q *plugin.Request) {
		c := q.Canonical
		trusted := "untrusted"
		if c.Trusted {
			trusted = "trusted"
		}
		answer(w, q, 200, q.HTTP.RemoteAddr+" "+c.Client.String()+" "+c.Scheme+" "+trusted)
	}, append([]func(*ProxyOptions){func(o *ProxyOptions) {
		o.Listen[0].ProxyProtocol = true
		o.Message.Trusted = []netip.Prefix{netip.MustParsePrefix(networks)}
	}}, change...)...)
}

// two is a header of version 2 with that command, family and addresses.
func two(command, family byte, rest ...byte) string {
	head := append([]byte(versionTwo), 0x20|command, family)
	return string(append(binary.BigEndian.AppendUint16(head, uint16(len(rest))), rest...))
}

// converse sends prefix and a request, and gives the answer's body; empty where
// there is none.
func converse(t *testing.T, c net.Conn, prefix, header string) string {
	t.Helper()
	if _, err := io.WriteString(c, prefix+"GET / HTTP/1.1\r\nHost: a.test\r\n"+header+"\r\n"); err != nil {
		return ""
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var (
	four     = []byte{192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0, 80}
	tlv      = append(append([]byte{}, four...), 0x03, 0, 4, 1, 2, 3, 4)
	fourToo  = "192.0.2.7:4660"
	spoofing = "X-Real-IP: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nProxy_protocol: 203.0.113.9\r\n"
)

func TestPROXYHeaderNamesTheClient(t *testing.T) {
	t.Parallel()
	r := proxied(t, "127.0.0.0/8")
	six := append(append([]byte{0x20, 1, 0x0d, 0xb8, 15: 7}, make([]byte, 16)...), 0x12, 0x34, 0, 80)
	for name, tc := range map[string]struct{ header, want string }{
		"version 1":                            {"PROXY TCP4 192.0.2.7 198.51.100.1 4660 80\r\n", fourToo + " 192.0.2.7 http untrusted"},
		"version 1, IPv6":                      {"PROXY TCP6 2001:db8::7 2001:db8::1 4660 80\r\n", "[2001:db8::7]:4660 2001:db8::7 http untrusted"},
		"version 2":                            {two(1, 0x11, four...), fourToo + " 192.0.2.7 http untrusted"},
		"version 2, IPv6":                      {two(1, 0x21, six...), "[2001:db8::7]:4660 2001:db8::7 http untrusted"},
		"version 2 with more behind":           {two(1, 0x11, tlv...), fourToo + " 192.0.2.7 http untrusted"},
		"a client that nobody can name is one": {"PROXY UNKNOWN\r\n", "0.0.0.0:0 0.0.0.0 http untrusted"},
		"and a socket of the load balancer's":  {two(1, 0x31, make([]byte, 216)...), "0.0.0.0:0 0.0.0.0 http untrusted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := converse(t, dial(t, r.addr), tc.header, spoofing); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	// A check of the load balancer's own comes from it.
	got := converse(t, dial(t, r.addr), two(0, 0x00), "")
	if !strings.HasPrefix(got, "127.0.0.1:") || !strings.HasSuffix(got, " trusted") {
		t.Errorf("LOCAL: %q", got)
	}
}

// Whoever comes through the load balancer is not trusted for that; a proxy in
// front of it that is trusted may say more.
func TestTrustBehindThePROXYProtocol(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		realIP, source, want string
	}{
		"a client":                          {"", "192.0.2.7", " 192.0.2.7 http untrusted"},
		"a proxy that is trusted":           {"", "127.9.9.9", " 203.0.113.9 https trusted"},
		"the header alone names the client": {"proxy_protocol", "127.9.9.9", " 127.9.9.9 https trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := proxied(t, "127.0.0.0/8", func(o *ProxyOptions) { o.Message.RealIPHeader = tc.realIP })
			got := converse(t, dial(t, r.addr), "PROXY TCP4 "+tc.source+" 198.51.100.1 4660 80\r\n", spoofing)
			if want := tc.source + ":4660" + tc.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestConnectionsWithoutAGoodPROXYHeaderAreNotServed(t *testing.T) {
	t.Parallel()
	r := proxied(t, "127.0.0.0/8")
	long := make([]byte, proxyRest+1)
	for name, prefix := range map[string]string{
		"none":                          "",
		"http with a long first line":   "GET /PROXY HTTP/1.1\r\n",
		"no CR":                         "PROXY TCP4 192.0.2.7 198.51.100.1 4660 80\n",
		"no end":                        "PROXY TCP4 " + strings.Repeat("1", 120) + "\r\n",
		"no address":                    "PROXY TCP4 192.0.2.700 198.51.100.1 4660 80\r\n",
		"an address of the other kind":  "PROXY TCP4 2001:db8::7 2001:db8::1 4660 80\r\n",
		"a port too many":               "PROXY TCP4 192.0.2.7 198.51.100.1 4660 80 81\r\n",
		"another protocol":              "PROXY SCTP 192.0.2.7 198.51.100.1 4660 80\r\n",
		"version 2 cut short":           two(1, 0x11, four[:8]...),
		"version 2 with another number": strings.Replace(two(1, 0x11, four...), "\x21\x11", "\x31\x11", 1),
		"version 2 too long":            two(1, 0x11, long...),
		"two headers":                   "PROXY TCP4 192.0.2.7 198.51.100.1 4660 80\r\nPROXY TCP4 10.0.0.1 198.51.100.1 4660 80\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := converse(t, dial(t, r.addr), prefix, ""); strings.Contains(got, "trusted") {
				t.Errorf("served: %q", got)
			}
		})
	}
}

func TestPROXYHeadersFromStrangersAreRefused(t *testing.T) {
	t.Parallel()
	r := proxied(t, "10.0.0.0/8")
	for range 3 {
		if got := converse(t, dial(t, r.addr), "PROXY TCP4 10.0.0.1 198.51.100.1 4660 80\r\n", ""); got != "" {
			t.Errorf("served: %q", got)
		}
	}
	r.wait(t)
	warned := 0
	for _, record := range r.log.records(t, "connection refused: PROXY protocol") {
		if record["level"] == "WARN" {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("%d warnings, want one for all of them", warned)
	}
}

// Nothing of what follows the header may be lost or read twice, whatever comes
// in one piece with it; the header may come in pieces.
func TestPROXYHeaderEndsWhereTheRequestBegins(t *testing.T) {
	t.Parallel()
	r := proxied(t, "127.0.0.0/8")
	for name, header := range map[string]string{"1": "PROXY TCP4 192.0.2.7 198.51.100.1 4660 80\r\n", "2": two(1, 0x11, tlv...)} {
		c := dial(t, r.addr)
		for i := range len(header) {
			if _, err := io.WriteString(c, header[i:i+1]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		for i := range 3 {
			if got := converse(t, c, "", ""); !strings.HasPrefix(got, fourToo) {
				t.Errorf("version %s, request %d: %q", name, i, got)
			}
		}
	}
	if got, err := readProxyHeader(bytes.NewReader([]byte("PROXY UNKNOWN\r\nx"))); err != nil || string(got) != "PROXY UNKNOWN\r\n" {
		t.Errorf("the shortest header: %q, %v", got, err)
	}
}

func TestPROXYProtocolUnderTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := proxied(t, "127.0.0.0/8", func(o *ProxyOptions) {
		o.Listen[0].TLS, o.Listen[0].HTTP2 = true, true
		o.Certificates = []tls.Certificate{cert}
	})
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "a.test"}, ForceAttemptHTTP2: h2,
			DialContext: func(_ context.Context, _, _ string) (net.Conn, error) {
				c := dial(t, r.addr)
				_, err := io.WriteString(c, two(1, 0x11, four...))
				return c, err
			},
		}
		res, err := (&http.Client{Transport: transport}).Get("https://a.test/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if (res.ProtoMajor == 2) != h2 || string(body) != fourToo+" 192.0.2.7 https untrusted" {
			t.Errorf("HTTP/%d: %q", res.ProtoMajor, body)
		}
	}
}

func FuzzPROXYHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 4660 80\r\nGET"))
	f.Add([]byte(two(1, 0x11, tlv...) + "GET"))
	f.Add([]byte(two(0, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		rest := bytes.NewReader(data)
		header, err := readProxyHeader(rest)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(data, header) || rest.Len() != len(data)-len(header) {
			t.Fatalf("%q: %d bytes are left, header %q", data, rest.Len(), header)
		}
	})
}
