package session

import (
	"encoding/binary"
	"errors"
	"slices"
)

const (
	recordVersion = 1
	familySize    = 16
	// maxEntries bounds the audiences of one session.
	maxEntries = 32
	// maxRecord bounds a record in the clear, in bytes.
	maxRecord = 256 << 10
)

// ErrTooLarge is returned for a session that does not fit its storage: 256 KiB
// in a store, nine cookies in cookie storage.
var ErrTooLarge = errors.New("session: too large for its storage")

// Labels of a record. A label, once given, keeps its meaning.
const (
	labelFamily         = 1
	labelSuccessor      = 2
	labelRefreshStarted = 3
	labelFence          = 4
	labelEntry          = 5
)

// record is what a session consists of, for all its audiences. It is not
// changed once it is part of a Session.
type record struct {
	// family is kept across renewals: leases and ends work on it.
	family [familySize]byte
	// successor makes the record a stub: the session goes on there.
	successor *successor
	// refreshStarted is when a refresh began that has not ended, in Unix
	// seconds; fence is that of the last lease under which one began.
	refreshStarted int64
	fence          uint64
	entries        []slot
	// unknown holds fields that a later release wrote.
	unknown string
}

type successor struct {
	id    [idSize]byte
	saved int64 // Unix seconds
}

// slot is an entry as it is stored. Those of other audiences are kept unread.
type slot struct{ audience, body string }

// size is about how many bytes r's texts take.
func (r *record) size() int {
	n := len(r.unknown)
	for _, s := range r.entries {
		n += len(s.audience) + len(s.body)
	}
	return n
}

// slot returns the index of audience's entry, or -1.
func (r *record) slot(audience string) int {
	return slices.IndexFunc(r.entries, func(s slot) bool { return s.audience == audience })
}

// with returns a copy of r in which audience's entry is body, or is missing
// when body is empty.
func (r *record) with(audience, body string) *record {
	c := *r
	c.entries = slices.DeleteFunc(slices.Clone(r.entries), func(s slot) bool { return s.audience == audience })
	if body != "" {
		c.entries = append(c.entries, slot{audience, body})
	}
	return &c
}

func (r *record) encode() ([]byte, error) {
	size := 64 + r.size() + 12*len(r.entries)
	if size > maxRecord || len(r.entries) > maxEntries {
		return nil, ErrTooLarge
	}
	b := make([]byte, 0, size+64)
	b = append(b, recordVersion)
	b = appendField(b, labelFamily, string(r.family[:]))
	if r.successor != nil {
		value := binary.BigEndian.AppendUint64(r.successor.id[:], uint64(r.successor.saved)) //nolint:gosec // bits are kept
		b = appendField(b, labelSuccessor, string(value))
	}
	b = appendNumber(b, labelRefreshStarted, uint64(r.refreshStarted)) //nolint:gosec // bits are kept
	b = appendNumber(b, labelFence, r.fence)
	for _, s := range r.entries {
		b = appendPair(b, labelEntry, s.audience, s.body)
	}
	return append(b, r.unknown...), nil
}

// decodeRecord reads a record. An unknown version is malformed, an unknown
// label is kept, a known one given twice is malformed unless it is an entry.
func decodeRecord(plain []byte) (*record, error) {
	if len(plain) == 0 || len(plain) > maxRecord+1024 || plain[0] != recordVersion {
		return nil, errMalformed
	}
	r := &record{}
	rest := fields(plain[1:])
	var seen [labelEntry + 1]bool
	for {
		label, value, whole, ok, err := rest.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if label == 0 || label > labelEntry {
			r.unknown += whole
			continue
		}
		if seen[label] && label != labelEntry {
			return nil, errMalformed
		}
		seen[label] = true
		if err := r.read(label, value); err != nil {
			return nil, err
		}
	}
	if !seen[labelFamily] {
		return nil, errMalformed
	}
	return r, nil
}

func (r *record) read(label byte, value string) error {
	switch label {
	case labelFamily:
		if len(value) != familySize {
			return errMalformed
		}
		copy(r.family[:], value)
	case labelSuccessor:
		if len(value) != idSize+8 {
			return errMalformed
		}
		r.successor = &successor{}
		copy(r.successor.id[:], value)
		r.successor.saved = int64(binary.BigEndian.Uint64([]byte(value[idSize:]))) //nolint:gosec // bits are kept
	case labelRefreshStarted:
		n, err := number(value)
		r.refreshStarted = int64(n) //nolint:gosec // bits are kept
		return err
	case labelFence:
		n, err := number(value)
		r.fence = n
		return err
	case labelEntry:
		audience, body, err := pair(value)
		if err != nil || len(r.entries) == maxEntries || r.slot(audience) >= 0 {
			return errMalformed
		}
		r.entries = append(r.entries, slot{audience, body})
	}
	return nil
}
