package openidconnect

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"math"
	"time"
)

// nonceHeader carries a nonce for the client's next proofs (RFC 9449 section 8).
const nonceHeader = "Dpop-Nonce"

const (
	nonceTime = 8
	nonceMAC  = 16
	nonceInfo = "sallyport dpop nonce"
)

// nonce is one for DPoP proofs: when it was made, in milliseconds, and a MAC over it.
// Nobody keeps it: every node that has the secret knows it for one of ours.
func (h *handler) nonce(now time.Time) string {
	var b [nonceTime + nonceMAC]byte
	binary.BigEndian.PutUint64(b[:nonceTime], uint64(max(0, now.UnixMilli())))
	mac := h.keys.MAC(0, nonceInfo, b[:nonceTime])
	copy(b[nonceTime:], mac[:nonceMAC])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// nonceMade tells when a nonce was made; false for one that nobody with the
// secret has made.
func (h *handler) nonceMade(nonce string) (time.Time, bool) {
	if len(nonce) != base64.RawURLEncoding.EncodedLen(nonceTime+nonceMAC) {
		return time.Time{}, false
	}
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil {
		return time.Time{}, false
	}
	made := binary.BigEndian.Uint64(b[:nonceTime])
	for i := range h.keys.Len() {
		mac := h.keys.MAC(i, nonceInfo, b[:nonceTime])
		if hmac.Equal(mac[:nonceMAC], b[nonceTime:]) && made <= math.MaxInt64 {
			return time.UnixMilli(int64(made)), true
		}
	}
	return time.Time{}, false
}
