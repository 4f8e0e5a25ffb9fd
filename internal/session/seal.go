package session

import (
	"crypto/sha256"
	"encoding/binary"
)

// infoRecord names the purpose and version of the sealing key of records.
const infoRecord = "sallyport session record 1"

// storageKey is where the record of id lies: a hash, so that the keys of a
// store cannot be used as cookies.
func (m *Manager) storageKey(id *[idSize]byte) string {
	var room [128]byte // on the stack; what is longer is not
	b := append(room[:0], "sallyport storage key"...)
	b = append(b, purposeSession)
	b = binary.BigEndian.AppendUint64(b, uint64(len(m.cookie.Name)))
	b = append(b, m.cookie.Name...)
	sum := sha256.Sum256(append(b, id[:]...))
	b = append(b[:0], m.cookie.Name...)
	b = append(b, ':')
	return string(encoding.AppendEncode(b, sum[:]))
}

// associated appends what ties a sealed record to its place and version: a copy
// under another key, or an older one put back under a newer version, does not
// open.
func associated(b []byte, key string, version uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, key...), version)
}

// seal encrypts r for version of the record of id. The key needs the id, which
// no store holds.
func (m *Manager) seal(id *[idSize]byte, key string, version uint64, r *record) ([]byte, error) {
	plain, err := r.encode()
	if err != nil {
		return nil, err
	}
	return m.ring.Seal(m.rand, id[:], infoRecord, associated(nil, key, version), plain)
}

// open reverses seal. Any failure means that there is no such session.
func (m *Manager) open(id *[idSize]byte, key string, version uint64, sealed []byte) (*record, error) {
	s := takeScratch()
	defer s.give()
	return m.openWith(s, id, key, version, sealed)
}

func (m *Manager) openWith(s *scratch, id *[idSize]byte, key string, version uint64, sealed []byte) (*record, error) {
	s.place = associated(s.place[:0], key, version)
	s.plain = room(s.plain, len(sealed))
	plain, err := m.ring.AppendOpen(s.plain, id[:], infoRecord, s.place, sealed)
	if err != nil {
		return nil, err
	}
	return decodeRecord(plain)
}
