package openidconnect

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"sallyport/internal/secret"
)

// reason is why a login was started. No re-authentication is started yet; it has
// its number in the format already, so that nodes of two releases understand each
// other.
type reason byte

const (
	firstLogin reason = iota + 1
	reauthentication
	stepUp
)

const (
	stateVersion  = 1
	flowIDSize    = 16
	keyHashSize   = 16
	realmHashSize = 16
	// maxState bounds a state parameter, ours and what is accepted (C8).
	maxState = 1024
	// maxTargetCookie bounds the value of the companion cookie of a long target.
	maxTargetCookie = 2048

	infoState  = "sallyport login state v1"
	infoTarget = "sallyport login target v1"
	infoNonce  = "sallyport nonce v1"
	infoPKCE   = "sallyport code verifier v1"
)

// stateVersions is what the version is sealed with. It is not changed.
var stateVersions = []byte{stateVersion}

// errState is returned for a state that does not open: made elsewhere, altered,
// cut, or nothing of ours at all.
var errState = errors.New("openid-connect: state does not open")

// strictBase64 has one text for each value.
var strictBase64 = base64.RawURLEncoding.Strict()

// targetPlace tells where the target of a login is kept.
type targetPlace byte

const (
	targetInState targetPlace = iota
	targetInCookie
	// targetCut: the target was too long even for the cookie; the state holds
	// it without its query.
	targetCut
)

// loginState is what a login must remember between the authorization request
// and the callback (C8). It travels sealed in the state parameter; nothing of
// it is stored.
type loginState struct {
	Flow     [flowIDSize]byte
	Reason   reason
	Restarts byte
	Place    targetPlace
	Started  time.Time
	// Key is the hash of the browser key cookie that this login is bound to.
	Key [keyHashSize]byte
	// Realm is the hash of the plugin realm that started the login.
	Realm       [realmHashSize]byte
	RedirectURI string
	Target      string
	ClientID    string

	// secret is the index of the secret that sealed the state.
	secret int
}

// FlowID is the flow id in the form that pages and logs show.
func (s *loginState) FlowID() string { return flowIDText(s.Flow) }

func flowIDText(id [flowIDSize]byte) string {
	var text [2 * flowIDSize]byte
	return string(text[:hex.Encode(text[:], id[:])])
}

// keyHash is the form in which a state knows its browser key.
func keyHash(browserKey []byte) (h [keyHashSize]byte) {
	var room [128]byte
	sum := sha256.Sum256(append(append(room[:0], "sallyport browser key\x00"...), browserKey...))
	copy(h[:], sum[:])
	return h
}

// boundTo reports, in constant time, whether the login was started by the
// browser that holds browserKey.
func (s *loginState) boundTo(browserKey []byte) bool {
	h := keyHash(browserKey)
	return subtle.ConstantTimeCompare(h[:], s.Key[:]) == 1
}

// nonce and verifier are derived from secret, flow and browser key, so that
// they need not be carried (C8). Both are 43 URL-safe characters: 256 bits.
func (s *loginState) nonce(keys *secret.Keyring, browserKey []byte) string {
	return macText(keys.MAC(s.secret, infoNonce, s.Flow[:], browserKey))
}

func (s *loginState) verifier(keys *secret.Keyring, browserKey []byte) string {
	return macText(keys.MAC(s.secret, infoPKCE, s.Flow[:], browserKey))
}

func macText(mac [sha256.Size]byte) string {
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], mac[:])
	return string(text[:])
}

// seal gives the state parameter: base64url of version, flow id and the sealed
// rest.
func (s *loginState) seal(keys *secret.Keyring, random io.Reader) (string, error) {
	size := s.size()
	room := make([]byte, 2*size+1+flowIDSize+secret.Overhead) // for the plaintext, then for the sealed state
	plain, raw := s.encode(room[:0:size]), room[size:size]
	raw = append(append(raw, stateVersion), s.Flow[:]...)
	raw, err := keys.AppendSeal(raw, random, s.Flow[:], infoState, stateVersions, plain)
	if err != nil {
		return "", err
	}
	var text [maxState]byte // on the stack; one that is longer is refused
	return string(base64.RawURLEncoding.AppendEncode(text[:0], raw)), nil
}

// openState opens a state parameter. The error is errState for everything that
// is not a state of ours.
func openState(keys *secret.Keyring, param string) (*loginState, error) {
	if param == "" || len(param) > maxState {
		return nil, errState
	}
	raw, err := strictBase64.DecodeString(param)
	if err != nil || len(raw) < 1+flowIDSize+secret.Overhead || raw[0] != stateVersion {
		return nil, errState
	}
	s := &loginState{Flow: [flowIDSize]byte(raw[1 : 1+flowIDSize])}
	plain, index, err := keys.OpenIndex(s.Flow[:], infoState, stateVersions, raw[1+flowIDSize:])
	if err != nil {
		return nil, errState
	}
	s.secret = index
	if err := s.decode(plain); err != nil {
		return nil, errState
	}
	return s, nil
}

// stateFixed is the length of what an encoded state has before its texts.
const stateFixed = 3 + 8 + keyHashSize + realmHashSize

// size is the length of the encoded state.
func (s *loginState) size() int {
	return stateFixed + 2 + len(s.RedirectURI) + 2 + len(s.Target) + 2 + len(s.ClientID)
}

// encode appends the state to b.
func (s *loginState) encode(b []byte) []byte {
	b = append(b, byte(s.Reason), s.Restarts, byte(s.Place))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Started.Unix())) //nolint:gosec // bits are kept
	b = append(b, s.Key[:]...)
	b = append(b, s.Realm[:]...)
	for _, text := range [...]string{s.RedirectURI, s.Target, s.ClientID} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(text))) //nolint:gosec // a text that long makes a state that is refused for its length
		b = append(b, text...)
	}
	return b
}

func (s *loginState) decode(b []byte) error {
	if len(b) < stateFixed {
		return io.ErrUnexpectedEOF
	}
	s.Reason, s.Restarts, s.Place = reason(b[0]), b[1], targetPlace(b[2])
	s.Started = time.Unix(int64(binary.BigEndian.Uint64(b[3:])), 0) //nolint:gosec // bits are kept
	copy(s.Key[:], b[11:])
	copy(s.Realm[:], b[11+keyHashSize:])
	b = b[stateFixed:]
	for _, text := range [...]*string{&s.RedirectURI, &s.Target, &s.ClientID} {
		if len(b) < 2 {
			return io.ErrUnexpectedEOF
		}
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			return io.ErrUnexpectedEOF
		}
		*text = string(b[2 : 2+n])
		b = b[2+n:]
	}
	if len(b) != 0 {
		return fmt.Errorf("%d trailing bytes", len(b))
	}
	return nil
}

// sealTarget gives the value of the companion cookie for a target that does
// not fit into the state; ok is false when it does not fit there either.
func sealTarget(keys *secret.Keyring, random io.Reader, flow [flowIDSize]byte, target string) (value string, ok bool, err error) {
	if base64.RawURLEncoding.EncodedLen(len(target)+secret.Overhead) > maxTargetCookie {
		return "", false, nil
	}
	sealed, err := keys.Seal(random, flow[:], infoTarget, nil, []byte(target))
	if err != nil {
		return "", false, err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), true, nil
}

// openTarget opens the companion cookie of the given flow.
func openTarget(keys *secret.Keyring, flow [flowIDSize]byte, value string) (string, error) {
	if len(value) > maxTargetCookie {
		return "", secret.ErrOpen
	}
	raw, err := strictBase64.DecodeString(value)
	if err != nil {
		return "", secret.ErrOpen
	}
	plain, err := keys.Open(flow[:], infoTarget, nil, raw)
	if err != nil {
		return "", secret.ErrOpen
	}
	return string(plain), nil
}

// stateRoom is how long a target may be for s to stay within maxState.
func stateRoom(s *loginState) int {
	used := 1 + flowIDSize + secret.Overhead + s.size() - len(s.Target)
	return base64.RawURLEncoding.DecodedLen(maxState) - used
}
