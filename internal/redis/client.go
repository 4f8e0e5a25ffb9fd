package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"sallyport/internal/secret"
)

const (
	defaultHost    = "127.0.0.1"
	defaultPort    = 6379
	defaultTimeout = 2 * time.Second
	bufferSize     = 64 << 10
	keepAlive      = 5 * time.Second
)

// Options say which Redis to use, and how.
type Options struct {
	// Host and Port default to 127.0.0.1 and 6379. Socket, the path of a Unix
	// socket, wins over both.
	Host   string
	Port   int
	Socket string

	Username string
	Password secret.String
	Database int

	// TLS nil means no TLS. Its ServerName defaults to Host.
	TLS *tls.Config

	// ConnectTimeout and Timeout bound the opening of a connection and a call
	// as a whole; default 2 s each.
	ConnectTimeout, Timeout time.Duration
}

// Client asks one Redis. It is safe for concurrent use.
type Client struct {
	rueidis.Client
	limits limits
}

var errNotYet = errors.New("redis: connecting is left to the first call")

// New returns a client. It does no I/O; an error means that opts make no sense.
func New(opts Options) (*Client, error) {
	if opts.Database < 0 || opts.Port < 0 || opts.Port > 65535 {
		return nil, fmt.Errorf("redis: database %d or port %d out of range", opts.Database, opts.Port)
	}
	network, address := "tcp", net.JoinHostPort(or(opts.Host, defaultHost), strconv.Itoa(or(opts.Port, defaultPort)))
	if opts.Socket != "" {
		network, address = "unix", opts.Socket
	}
	config := opts.TLS
	if config != nil && config.ServerName == "" {
		config = config.Clone()
		config.ServerName = or(opts.Host, defaultHost)
	}
	var open atomic.Bool // rueidis connects in its constructor, if it can
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{address},
		Username:    opts.Username,
		Password:    opts.Password.Reveal(),
		SelectDB:    opts.Database,
		Dialer:      net.Dialer{Timeout: or(opts.ConnectTimeout, defaultTimeout), KeepAlive: keepAlive},
		DialCtxFn: func(ctx context.Context, _ string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			if !open.Load() {
				return nil, errNotYet
			}
			dial := d.DialContext
			if config != nil {
				dial = (&tls.Dialer{NetDialer: d, Config: config}).DialContext
			}
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return yielding{c}, nil
		},
		ConnWriteTimeout:    or(opts.Timeout, defaultTimeout),
		ReadBufferEachConn:  bufferSize,
		WriteBufferEachConn: bufferSize,
		PipelineMultiplex:   connections(runtime.GOMAXPROCS(0)),
		ForceSingleClient:   true,
		DisableCache:        true,
		// A call that fails says so at once; the next one connects anew.
		DisableRetry: true,
	})
	if client == nil || !errors.Is(err, errNotYet) {
		return nil, fmt.Errorf("redis: %w", err)
	}
	open.Store(true)
	return &Client{Client: client, limits: limits{timeout: or(opts.Timeout, defaultTimeout)}}, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Bound gives a call its time: whoever makes one does so with the context that
// is returned, and cancels it when the call is done. It ends when the timeout
// has passed, or up to an eighth earlier; it does not end with that of the
// request: connections are shared, and a user agent that leaves while one is
// being opened must not take it from the others. The error is that of a request
// that has ended already.
func (c *Client) Bound(ctx context.Context) (context.Context, context.CancelFunc, error) {
	return c.limits.call(ctx)
}

// Close closes the connections. Calls after it fail.
func (c *Client) Close() {
	c.Client.Close()
	c.limits.end()
}
