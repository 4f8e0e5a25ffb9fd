package store

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"

	"sallyport/internal/schema"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// ListOptions choose a page of a list.
type ListOptions struct {
	// Size is the length of a page, 1 to 1000; 0 means 100.
	Size int
	// Offset is what the previous page returned; empty for the first.
	Offset string
	// Tags must all be on an entity, or with AnyTag one of them.
	Tags   []string
	AnyTag bool
	// Field and ID, unless empty, restrict the list to entities whose
	// reference Field holds ID.
	Field, ID string
}

// List returns a page of the entities of a kind, ascending by id, and the
// offset of the next page, empty on the last one. page is never nil.
func (r *reader) List(kind string, o ListOptions) (page []Object, next string, err error) {
	t, ok := r.tables[kind]
	if !ok {
		return nil, "", fmt.Errorf("store: no kind %q", kind)
	}
	size := o.Size
	if size == 0 {
		size = defaultPage
	}
	if size < 1 || size > maxPage {
		return nil, "", InvalidSize(fmt.Sprintf("size must be an integer between 1 and %d", maxPage))
	}
	ids := t.sortedIDs()
	if o.Field != "" {
		ids = t.childrenOf(o.Field, o.ID)
	}
	if o.Offset != "" {
		after, err := decodeOffset(o.Offset)
		if err != nil {
			return nil, "", err
		}
		at, found := slices.BinarySearch(ids, after)
		if found {
			at++
		}
		ids = ids[at:]
	}
	page = make([]Object, 0, min(size, len(ids)))
	last := ""
	for _, id := range ids {
		v := t.byID[id]
		if !o.tagged(v) {
			continue
		}
		if len(page) == size {
			return page, encodeOffset(last), nil
		}
		page, last = append(page, v), id
	}
	return page, "", nil
}

func (o ListOptions) tagged(v Object) bool {
	if len(o.Tags) == 0 {
		return true
	}
	tags, _ := v["tags"].([]any)
	for _, want := range o.Tags {
		if slices.Contains(tags, any(want)) == o.AnyTag {
			return o.AnyTag
		}
	}
	return !o.AnyTag
}

func encodeOffset(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

func decodeOffset(offset string) (string, error) {
	id, err := base64.RawURLEncoding.DecodeString(offset)
	if err != nil || !isUUID(string(id)) {
		return "", &Error{
			Code: CodeInvalidOffset, Name: "invalid offset", Status: http.StatusBadRequest,
			Message: fmt.Sprintf("'%s' is not a valid offset: bad base64 encoding", offset),
		}
	}
	return string(id), nil
}

// InvalidSize makes the error for a page size that cannot be.
func InvalidSize(message string) *Error {
	return &Error{
		Code: CodeInvalidSize, Name: "invalid size", Message: message,
		Fields: schema.Errors{"size": message}, Status: http.StatusBadRequest,
	}
}
