package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"sallyport/internal/session"
)

// What the scripts on records answer.
const (
	isAbsent   = 0
	isDone     = 1
	isConflict = 2
)

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, key string) (session.Record, error) {
	ctx, cancel, err := s.call(ctx)
	if err != nil {
		return session.Record{}, err
	}
	defer cancel()
	value, err := s.client.Do(ctx, s.client.B().Get().Key(s.prefix+key).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return session.Record{}, session.ErrAbsent
	}
	if err != nil {
		return session.Record{}, unavailable(err)
	}
	if len(value) < versionSize {
		return session.Record{}, session.ErrAbsent // none of ours
	}
	return session.Record{
		Data:    value[versionSize:],
		Version: binary.BigEndian.Uint64(value),
	}, nil
}

// Create implements session.Store.
func (s *Store) Create(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	ctx, cancel, err := s.call(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	set := s.client.B().Set().Key(s.prefix + key).Value(versioned(1, data)).Nx().PxMilliseconds(max(1, ttl.Milliseconds()))
	switch err := s.client.Do(ctx, set.Build()).Error(); {
	case rueidis.IsRedisNil(err):
		return session.ErrExists
	case err != nil:
		return unavailable(err)
	}
	return nil
}

const checkVersion = `
local version = redis.call('GETRANGE', KEYS[1], 0, 7)
if version == '' then return 0 end
if version ~= ARGV[1] then return 2 end
`

// CompareAndSwap implements session.Store.
func (s *Store) CompareAndSwap(ctx context.Context, key string, version uint64, data []byte, ttl time.Duration) error {
	return outcome(s.run(ctx, s.scripts.swap, []string{s.prefix + key}, []string{
		versioned(version, nil), s.channel, key, versioned(version+1, data), millis(ttl),
	}))
}

// CompareAndDelete implements session.Store.
func (s *Store) CompareAndDelete(ctx context.Context, key string, version uint64) error {
	return outcome(s.run(ctx, s.scripts.compareDelete, []string{s.prefix + key}, []string{
		versioned(version, nil), s.channel, key,
	}))
}

func outcome(n int64, err error) error {
	switch {
	case err != nil:
		return err
	case n == isAbsent:
		return session.ErrAbsent
	case n == isConflict:
		return session.ErrConflict
	}
	return nil
}

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	_, err := s.run(ctx, s.scripts.remove, []string{s.prefix + key}, []string{s.channel, key})
	return err
}

// Watch implements session.Store.
func (s *Store) Watch(ctx context.Context, changed func(key string)) error {
	subscribe := s.client.B().Subscribe().Channel(s.channel).Build()
	err := s.client.Receive(ctx, subscribe, func(m rueidis.PubSubMessage) { changed(m.Message) })
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("subscription ended")
	}
	return unavailable(err)
}
