package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"sallyport/internal/redis"
	"sallyport/internal/session"
)

const (
	defaultMaxMarks = 1_000_000
	versionSize     = 8
)

// Options say which Redis to use, and how.
type Options struct {
	// Redis is the server and how it is reached.
	Redis redis.Options

	// Prefix stands, with a colon, before every key; empty means none.
	Prefix string

	// MaxMarks bounds the single-use marks that live at the same time; default
	// 1,000,000. Every callback that carries a state of ours leaves one for as
	// long as a login may take, so a full store means no login. A mark takes
	// about 150 bytes in Redis: 150 MB at the default, when full.
	MaxMarks int
}

// Store implements session.Store. It is safe for concurrent use.
type Store struct {
	client   *redis.Client
	prefix   string
	channel  string
	maxMarks string
	scripts  scripts
}

var _ session.Store = (*Store)(nil)

// New returns a store. It does no I/O; an error means that opts make no sense.
func New(opts Options) (*Store, error) {
	client, err := redis.New(opts.Redis)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	s := &Store{client: client, maxMarks: strconv.Itoa(defaultMaxMarks), scripts: newScripts()}
	if opts.MaxMarks != 0 {
		s.maxMarks = strconv.Itoa(opts.MaxMarks)
	}
	if opts.Prefix != "" {
		s.prefix = opts.Prefix + ":"
	}
	s.channel = s.prefix + "@changed:" + strconv.Itoa(opts.Redis.Database)
	return s, nil
}

// Close closes the connections. Calls after it fail with
// session.ErrUnavailable.
func (s *Store) Close() { s.client.Close() }

// call bounds a call; see redis.Client.
func (s *Store) call(ctx context.Context) (context.Context, context.CancelFunc, error) {
	ctx, cancel, err := s.client.Bound(ctx)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return ctx, cancel, nil
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
	ctx, cancel, err := s.call(ctx)
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
