package session

import (
	"slices"
	"time"
)

// holding is what a Memory keeps under one key: a record, its listing, or both.
// The bytes are never written to again: a change makes others.
type holding struct {
	key             string
	record, listing []byte
	version         uint64
	// recordEnds and listingEnds are in Unix nanoseconds; an end of zero says
	// that there is none of the two.
	recordEnds, listingEnds int64
}

// recordAt is the record that lives at now.
func (h *holding) recordAt(now time.Time) (Record, bool) {
	if h == nil || now.UnixNano() >= h.recordEnds {
		return Record{}, false
	}
	return Record{h.record, h.version}, true
}

// listingAt is the listing that lives at now.
func (h *holding) listingAt(now time.Time) (Listing, bool) {
	if h == nil || now.UnixNano() >= h.listingEnds {
		return Listing{}, false
	}
	return Listing{h.key, h.listing}, true
}

// set puts copies of both in the place of what h held. Go rounds memory up,
// large pieces by more than a listing is long: one that fits into what the
// record leaves is put there.
func (h *holding) set(record, listing []byte) {
	room := append([]byte(nil), record...)
	h.record = slices.Clip(room)
	if cap(room)-len(room) < len(listing) {
		room = nil
	}
	start := len(room)
	room = append(room, listing...)
	h.listing = room[start:len(room):len(room)]
}

// ends is when nothing of h lives any more.
func (h *holding) ends() time.Time { return time.Unix(0, max(h.recordEnds, h.listingEnds)) }
