package secret

import "crypto/sha256"

// key is Derive for one AES key. It allocates nothing, since each session has a
// salt of its own and every request may need its key; crypto/hkdf makes eight
// values for one.
func (k *Keyring) key(i int, salt []byte, info string) [keySize]byte {
	if len(salt) == 0 {
		return expand(k.unsalted[i], info)
	}
	return expand(hmacSHA256(salt, k.secrets[i]), info)
}

func expand(extracted [keySize]byte, info string) [keySize]byte {
	// A block of HKDF-Expand is as long as the key, so the first is all of it
	// (RFC 5869 section 2.3).
	var room [128]byte
	return hmacSHA256(extracted[:], append(append(room[:0], info...), 1))
}

// MAC returns HMAC-SHA-256 of data, one after the other, under the key that
// secret i gives for info. It allocates nothing but for long data.
func (k *Keyring) MAC(i int, info string, data ...[]byte) [sha256.Size]byte {
	key := k.key(i, nil, info)
	var room [256]byte
	message := room[:0]
	for _, d := range data {
		message = append(message, d...)
	}
	return hmacSHA256(key[:], message)
}

// hmacSHA256 is RFC 2104 with SHA-256.
func hmacSHA256(key, message []byte) [sha256.Size]byte {
	if len(key) > sha256.BlockSize {
		short := sha256.Sum256(key)
		key = short[:]
	}
	var inner [sha256.BlockSize + 320]byte // on the stack; what is longer is not
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	sum := sha256.Sum256(append(inner[:sha256.BlockSize], message...))
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
