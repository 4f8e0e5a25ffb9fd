package secret

import (
	"crypto/subtle"
	"log/slog"
)

// redacted is what every printing path of a String shows.
const redacted = "[redacted]"

// String is a confidential text. Printing, logging and JSON encoding show a
// fixed mark; only Reveal gives the text. The zero value is the empty secret.
type String struct{ text string }

// New wraps text.
func New(text string) String { return String{text: text} }

// Reveal returns the text. Call it only where the text goes on a wire that is
// meant to carry it.
func (s String) Reveal() string { return s.text }

// Empty reports whether there is no text.
func (s String) Empty() bool { return s.text == "" }

// Equal compares in constant time (for equal lengths).
func (s String) Equal(t String) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(t.text)) == 1
}

// String implements fmt.Stringer with a fixed mark.
func (s String) String() string { return redacted }

// GoString implements fmt.GoStringer with a fixed mark.
func (s String) GoString() string { return redacted }

// LogValue implements slog.LogValuer with a fixed mark.
func (s String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON encodes a fixed mark.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText encodes a fixed mark.
func (s String) MarshalText() ([]byte, error) { return []byte(redacted), nil }
