package admin

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport/internal/store"
)

// Sizes of a page, in members.
const (
	defaultPage = 100
	maxPage     = 1000
)

// list is a page of a collection. Offset is absent on the last page; Next is
// then null.
type list struct {
	Data   any     `json:"data"`
	Offset string  `json:"offset,omitempty"`
	Next   *string `json:"next"`
}

// listOptions reads size, offset and tags.
func listOptions(r *http.Request) (store.ListOptions, error) {
	args, err := query(r)
	if err != nil {
		return store.ListOptions{}, err
	}
	opt := store.ListOptions{Offset: args.Get("offset")}
	if size, given := args["size"]; given {
		if opt.Size, err = pageSize(size[0]); err != nil {
			return store.ListOptions{}, err
		}
	}
	if tags, given := args["tags"]; given {
		if opt.Tags, opt.AnyTag, err = tagFilter(tags[0]); err != nil {
			return store.ListOptions{}, err
		}
	}
	return opt, nil
}

func pageSize(text string) (int, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return 0, store.InvalidSize("size must be a number")
	}
	if number != math.Trunc(number) || number < 1 || number > maxPage {
		return 0, store.InvalidSize("size must be an integer between 1 and " + strconv.Itoa(maxPage))
	}
	return int(number), nil
}

// tagFilter reads "a,b" (all of them) and "a/b" (any of them).
func tagFilter(text string) (tags []string, anyTag bool, err error) {
	if text == "" {
		return nil, false, invalidOption("tags", "cannot be null")
	}
	separator := ","
	if strings.Contains(text, "/") {
		separator, anyTag = "/", true
	}
	tags = strings.Split(text, separator)
	for _, t := range tags {
		if t == "" || strings.ContainsAny(t, ",/") {
			return nil, false, invalidOption("tags", "invalid filter syntax")
		}
	}
	return tags, anyTag, nil
}

// page makes the answer of a list. next starts with path and repeats the
// named arguments of the request.
func page(r *http.Request, data any, offset, path string, repeat ...string) list {
	l := list{Data: data, Offset: offset}
	if offset == "" {
		return l
	}
	next := path + "?offset=" + url.QueryEscape(offset)
	args := r.URL.Query()
	for _, name := range repeat {
		if args.Has(name) {
			next += "&" + name + "=" + url.QueryEscape(args.Get(name))
		}
	}
	l.Next = &next
	return l
}
