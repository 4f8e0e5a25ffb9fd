package store

import (
	"encoding/json"
	"strconv"

	"github.com/google/uuid"
)

// idSpace is the root of the ids of entities that come without one.
var idSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:sallyport:declarative"))

// stableID makes a UUIDv5 (RFC 9562 section 5.5) from the kind and what tells
// the entity apart: its name; for a plugin its name and scope; for a credential,
// whose id is shown to upstreams, its place among those of its owner; for an entity
// without a name all it says.
func (p *parser) stableID(en *entry) string {
	space := uuid.NewSHA1(idSpace, []byte(en.kind.Name))
	return uuid.NewSHA1(space, []byte(p.identity(en))).String()
}

func (p *parser) identity(en *entry) string {
	for _, fields := range en.kind.Unique {
		if len(fields) > 1 {
			key, _ := uniqueKey(fields, en.in)
			return p.numbered(en.kind.Name + key)
		}
	}
	for _, fields := range en.kind.Unique {
		f, known := en.kind.Record.Lookup(fields[0])
		text, named := en.given[fields[0]].(string)
		if known && (f.Attr.Encrypted || !named && f.Attr.Auto) {
			return p.numbered("credential:" + owners(en))
		}
		if named {
			return p.numbered(fields[0] + ":" + text)
		}
	}
	parent := ""
	if en.parent != nil {
		parent = en.parent.id
	}
	// Values of a document can always be written as JSON.
	text, _ := json.Marshal(en.given)
	return p.numbered("content:" + parent + ":" + string(text))
}

// owners are the references of an entity: whose it is.
func owners(en *entry) string {
	fields := make([]string, 0, len(en.kind.Foreign))
	for _, f := range en.kind.Foreign {
		fields = append(fields, f.Field)
	}
	key, _ := uniqueKey(fields, en.in)
	return key
}

// numbered keeps entities apart that say the same; duplicates that are not
// allowed are reported by what they share, not by a generated id.
func (p *parser) numbered(key string) string {
	n := p.nameless[key]
	p.nameless[key]++
	if n == 0 {
		return key
	}
	return key + "#" + strconv.Itoa(n)
}
