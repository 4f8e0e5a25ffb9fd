package session

import (
	"time"

	"sallyport/internal/secret"
)

// Labels of an entry. A label, once given, keeps its meaning.
const (
	labelIssuer       = 1
	labelClientID     = 2
	labelPolicy       = 3
	labelSubject      = 4
	labelMethod       = 5
	labelAccessToken  = 6
	labelRefreshToken = 7
	labelIDToken      = 8
	labelTokenType    = 9
	labelScope        = 10
	labelExpiry       = 11
	labelClaim        = 12
	labelSID          = 13
	labelAuthTime     = 14
	labelACR          = 15
	labelCreated      = 16
)

// encode writes e. It never returns the empty text.
func (e *Entry) encode() string {
	b := make([]byte, 0, 512+len(e.AccessToken.Reveal())+len(e.RefreshToken.Reveal())+len(e.IDToken.Reveal()))
	b = appendField(b, labelIssuer, e.Realm.Issuer)
	b = appendText(b, labelClientID, e.Realm.ClientID)
	b = appendText(b, labelPolicy, e.Realm.Policy)
	b = appendText(b, labelSubject, e.Subject)
	b = appendText(b, labelMethod, e.Method)
	b = appendText(b, labelAccessToken, e.AccessToken.Reveal())
	b = appendText(b, labelRefreshToken, e.RefreshToken.Reveal())
	b = appendText(b, labelIDToken, e.IDToken.Reveal())
	b = appendText(b, labelTokenType, e.TokenType)
	b = appendText(b, labelScope, e.Scope)
	b = appendTime(b, labelExpiry, e.Expiry)
	for _, c := range e.Claims {
		b = appendPair(b, labelClaim, c.Name, c.Value)
	}
	b = appendText(b, labelSID, e.SID)
	b = appendTime(b, labelAuthTime, e.AuthTime)
	b = appendText(b, labelACR, e.ACR)
	b = appendNumber(b, labelCreated, uint64(e.created)) //nolint:gosec // bits are kept
	return string(append(b, e.unknown...))
}

func appendTime(b []byte, label byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendNumber(b, label, uint64(t.Unix())) //nolint:gosec // bits are kept
}

func decodeEntry(body string) (e Entry, err error) {
	text := e.texts()
	rest := fields(body)
	for {
		label, value, whole, ok, err := rest.next()
		if err != nil {
			return Entry{}, err
		}
		if !ok {
			return e, nil
		}
		if int(label) < len(text) && text[label] != nil {
			*text[label] = value
			continue
		}
		if err := e.read(label, value, whole); err != nil {
			return Entry{}, err
		}
	}
}

// texts are the plain text fields by label.
func (e *Entry) texts() [labelCreated]*string {
	return [labelCreated]*string{
		labelIssuer: &e.Realm.Issuer, labelClientID: &e.Realm.ClientID, labelPolicy: &e.Realm.Policy,
		labelSubject: &e.Subject, labelMethod: &e.Method, labelTokenType: &e.TokenType, labelScope: &e.Scope,
		labelSID: &e.SID, labelACR: &e.ACR,
	}
}

func (e *Entry) read(label byte, value, whole string) (err error) {
	switch label {
	case labelAccessToken:
		e.AccessToken = secret.New(value)
	case labelRefreshToken:
		e.RefreshToken = secret.New(value)
	case labelIDToken:
		e.IDToken = secret.New(value)
	case labelExpiry:
		e.Expiry, err = readTime(value)
	case labelAuthTime:
		e.AuthTime, err = readTime(value)
	case labelClaim:
		var c Claim
		c.Name, c.Value, err = pair(value)
		if e.Claims == nil {
			e.Claims = make([]Claim, 0, 4)
		}
		e.Claims = append(e.Claims, c)
	case labelCreated:
		var n uint64
		n, err = number(value)
		e.created = int64(n) //nolint:gosec // bits are kept
	default:
		e.unknown += whole
	}
	return err
}

func readTime(value string) (time.Time, error) {
	n, err := number(value)
	if err != nil {
		return time.Time{}, err
	}
	return unix(int64(n)), nil //nolint:gosec // bits are kept
}
