package message

import (
	"net/http"
	"net/textproto"
	"slices"
)

// Overlay is a list of header changes that is recorded while plugins run and
// applied once, where the head is serialised (design C1). The zero value
// changes nothing. It is not safe for concurrent use.
type Overlay struct {
	changes []change
}

type operation uint8

const (
	opSet operation = iota
	opAdd
	opRemove
	opRemoveSpellings
)

type change struct {
	op          operation
	name, value string
	names       []string // of opRemoveSpellings, which has no name
}

// concerns reports whether the change is one of the header called name, which
// is in canonical form.
func (c *change) concerns(name string) bool {
	if c.op != opRemoveSpellings {
		return c.name == name
	}
	return spells(c.names, name)
}

// Set replaces every value of the header.
func (o *Overlay) Set(name, value string) { o.record(opSet, name, value) }

// Add appends a value.
func (o *Overlay) Add(name, value string) { o.record(opAdd, name, value) }

// Remove drops the header.
func (o *Overlay) Remove(name string) { o.record(opRemove, name, "") }

// RemoveSpellings drops headers under every name that an upstream may fold
// into the same variable: upper and lower case, '-', '_' and '.' alike. A slice
// of names is kept and must not be changed.
func (o *Overlay) RemoveSpellings(names ...string) {
	o.append(change{op: opRemoveSpellings, names: names})
}

// Withdraw forgets the values that were added under name and that match.
func (o *Overlay) Withdraw(name string, match func(value string) bool) {
	name = textproto.CanonicalMIMEHeaderKey(name)
	o.changes = slices.DeleteFunc(o.changes, func(c change) bool { return c.op == opAdd && c.name == name && match(c.value) })
}

func (o *Overlay) record(op operation, name, value string) {
	o.append(change{op: op, name: textproto.CanonicalMIMEHeaderKey(name), value: value})
}

func (o *Overlay) append(c change) {
	if o.changes == nil {
		o.changes = make([]change, 0, 6) // fewer are rare
	}
	o.changes = append(o.changes, c)
}

// Empty reports whether nothing was recorded.
func (o *Overlay) Empty() bool { return len(o.changes) == 0 }

// Reset forgets all changes and keeps the storage.
func (o *Overlay) Reset() {
	clear(o.changes)
	o.changes = o.changes[:0]
}

// Values lists what the overlay itself sets or adds under name, in order.
func (o *Overlay) Values(name string) []string {
	name = textproto.CanonicalMIMEHeaderKey(name)
	var values []string
	for _, c := range o.changes {
		if !c.concerns(name) {
			continue
		}
		switch c.op {
		case opSet:
			values = []string{c.value}
		case opAdd:
			values = append(values, c.value)
		case opRemove, opRemoveSpellings:
			values = nil
		}
	}
	return values
}

// AppendAdded appends a field for each change, provided that all of them add
// valid values under name, which is in canonical form. Otherwise it reports
// false, and fields is not to be used.
func (o *Overlay) AppendAdded(fields []Field, name string) ([]Field, bool) {
	for i := range o.changes {
		c := &o.changes[i]
		if c.op != opAdd || c.name != name || !ValidValue(c.value) {
			return nil, false
		}
		fields = append(fields, Field{name, c.value})
	}
	return fields, true
}

// Touches reports whether a change concerns the header under any spelling that
// Fold takes for the same.
func (o *Overlay) Touches(name string) bool {
	for _, c := range o.changes {
		if c.op == opRemoveSpellings && spells(c.names, name) || c.op != opRemoveSpellings && sameSpelling(c.name, name) {
			return true
		}
	}
	return false
}

// Apply carries the changes out on h, in the order they were recorded. A value
// that holds CR, LF or NUL is not written, whatever it was meant to replace is
// removed, and its name is returned, so that the caller can log it.
func (o *Overlay) Apply(h http.Header) (refused []string) {
	sets := 0
	for i := range o.changes {
		if o.changes[i].op == opSet {
			sets++
		}
	}
	var values []string // one storage for all; each header's part of it is clipped
	if sets > 0 {
		values = make([]string, 0, sets)
	}
	for i := range o.changes {
		c := &o.changes[i]
		switch c.op {
		case opSet, opAdd:
			if !ValidValue(c.value) {
				refused = append(refused, c.name)
				if c.op == opSet {
					delete(h, c.name)
				}
				continue
			}
			if c.op == opSet {
				values = append(values, c.value)
				h[c.name] = values[len(values)-1 : len(values) : len(values)]
			} else {
				// Clipped: the values may share their storage with another header.
				h[c.name] = append(slices.Clip(h[c.name]), c.value)
			}
		case opRemove:
			delete(h, c.name)
		case opRemoveSpellings:
			for name := range h {
				if spells(c.names, name) {
					delete(h, name)
				}
			}
		}
	}
	return refused
}

// Fold gives one form to all spellings of a header name that an upstream may
// take for the same: lower case, with '_', '.' and blank as '-'.
func Fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = fold(c)
	}
	return string(b)
}

func fold(c byte) byte {
	switch {
	case c == '_' || c == '.' || c == ' ':
		return '-'
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}

// spells reports whether Fold gives name and one of names one form.
func spells(names []string, name string) bool {
	for _, n := range names {
		if sameSpelling(n, name) {
			return true
		}
	}
	return false
}

// sameSpelling reports whether Fold gives both names one form.
func sameSpelling(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}
