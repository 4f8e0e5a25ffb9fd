package admin

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sallyport/internal/store"
)

// tagged is one tag of one entity.
type tagged struct {
	EntityName string `json:"entity_name"`
	EntityID   string `json:"entity_id"`
	Tag        string `json:"tag"`
}

func compareTagged(x, y tagged) int {
	return cmp.Or(strings.Compare(x.Tag, y.Tag), strings.Compare(x.EntityName, y.EntityName),
		strings.Compare(x.EntityID, y.EntityID))
}

// offset is where a page ends. Neither part of it can hold a NUL.
func (t tagged) offset() string {
	return base64.RawURLEncoding.EncodeToString([]byte(t.Tag + "\x00" + t.EntityName + "\x00" + t.EntityID))
}

func parseTagOffset(text string) (tagged, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(data), "\x00")
	if err != nil || len(parts) != 3 {
		return tagged{}, &store.Error{
			Status: http.StatusBadRequest, Code: store.CodeInvalidOffset, Name: "invalid offset",
			Message: "'" + text + "' is not a valid offset: bad base64 encoding",
		}
	}
	return tagged{Tag: parts[0], EntityName: parts[1], EntityID: parts[2]}, nil
}

// listTags answers GET /tags and GET /tags/{tag}.
func (a *API) listTags(c *call) (reply, error) {
	opt, err := listOptions(c.r)
	if err != nil {
		return reply{}, err
	}
	path, only := "/tags", ""
	if len(c.args) == 1 {
		only = c.args[0]
		path += "/" + url.PathEscape(only)
	}
	all := collectTags(a.store.View().Entities(), only)
	if opt.Offset != "" {
		last, err := parseTagOffset(opt.Offset)
		if err != nil {
			return reply{}, err
		}
		from, exact := slices.BinarySearchFunc(all, last, compareTagged)
		if exact {
			from++
		}
		all = all[from:]
	}
	size := cmp.Or(opt.Size, defaultPage)
	if len(all) <= size {
		return ok(list{Data: all})
	}
	all = all[:size]
	return ok(page(c.r, all, all[size-1].offset(), path, "size"))
}

// collectTags lists the tags of all entities in order, or one tag's entities.
func collectTags(entities map[string]map[string]store.Object, only string) []tagged {
	all := []tagged{}
	for kind, byID := range entities {
		for id, object := range byID {
			tags, _ := object["tags"].([]any)
			for _, t := range tags {
				if text, isText := t.(string); isText && (only == "" || only == text) {
					all = append(all, tagged{EntityName: kind, EntityID: id, Tag: text})
				}
			}
		}
	}
	slices.SortFunc(all, compareTagged)
	return all
}
