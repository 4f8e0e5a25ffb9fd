package server

// canonicalByte holds for each byte of a token (RFC 9110 §5.6.2) what it is in
// the canonical form of a field name, 0 for every other byte: in [1] at the
// beginning of a word, in [0] inside it.
var canonicalByte = makeCanonicalByte()

func makeCanonicalByte() (table [2][256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789") {
		table[0][c], table[1][c] = c, c
	}
	for c := byte('a'); c <= 'z'; c++ {
		upper := c - 'a' + 'A'
		table[0][c], table[1][c] = c, upper
		table[0][upper], table[1][upper] = c, upper
	}
	return table
}

// canonicalName gives the token at the beginning of line the case of
// textproto.CanonicalMIMEHeaderKey, in place. It returns its length, or 0 if it
// is empty or goes to the end of the line.
func canonicalName(line []byte) int {
	word := 1
	for i, c := range line {
		c = canonicalByte[word][c]
		if c == 0 {
			return i
		}
		line[i] = c
		word = 0
		if c == '-' {
			word = 1
		}
	}
	return 0
}
