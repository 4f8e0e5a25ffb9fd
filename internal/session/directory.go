package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

const (
	infoListing = "sallyport session listing 1"
	infoFinder  = "sallyport session finder 1"
	// maxFound bounds one look-up.
	maxFound = 1000
	// maxSweeps bounds how often EndFound looks again.
	maxSweeps = 16

	listingVersion = 1
)

// Finder says whose sessions are meant: those of a subject at an issuer, or
// those that belong to one session at the issuer (sid). Set one of the two.
type Finder struct{ Issuer, Subject, SID string }

// Found is what the directory tells about a session for one audience. It holds
// no token.
type Found struct {
	Audience, Issuer, ClientID, Subject, SID string
	// Created is when the login was, Expires when the session ends at the
	// latest unless it is renewed.
	Created, Expires time.Time

	key string
}

// Labels of a listing, within a field of labelEntry for each audience.
const (
	labelListIssuer   = 1
	labelListClientID = 2
	labelListSubject  = 3
	labelListSID      = 4
	labelListCreated  = 5
	labelListExpires  = 6
)

// list puts the directory entry of o.
func (m *Manager) list(ctx context.Context, o *opened, ttl time.Duration, now int64) error {
	var finders []string
	plain := []byte{listingVersion}
	for _, s := range o.record.entries {
		e, err := decodeEntry(s.body)
		if err != nil {
			continue // of a later release: it keeps its own listing
		}
		var b []byte
		b = appendText(b, labelListIssuer, e.Realm.Issuer)
		b = appendText(b, labelListClientID, e.Realm.ClientID)
		b = appendText(b, labelListSubject, e.Subject)
		b = appendText(b, labelListSID, e.SID)
		b = appendNumber(b, labelListCreated, uint64(e.created))                   //nolint:gosec // bits are kept
		b = appendNumber(b, labelListExpires, uint64(now)+uint64(ttl/time.Second)) //nolint:gosec // neither is negative
		plain = appendPair(plain, labelEntry, s.audience, string(b))
		if e.Subject != "" {
			finders = append(finders, m.finder(0, "subject", e.Realm.Issuer, e.Subject))
		}
		if e.SID != "" {
			finders = append(finders, m.finder(0, "sid", e.Realm.Issuer, e.SID))
		}
	}
	slices.Sort(finders)
	key := []byte(o.key)
	sealed, err := m.ring.Seal(m.rand, key, infoListing, key, plain)
	if err != nil {
		return err
	}
	if err := m.store.PutListing(ctx, o.key, slices.Compact(finders), sealed, ttl); err != nil {
		return unavailable("list", err)
	}
	return nil
}

// finder is the keyed hash under which a listing is found: without the secret
// nobody can tell whose it is, nor ask for a user.
func (m *Manager) finder(i int, kind, issuer, value string) string {
	var room [256]byte // on the stack; what is longer is not
	b := room[:0]
	for _, s := range [...]string{kind, issuer, value} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	return hashText(m.ring.MAC(i, infoFinder, b))
}

// Find lists sessions, whatever their audience and realm, that were stored
// under one of this manager's secrets in its store; at most 1000. In cookie
// storage nothing is found.
func (m *Manager) Find(ctx context.Context, f Finder) ([]Found, error) {
	if m.inCookie() {
		return nil, nil
	}
	kind, value := "subject", f.Subject
	if value == "" {
		kind, value = "sid", f.SID
	}
	if value == "" {
		return nil, nil
	}
	var all []Found
	for i := range m.ring.Len() {
		listings, err := m.store.FindListings(ctx, m.finder(i, kind, f.Issuer, value), maxFound)
		if err != nil {
			return nil, unavailable("find", err)
		}
		for _, l := range listings {
			for _, found := range m.openListing(l) {
				if found.Issuer == f.Issuer && (kind == "sid" && found.SID == value || kind == "subject" && found.Subject == value) {
					all = append(all, found)
				}
			}
		}
	}
	return all, nil
}

// EndFound ends the sessions that Find finds, with all that they hold for
// other audiences, and says how many there were. It looks again until none is
// left, so that one that is just being renewed does not survive. An error
// means that some may be left.
func (m *Manager) EndFound(ctx context.Context, f Finder) (int, error) {
	ended := make(map[string]bool)
	for range maxSweeps {
		all, err := m.Find(ctx, f)
		if err != nil {
			return len(ended), err
		}
		if len(all) == 0 {
			return len(ended), nil
		}
		for _, found := range all {
			// The record first: while it lives it can be found.
			if err := m.store.Delete(ctx, found.key); err != nil {
				return len(ended), unavailable("end found", err)
			}
			if err := m.store.DeleteListing(ctx, found.key); err != nil {
				return len(ended), unavailable("end found", err)
			}
			ended[found.key] = true
		}
	}
	return len(ended), unavailable("end found", ErrConflict)
}

// openListing reads a listing; one that does not open has nothing in it.
func (m *Manager) openListing(l Listing) (all []Found) {
	plain, err := m.ring.Open([]byte(l.Key), infoListing, []byte(l.Key), l.Data)
	if err != nil || len(plain) == 0 || plain[0] != listingVersion {
		return nil
	}
	for rest := fields(plain[1:]); ; {
		label, value, _, ok, err := rest.next()
		if err != nil || !ok {
			return all
		}
		if label != labelEntry {
			continue
		}
		if audience, body, err := pair(value); err == nil {
			all = append(all, readListing(l.Key, audience, fields(body)))
		}
	}
}

func readListing(key, audience string, rest fields) Found {
	f := Found{key: key, Audience: audience}
	for {
		label, value, _, ok, err := rest.next()
		if err != nil || !ok {
			return f
		}
		switch label {
		case labelListIssuer:
			f.Issuer = value
		case labelListClientID:
			f.ClientID = value
		case labelListSubject:
			f.Subject = value
		case labelListSID:
			f.SID = value
		case labelListCreated:
			f.Created, _ = readTime(value)
		case labelListExpires:
			f.Expires, _ = readTime(value)
		}
	}
}

// hashed names something in a store by a hash of purpose and value.
func hashed(purpose, value string) string {
	var room [128]byte // on the stack; what is longer is not
	b := binary.BigEndian.AppendUint64(room[:0], uint64(len(purpose)))
	b = append(append(b, purpose...), value...)
	return hashText(sha256.Sum256(b))
}

// hashText is the text of a hash.
func hashText(sum [sha256.Size]byte) string {
	var text [43]byte
	encoding.Encode(text[:], sum[:])
	return string(text[:])
}
