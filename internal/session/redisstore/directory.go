package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"sallyport/internal/session"
)

// maxPage bounds what is asked for at once.
const maxPage = 1000

// PutListing implements session.Directory.
func (s *Store) PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error {
	keys := []string{s.prefix + "@list:" + key}
	for _, f := range finders {
		keys = append(keys, s.prefix+"@find:"+f)
	}
	_, err := s.run(ctx, s.scripts.putListing, keys, []string{key, string(data), millis(ttl)})
	return err
}

// DeleteListing implements session.Directory. Finders forget it when they are
// next asked.
func (s *Store) DeleteListing(ctx context.Context, key string) error {
	ctx, cancel, err := s.call(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.client.Do(ctx, s.client.B().Del().Key(s.prefix+"@list:"+key).Build()).Error(); err != nil {
		return unavailable(err)
	}
	return nil
}

// FindListings implements session.Directory.
func (s *Store) FindListings(ctx context.Context, finder string, limit int) ([]session.Listing, error) {
	ctx, cancel, err := s.call(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	limit = min(max(limit, 1), maxPage)
	for {
		page, gone, err := s.page(ctx, s.prefix+"@find:"+finder, limit)
		if err != nil {
			return nil, unavailable(err)
		}
		// What is gone may have hidden what is there, behind the limit.
		if gone == 0 || len(page)+gone < limit {
			return page, nil
		}
	}
}

// page reads at most limit listings of a finder and removes from it what is
// gone, saying how many those were.
func (s *Store) page(ctx context.Context, finder string, limit int) (page []session.Listing, gone int, err error) {
	keys, err := s.scripts.listings.Exec(ctx, s.client, []string{finder}, []string{strconv.Itoa(limit)}).AsStrSlice()
	if err != nil || len(keys) == 0 {
		return nil, 0, err
	}
	places := make([]string, len(keys))
	for i, key := range keys {
		places[i] = s.prefix + "@list:" + key
	}
	values, err := s.client.Do(ctx, s.client.B().Mget().Key(places...).Build()).ToArray()
	if err != nil {
		return nil, 0, err
	}
	var missing []string
	for i, value := range values {
		data, err := value.AsBytes()
		switch {
		case rueidis.IsRedisNil(err):
			missing = append(missing, keys[i])
		case err != nil:
			return nil, 0, err
		default:
			page = append(page, session.Listing{Key: keys[i], Data: data})
		}
	}
	if len(missing) == 0 {
		return page, 0, nil
	}
	return page, len(missing), s.scripts.forget.Exec(ctx, s.client, []string{finder}, missing).Error()
}
