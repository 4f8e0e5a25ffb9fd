package message

import "encoding/binary"

// ValidValue reports whether a header value can be serialised: no CR, LF, NUL or
// other control character but the tab (RFC 9110 §5.5). It looks at eight bytes
// at a time.
func ValidValue[T []byte | string](v T) bool {
	const ones = 0x0101010101010101
	i := 0
	for ; i+8 <= len(v); i += 8 {
		w := binary.LittleEndian.Uint64([]byte(v[i : i+8]))
		del := w ^ 0x7f*ones
		if ((w-0x20*ones)&^w|(del-ones)&^del)&(0x80*ones) != 0 && !validBytes(v[i:i+8]) {
			return false
		}
	}
	return validBytes(v[i:])
}

func validBytes[T []byte | string](v T) bool {
	for i := range len(v) {
		if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
