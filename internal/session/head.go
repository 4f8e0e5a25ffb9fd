package session

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"
	"time"
)

// The purposes of a cookie. They separate keys, so that a cookie made for one
// can never be used for another.
const (
	purposeSession    = 1
	purposeRemember   = 2
	purposeBrowserKey = 3
)

// The flags of a head. The high nibble is the number of chunks.
const (
	flagBindIP        = 1 << 0
	flagBindScheme    = 1 << 1
	flagBindUserAgent = 1 << 2
	flagCookieStorage = 1 << 3
	chunkShift        = 4

	bindings = flagBindIP | flagBindScheme | flagBindUserAgent
)

const (
	headVersion = 1
	idSize      = 32
	// headFixed is version, purpose, flags, key id, id, created (5), saved
	// (4), touched (4), record version (4).
	headFixed = 4 + idSize + 5 + 4 + 4 + 4
	extraSize = 9
	macSize   = 16
	// maxCreated is what fits the five bytes of the creation time.
	maxCreated = 1<<40 - 1
)

// Lengths in characters. Both byte lengths divide by three, so the text has no
// spare bits.
const (
	headText       = (headFixed + macSize) * 4 / 3
	browserKeyText = (headFixed + extraSize + macSize) * 4 / 3
)

var encoding = base64.RawURLEncoding.Strict()

// brokenLine reports whether text has a line break. Those package base64 skips,
// strict or not, so that a text of the right length gives too few bytes.
func brokenLine(text string) bool {
	return strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0
}

// head is the authenticated part of a cookie.
type head struct {
	purpose byte
	flags   byte
	id      [idSize]byte
	created int64  // Unix seconds
	saved   uint32 // seconds from created
	touched uint32 // seconds from saved
	version uint32 // of the record, where that lies in the cookie itself
	extra   [extraSize]byte
}

func (h *head) chunks() int { return int(h.flags >> chunkShift) }

func (h *head) savedAt() int64   { return h.created + int64(h.saved) }
func (h *head) touchedAt() int64 { return h.savedAt() + int64(h.touched) }

func (h *head) setSaved(at int64) {
	h.saved, h.touched = offset(h.created, at), 0
}

func (h *head) touch(at int64) { h.touched = offset(h.savedAt(), at) }

func offset(from, to int64) uint32 {
	return uint32(max(0, min(to-from, math.MaxUint32)))
}

// size is the length of the encoded head without MAC.
func headSize(purpose byte) int {
	if purpose == purposeBrowserKey {
		return headFixed + extraSize
	}
	return headFixed
}

func (h *head) append(b []byte, keyID byte) []byte {
	b = append(b, headVersion, h.purpose, h.flags, keyID)
	b = append(b, h.id[:]...)
	created := uint64(max(0, min(h.created, maxCreated)))
	b = append(b, byte(created>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(created&math.MaxUint32))
	b = binary.BigEndian.AppendUint32(b, h.saved)
	b = binary.BigEndian.AppendUint32(b, h.touched)
	b = binary.BigEndian.AppendUint32(b, h.version)
	if h.purpose == purposeBrowserKey {
		b = append(b, h.extra[:]...)
	}
	return b
}

// parse reads an encoded head of the given purpose. It checks form alone; an
// unknown version has none.
func (h *head) parse(b []byte, purpose byte) bool {
	if len(b) != headSize(purpose) || b[0] != headVersion || b[1] != purpose {
		return false
	}
	h.purpose, h.flags = b[1], b[2]
	copy(h.id[:], b[4:])
	b = b[4+idSize:]
	h.created = int64(b[0])<<32 | int64(binary.BigEndian.Uint32(b[1:]))
	h.saved = binary.BigEndian.Uint32(b[5:])
	h.touched = binary.BigEndian.Uint32(b[9:])
	h.version = binary.BigEndian.Uint32(b[13:])
	copy(h.extra[:], b[17:])
	return true
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
