package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"sallyport/internal/secret"
)

const (
	// afterglow is how long the key cookie outlives a login that succeeded.
	afterglow = time.Minute
	// countedFor is how long answered callbacks are counted together.
	countedFor = 30 * time.Second
)

// KeyOptions say how browser keys are kept.
type KeyOptions struct {
	Cookie  Cookie
	Keyring *secret.Keyring
	// Lifetime is how long a key is valid after a login was started; zero
	// means without end.
	Lifetime time.Duration
	// Now and Rand are the clock and crypto/rand unless set.
	Now  func() time.Time
	Rand io.Reader
}

// KeyCookie issues and reads the cookie that ties logins to one user agent:
// one cookie for all its tabs, in the format of the session cookie, of another
// purpose and therefore under other keys. It is immutable and safe for
// concurrent use.
type KeyCookie struct {
	cookie   Cookie
	lifetime time.Duration
	now      func() time.Time
	rand     io.Reader
	signer   *signer
	// plain and secure are the cookie's attributes over http and https.
	plain, secure string
}

// BrowserKey is the key of one user agent. The zero value is none.
type BrowserKey struct {
	head     head
	repeated bool
}

// Key is the key itself: 32 random bytes that only this user agent, and we
// while it asks, know.
func (b BrowserKey) Key() [32]byte { return b.head.id }

// NewKeyCookie checks opts and returns a KeyCookie.
func NewKeyCookie(opts KeyOptions) (*KeyCookie, error) {
	if err := opts.Cookie.Check(); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	if opts.Keyring == nil {
		return nil, errors.New("session: no secret")
	}
	k := &KeyCookie{
		cookie: opts.Cookie, lifetime: opts.Lifetime, now: opts.Now, rand: opts.Rand,
		signer: newSigner(opts.Keyring, purposeBrowserKey, opts.Cookie.Name),
		plain:  opts.Cookie.attributes(false), secure: opts.Cookie.attributes(true),
	}
	if k.now == nil {
		k.now = time.Now
	}
	if k.rand == nil {
		k.rand = rand.Reader
	}
	return k, nil
}

// Find returns the valid key of a request. Two different valid ones count as
// none: one of them was planted.
func (k *KeyCookie) Find(v Visit) (BrowserKey, bool) {
	b, _ := k.find(&v)
	return b, b.head.purpose != 0
}

func (k *KeyCookie) find(v *Visit) (b BrowserKey, ambiguous bool) {
	now := k.now().Unix()
	found := cookieValues(v.Cookie, k.cookie.Name)
	for _, text := range found.all() {
		h, ok := k.signer.verify(text, v)
		if !ok || k.lifetime > 0 && since(h.touchedAt(), now) > k.lifetime {
			continue
		}
		if b.head.purpose != 0 && b.head.id != h.id {
			return BrowserKey{}, true
		}
		b.repeated = b.head.purpose != 0
		if !b.repeated || newer(&h, &b.head) {
			b.head = h
		}
	}
	return b, false
}

// Issue returns the key of a request's user agent for a login that starts: the
// one it has while that is valid, else a new one. The Set-Cookie lines give it
// a fresh time.
func (k *KeyCookie) Issue(v Visit) (BrowserKey, []string, error) {
	now := k.now().Unix()
	b, ambiguous := k.find(&v)
	if b.head.purpose == 0 {
		b = BrowserKey{head: head{purpose: purposeBrowserKey, created: now}, repeated: ambiguous}
		if _, err := io.ReadFull(k.rand, b.head.id[:]); err != nil {
			return BrowserKey{}, nil, fmt.Errorf("session: random: %w", err)
		}
	}
	b.head.touch(now)
	return b, k.lines(&v, &b, k.lifetime), nil
}

// Redirected counts a callback that is answered with a redirect to target, and
// returns the Set-Cookie lines that keep the key for another minute.
func (k *KeyCookie) Redirected(v Visit, b BrowserKey, target string) []string {
	now := k.now().Unix()
	n := k.Redirects(b, target)
	if n == 0 {
		tag := sha256.Sum256([]byte(target))
		copy(b.head.extra[:4], tag[:])
		binary.BigEndian.PutUint32(b.head.extra[5:], offset(b.head.created, now))
	}
	b.head.extra[4] = byte(min(n+1, 255)) //nolint:gosec // clamped to the range
	return k.lines(&v, &b, afterglow)
}

// Redirects is how many callbacks were answered with a redirect to target
// since the first of them, if that is at most 30 seconds ago.
func (k *KeyCookie) Redirects(b BrowserKey, target string) int {
	tag := sha256.Sum256([]byte(target))
	first := b.head.created + int64(binary.BigEndian.Uint32(b.head.extra[5:]))
	if [4]byte(b.head.extra[:4]) != [4]byte(tag[:]) || since(first, k.now().Unix()) > countedFor {
		return 0
	}
	return int(b.head.extra[4])
}

// Expire returns the Set-Cookie line that removes the key cookie.
func (k *KeyCookie) Expire(v Visit) []string {
	return []string{k.cookie.expire(k.cookie.Name, v.Secure)}
}

// lines gives b to the user agent, to be kept for maxAge unless that is zero.
func (k *KeyCookie) lines(v *Visit, b *BrowserKey, maxAge time.Duration) (lines []string) {
	if b.repeated {
		lines = k.cookie.expireVariants(k.cookie.Name, v)
	}
	attributes := k.plain
	if v.Secure {
		attributes = k.secure
	}
	var room [512]byte // on the stack; what is longer is not
	line := append(append(room[:0], k.cookie.Name...), '=')
	line = append(k.signer.append(line, &b.head, v), attributes...)
	if maxAge > 0 {
		line = strconv.AppendInt(append(line, "; Max-Age="...), int64(max(1, maxAge/time.Second)), 10)
	}
	return append(lines, string(line))
}
