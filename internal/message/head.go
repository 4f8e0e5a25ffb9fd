package message

// Field is one line of a head. The name is in its canonical form, and neither
// part can end the line early.
type Field struct{ Name, Value string }

// HeadWriter is a ResponseWriter that takes a final head as a list in place of
// WriteHeader, which saves making a map of it.
type HeadWriter interface {
	// WriteHead writes a head with the fields in their order. It reports whether
	// it did: where not, nothing was written, and the head is to be written by
	// Header and WriteHeader. It keeps nothing of fields, but may append to it.
	WriteHead(status int, fields []Field) bool
}
