package session

import (
	"encoding/binary"
	"errors"
)

// errMalformed is returned for bytes that are no record. They were sealed by
// us, so it means a defect or a later release.
var errMalformed = errors.New("session: malformed record")

// fields is a sequence of labelled values: one byte label, length as uvarint,
// value. Values are substrings of the whole: reading copies nothing.
type fields string

// next returns the first field and advances. ok is false at the end.
func (f *fields) next() (label byte, value, whole string, ok bool, err error) {
	s := string(*f)
	if s == "" {
		return 0, "", "", false, nil
	}
	n, size := uvarint(s[1:])
	if size == 0 || n > uint64(len(s)-1-size) { //nolint:gosec // not negative
		return 0, "", "", false, errMalformed
	}
	end := 1 + size + int(n) //nolint:gosec // n is at most len(s)
	*f = fields(s[end:])
	return s[0], s[1+size : end], s[:end], true, nil
}

func appendField(b []byte, label byte, value string) []byte {
	b = append(b, label)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// appendText is appendField that leaves out the empty text.
func appendText(b []byte, label byte, value string) []byte {
	if value == "" {
		return b
	}
	return appendField(b, label, value)
}

// appendNumber is appendField of eight bytes that leaves out zero.
func appendNumber(b []byte, label byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = append(b, label, 8)
	return binary.BigEndian.AppendUint64(b, n)
}

func number(value string) (uint64, error) {
	if len(value) != 8 {
		return 0, errMalformed
	}
	return binary.BigEndian.Uint64([]byte(value)), nil
}

// pair splits a value that begins with a length-prefixed text.
func pair(value string) (first, rest string, err error) {
	n, size := uvarint(value)
	if size == 0 || n > uint64(len(value)-size) { //nolint:gosec // not negative
		return "", "", errMalformed
	}
	end := size + int(n) //nolint:gosec // n is at most len(value)
	return value[size:end], value[end:], nil
}

func appendPair(b []byte, label byte, first, rest string) []byte {
	var prefix [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(prefix[:], uint64(len(first)))
	b = append(b, label)
	b = binary.AppendUvarint(b, uint64(n+len(first)+len(rest))) //nolint:gosec // not negative
	b = append(b, prefix[:n]...)
	b = append(b, first...)
	return append(b, rest...)
}

// uvarint is binary.Uvarint for text; size 0 means malformed.
func uvarint(s string) (n uint64, size int) {
	for i := range min(len(s), binary.MaxVarintLen64) {
		c := s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			return 0, 0
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, i + 1
		}
	}
	return 0, 0
}
