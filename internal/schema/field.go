package schema

// Type is the type of a field as GET /schemas names it.
type Type string

// The types of a field. Any accepts every JSON value unchanged.
const (
	TypeString  Type = "string"
	TypeInteger Type = "integer"
	TypeNumber  Type = "number"
	TypeBoolean Type = "boolean"
	TypeArray   Type = "array"
	TypeSet     Type = "set"
	TypeMap     Type = "map"
	TypeRecord  Type = "record"
	TypeForeign Type = "foreign"
	TypeAny     Type = "any"
)

// Mark tells what a known field does here (C12).
type Mark int

const (
	// Supported fields do what their description says.
	Supported Mark = iota
	// Inert fields are accepted, stored and returned without effect.
	Inert
	// Unsupported fields are refused unless null or equal to their default.
	Unsupported
)

// String returns the name of the mark in lower case.
func (m Mark) String() string {
	switch m {
	case Inert:
		return "inert"
	case Unsupported:
		return "unsupported"
	case Supported:
		return "supported"
	}
	return "unknown"
}

// Attr are the attributes of a field. They are set through the methods of
// Field and read by whoever needs them.
type Attr struct {
	// Default fills an absent value; nil means null. It is in canonical form.
	Default any
	// Required refuses null. A required record that is absent is filled.
	Required bool
	// OneOf lists the allowed texts.
	OneOf []string
	// Between are the inclusive limits of a number, Gt an exclusive lower one.
	Between *[2]float64
	Gt      *float64
	// LenMin and LenMax bound the bytes of a text and the elements of a list or
	// map. A text without LenMin needs one byte.
	LenMin, LenMax *int
	// Auto marks a value that is generated when an entity is stored: the
	// field may be absent although it is required.
	Auto bool
	// UUID and Timestamp describe texts and numbers of that meaning.
	UUID, Timestamp bool
	// Unique is a constraint that the store enforces.
	Unique bool
	// Referenceable texts may be a {vault://…} reference.
	Referenceable bool
	// Encrypted values are confidential.
	Encrypted bool
	// Description is one or two sentences for a reader of the schema.
	Description string
	// Mark and Why tell what the field does here; Why is empty for Supported.
	Mark Mark
	Why  string
	// UnsupportedValues are members of OneOf that are refused, with the reason,
	// except as a part of an unchanged default.
	UnsupportedValues map[string]string
	// Accepted are values of an unsupported field that are harmless beside its
	// default.
	Accepted []any
	// Deprecated names what replaces the field.
	Deprecated string
}

// Field is one declared field. It is made by the constructors of this package
// and immutable once its Record is in use; then it may be used concurrently,
// apart from Record.Bind.
type Field struct {
	Name string
	Type Type
	Attr Attr
	// Elements describes the members of an array or set, Keys and Values those
	// of a map. Their Name is empty.
	Elements, Keys, Values *Field
	// Record describes a record.
	Record *Record
	// Reference is the kind that a foreign field refers to.
	Reference string

	checks []func(any) error
	// target is the pointer the field is bound to, nil when it is not bound.
	target any
	// bind writes a normalised value (nil for null) into the bound variable.
	bind func(v any) error
}

// Record is a set of fields with the checks that concern several of them.
type Record struct {
	Fields []*Field
	// Checks are run by Normalize after the fields.
	Checks []Check
	// Shorthands are write-only names that expand to fields.
	Shorthands []Shorthand
}

// Check is a rule over several fields of a record.
type Check struct {
	// Fields are the fields concerned; the check is skipped while one of them
	// has an error of its own.
	Fields []string
	// Describe is the value shown under entity_checks; nil hides the check.
	Describe any
	// Run gets the normalised values. It must not change them.
	Run func(v map[string]any) []Violation
}

// Violation is one finding of a Check.
type Violation struct {
	// Field is a name in the record, with dots for nested ones; empty means the
	// record as a whole ("@entity").
	Field   string
	Message string
}

// Shorthand is a write-only name, such as url of a service. It wins over the
// fields it expands to and is never returned.
type Shorthand struct {
	Name string
	Type Type
	// Expand returns the fields to set, nested records as maps, for a value of
	// the shorthand's type or nil for null. An error is a Kong error text.
	Expand func(v any) (map[string]any, error)
	// ReplacedWith is the path of the field that takes its place, for
	// deprecated names; nil otherwise.
	ReplacedWith []string
}

// Lookup returns the field of that name.
func (r *Record) Lookup(name string) (*Field, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return nil, false
}

// Target returns the pointer that the field is bound to, nil for a field
// without one. Records are not bound themselves unless they are optional.
func (f *Field) Target() any { return f.target }
