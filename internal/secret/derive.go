package secret

import "crypto/sha256"

// key is Derive for one AES key. It allocates nothing, since each session has a
// salt of its own and every request may need its key; crypto/hkdf makes eight
// values for one.
func (k *Keyring) key(i int, salt []byte, info string) [keySize]byte {
	extracted := hmacSHA256(salt, k.secrets[i])
	// A block of HKDF-Expand is as long as the key, so the first is all of it
	// (RFC 5869 section 2.3).
	var room [128]byte
	return hmacSHA256(extracted[:], append(append(room[:0], info...), 1))
}

// hmacSHA256 is RFC 2104 with SHA-256.
func hmacSHA256(key, message []byte) [sha256.Size]byte {
	if len(key) > sha256.BlockSize {
		short := sha256.Sum256(key)
		key = short[:]
	}
	var inner [2 * sha256.BlockSize]byte
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
