package entity

import (
	"maps"
	"time"

	"sallyport/internal/schema"
)

// Names of the kinds.
const (
	Services       = "services"
	Routes         = "routes"
	Plugins        = "plugins"
	Consumers      = "consumers"
	Certificates   = "certificates"
	CACertificates = "ca_certificates"
	SNIs           = "snis"
	ConsumerGroups = "consumer_groups"
	Memberships    = "consumer_group_consumers"
	ACLs           = "acls"
	KeyAuths       = "keyauth_credentials"

	OAuth2Credentials = "oauth2_credentials" //nolint:gosec // the name of a kind
	OAuth2Tokens      = "oauth2_tokens"      //nolint:gosec // the name of a kind
)

// OnDelete says what the deletion of a referenced entity does.
type OnDelete int

const (
	// Restrict refuses the deletion.
	Restrict OnDelete = iota
	// Cascade deletes the referring entity too.
	Cascade
)

// Foreign is a reference from a field to an entity of another kind.
type Foreign struct {
	Field    string
	Kind     string
	OnDelete OnDelete
}

// Kind describes one kind of entity. It is immutable and safe for concurrent
// use.
type Kind struct {
	// Name is the schema's name, for example "services".
	Name string
	// Singular is the word in messages about one entity.
	Singular string
	// Collection is the URL segment of the Admin API.
	Collection string
	// Nested is the segment below a parent where it is another one.
	Nested string
	// Internal kinds have no endpoints of their own.
	Internal bool
	// NestedLookup is a field by which an entity may be named below its parent,
	// where its values are unique.
	NestedLookup string
	// Lookup is the unique field by which an entity may be named instead of by
	// its id; empty for a kind that has none.
	Lookup string
	// Record describes the fields. For kinds whose fields depend on a value of
	// the entity it is the common part: see RecordFor.
	Record *schema.Record
	// Foreign are the references to other entities.
	Foreign []Foreign
	// Lists are fields that hold ids of entities of another kind, which must not be
	// deleted while they are there.
	Lists []Foreign
	// Unique are the sets of fields whose values together occur once. A set of
	// one field does not hold for null, one of several does.
	Unique [][]string

	// variant returns the record for one entity; nil means Record.
	variant func(in map[string]any) *schema.Record
	// prepare generates values that in leaves out; nil means none.
	prepare func(in, normalized map[string]any)
	// derive computes fields of a normalized entity from its others; nil means
	// none.
	derive  func(normalized map[string]any)
	plugins *pluginRecords
}

// Kinds returns all kinds, parents before their
// children. plugins tells what is known of a plugin, and false for a name that
// it does not know; its answers must not change.
func Kinds(plugins func(name string) (PluginType, bool)) []*Kind {
	clock := time.Now
	return append(certificateKinds(clock),
		serviceKind(), routeKind(), consumerKind(), consumerGroupKind(), membershipKind(), aclKind(), keyAuthKind(),
		oauth2CredentialKind(), oauth2TokenKind(),
		pluginKind(plugins))
}

// RecordFor returns the description of the entity that in is or will be: for a
// plugin its config is that of the plugin that in names.
func (k *Kind) RecordFor(in map[string]any) *schema.Record {
	if k.variant == nil {
		return k.Record
	}
	return k.variant(in)
}

// Normalize checks a whole entity and returns it with every field present, or
// Kong's errors. in is not changed. References must carry the id; ones by name
// are left as they are. Generated fields that are absent become nil.
func (k *Kind) Normalize(in map[string]any) (map[string]any, schema.Errors) {
	v, errs := k.RecordFor(in).Normalize(in)
	if id, given := in["id"]; given && id == nil {
		if errs == nil {
			errs = schema.Errors{}
		}
		errs["id"] = "required field missing"
	}
	if errs != nil {
		return nil, errs
	}
	if k.derive != nil {
		k.derive(v)
	}
	return v, nil
}

// Validate is Normalize for whoever needs no more than the errors.
func (k *Kind) Validate(in map[string]any) schema.Errors {
	_, errs := k.Normalize(in)
	return errs
}

// Merge applies patch to old as PATCH does. The result is not checked yet; it
// shares values with both.
func (k *Kind) Merge(old, patch map[string]any) map[string]any {
	if k.plugins != nil {
		if name, given := patch["name"]; given && name != old["name"] {
			// The config of another plugin means nothing to this one.
			old = maps.Clone(old)
			delete(old, "config")
		}
	}
	return k.RecordFor(old).Merge(old, patch)
}

// Prepare generates those values of a stored entity that in, from which it was
// normalized, left out. An explicit null counts as given. Only normalized is
// changed.
func (k *Kind) Prepare(in, normalized map[string]any) {
	if k.prepare != nil {
		k.prepare(in, normalized)
	}
}

// ForeignField returns the reference that the field of that name is.
func (k *Kind) ForeignField(name string) (Foreign, bool) {
	for _, f := range k.Foreign {
		if f.Field == name {
			return f, true
		}
	}
	return Foreign{}, false
}

// Invalid is a fault of one entity that shows only when a whole configuration
// is compiled.
type Invalid struct {
	// Kind and ID name the entity.
	Kind, ID string
	// Errors say which fields are at fault.
	Errors schema.Errors
}

// Error returns Kong's message about the fields.
func (e *Invalid) Error() string { return e.Errors.Message() }
