package redisstore

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

const (
	defaultTimeout  = 2 * time.Second
	defaultMaxMarks = 1_000_000
	versionSize     = 8
	bufferSize      = 64 << 10
	keepAlive       = 5 * time.Second
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

	// Prefix stands, with a colon, before every key; empty means none.
	Prefix string

	// ConnectTimeout and Timeout bound the opening of a connection and a call
	// as a whole; default 2 s each.
	ConnectTimeout, Timeout time.Duration

	// MaxMarks bounds the single-use marks that live at the same time; default
	// 1,000,000. Every callback that carries a state of ours leaves one for as
	// long as a login may take, so a full store means no login. A mark takes
	// about 150 bytes in Redis: 150 MB at the default, when full.
	MaxMarks int
}

// Store implements session.Store. It is safe for concurrent use.
type Store struct {
	client   rueidis.Client
	prefix   string
	channel  string
	limits   limits
	maxMarks string
	scripts  scripts
}

var _ session.Store = (*Store)(nil)

var errNotYet = errors.New("redisstore: connecting is left to the first call")

// New returns a store. It does no I/O; an error means that opts make no sense.
func New(opts Options) (*Store, error) {
	if opts.Database < 0 || opts.Port < 0 || opts.Port > 65535 {
		return nil, fmt.Errorf("redisstore: database %d or port %d out of range", opts.Database, opts.Port)
	}
	network, address := "tcp", net.JoinHostPort(or(opts.Host, "127.0.0.1"), strconv.Itoa(or(opts.Port, 6379)))
	if opts.Socket != "" {
		network, address = "unix", opts.Socket
	}
	config := opts.TLS
	if config != nil && config.ServerName == "" {
		config = config.Clone()
		config.ServerName = or(opts.Host, "127.0.0.1")
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
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	open.Store(true)
	s := &Store{
		client:   client,
		limits:   limits{timeout: or(opts.Timeout, defaultTimeout)},
		maxMarks: strconv.Itoa(or(opts.MaxMarks, defaultMaxMarks)),
		scripts:  newScripts(),
	}
	if opts.Prefix != "" {
		s.prefix = opts.Prefix + ":"
	}
	s.channel = s.prefix + "@changed:" + strconv.Itoa(opts.Database)
	return s, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Close closes the connections. Calls after it fail with
// session.ErrUnavailable.
func (s *Store) Close() {
	s.client.Close()
	s.limits.end()
}

func unavailable(err error) error {
	return fmt.Errorf("%w: redis: %w", session.ErrUnavailable, err)
}

func millis(ttl time.Duration) string {
	return strconv.FormatInt(max(1, ttl.Milliseconds()), 10)
}

func versioned(version uint64, data []byte) string {
	return string(append(binary.BigEndian.AppendUint64(make([]byte, 0, versionSize+len(data)), version), data...))
}

// run executes a script that answers with a number.
func (s *Store) run(ctx context.Context, l *rueidis.Lua, keys, args []string) (int64, error) {
	ctx, cancel, err := s.limits.call(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	n, err := l.Exec(ctx, s.client, keys, args).AsInt64()
	if err != nil {
		return 0, unavailable(err)
	}
	return n, nil
}
