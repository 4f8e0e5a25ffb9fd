package message

import (
	"bytes"
	"testing"
)

// Every byte at every place of a value, since eight are looked at together.
func TestFieldValueBytes(t *testing.T) {
	t.Parallel()
	for length := 1; length <= 17; length++ {
		for at := range length {
			for c := range 256 {
				v := bytes.Repeat([]byte{'\xff'}, length)
				v[at] = byte(c)
				want := c >= ' ' && c != 0x7f || c == '\t'
				if ValidValue(v) != want || ValidValue(string(v)) != want {
					t.Fatalf("byte %#x at %d of %d: %v", c, at, length, !want)
				}
			}
		}
	}
}
