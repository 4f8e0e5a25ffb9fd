package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrOpen is returned when a sealed value does not open: made with another
// secret, for another purpose or place, altered or cut. It deliberately says
// no more than that.
var ErrOpen = errors.New("secret: sealed value does not open")

const (
	keySize   = 32
	nonceSize = 12
	tagSize   = 16
	// Overhead is by how many bytes Seal lengthens its plaintext.
	Overhead = nonceSize + tagSize
)

// Keyring is an ordered list of secrets: the first one seals and signs, all of
// them open and verify (rotation). It is immutable and safe for concurrent use.
type Keyring struct {
	secrets [][]byte
	ids     []byte
	// unsalted is what HKDF-Extract gives for each secret without a salt.
	unsalted [][keySize]byte
}

// NewKeyring returns a ring of the given secrets, newest first. Empty secrets
// are refused, as is an empty list.
func NewKeyring(secrets ...String) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("secret: a keyring needs at least one secret")
	}
	k := &Keyring{}
	for i, s := range secrets {
		if s.Empty() {
			return nil, fmt.Errorf("secret: secret %d of the keyring is empty", i+1)
		}
		k.secrets = append(k.secrets, []byte(s.text))
		id, err := hkdf.Key(sha256.New, []byte(s.text), nil, "sallyport key id", 1)
		if err != nil {
			return nil, fmt.Errorf("secret: derive key id: %w", err)
		}
		k.ids = append(k.ids, id[0])
		k.unsalted = append(k.unsalted, hmacSHA256(nil, []byte(s.text)))
	}
	return k, nil
}

// Len is the number of secrets.
func (k *Keyring) Len() int { return len(k.secrets) }

// ID is a one-byte fingerprint of secret i. It only saves attempts: two
// secrets may share it.
func (k *Keyring) ID(i int) byte { return k.ids[i] }

// Derive returns n bytes of HKDF-SHA-256 (RFC 5869) of secret i under salt and
// info. n is at most 255*32; a larger one panics, since it is a constant of
// the caller.
func (k *Keyring) Derive(i int, salt []byte, info string, n int) []byte {
	key, err := hkdf.Key(sha256.New, k.secrets[i], salt, info, n)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return key
}

// Seal encrypts plaintext with AES-256-GCM under a key derived from the first
// secret, salt and info, with a fresh random nonce in front of the result and
// aad as associated data. random nil means crypto/rand.
func (k *Keyring) Seal(random io.Reader, salt []byte, info string, aad, plaintext []byte) ([]byte, error) {
	return k.AppendSeal(make([]byte, 0, Overhead+len(plaintext)), random, salt, info, aad, plaintext)
}

// AppendSeal is Seal that appends the result to dst, whose free room must not
// overlap the plaintext.
func (k *Keyring) AppendSeal(dst []byte, random io.Reader, salt []byte, info string, aad, plaintext []byte) ([]byte, error) {
	aead, err := k.aead(0, salt, info)
	if err != nil {
		return nil, err
	}
	if random == nil {
		random = rand.Reader
	}
	at := len(dst)
	dst = slices.Grow(dst, Overhead+len(plaintext))[:at+nonceSize]
	if _, err := io.ReadFull(random, dst[at:]); err != nil {
		return nil, fmt.Errorf("secret: read nonce: %w", err)
	}
	return aead.Seal(dst, dst[at:], plaintext, aad), nil
}

// Open reverses Seal, trying every secret. It returns the plaintext or
// ErrOpen, never its input.
func (k *Keyring) Open(salt []byte, info string, aad, sealed []byte) ([]byte, error) {
	return k.AppendOpen(nil, salt, info, aad, sealed)
}

// AppendOpen is Open that appends the plaintext to dst, whose free room must
// not overlap sealed. On an error it returns nil, and that room is undefined.
func (k *Keyring) AppendOpen(dst, salt []byte, info string, aad, sealed []byte) ([]byte, error) {
	plain, _, err := k.openIndex(dst, salt, info, aad, sealed)
	return plain, err
}

// OpenIndex is Open that also tells which secret opened the value.
func (k *Keyring) OpenIndex(salt []byte, info string, aad, sealed []byte) ([]byte, int, error) {
	return k.openIndex(nil, salt, info, aad, sealed)
}

func (k *Keyring) openIndex(dst, salt []byte, info string, aad, sealed []byte) ([]byte, int, error) {
	if len(sealed) < Overhead {
		return nil, 0, ErrOpen
	}
	for i := range k.secrets {
		aead, err := k.aead(i, salt, info)
		if err != nil {
			return nil, 0, err
		}
		if plain, err := aead.Open(dst, sealed[:nonceSize], sealed[nonceSize:], aad); err == nil {
			return plain, i, nil
		}
	}
	return nil, 0, ErrOpen
}

func (k *Keyring) aead(i int, salt []byte, info string) (cipher.AEAD, error) {
	key := k.key(i, salt, info)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("secret: cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
