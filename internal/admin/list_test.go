package admin

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (n *node) consumers(count int, tags string) {
	n.t.Helper()
	for i := range count {
		n.must(201, "POST", "/consumers", jsonType, fmt.Sprintf(`{"username":"c%02d","custom_id":"x%02d","tags":%s}`, i, i, tags))
	}
}

// ids follows next from the first page and returns what it saw.
func (n *node) ids(first string) (ids []string, pages int) {
	n.t.Helper()
	for next := first; ; pages++ {
		a := n.must(200, "GET", next, "", "")
		data, isList := a.body["data"].([]any)
		if !isList {
			n.t.Fatalf("data is no list: %s", a.raw)
		}
		for _, item := range data {
			object, _ := item.(map[string]any)
			id, _ := object["id"].(string)
			ids = append(ids, id)
		}
		following, more := a.body["next"].(string)
		if _, hasOffset := a.body["offset"]; hasOffset != more {
			n.t.Fatalf("offset and next disagree: %s", a.raw)
		}
		if !more {
			return ids, pages + 1
		}
		next = following
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.consumers(7, `["a"]`)
	ids, pages := n.ids("/consumers?size=3&tags=a")
	if len(ids) != 7 || pages != 3 || !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != 7 {
		t.Errorf("pages = %d, ids = %v", pages, ids)
	}
	a := n.get("/consumers?tags=a&size=3")
	offset, _ := a.body["offset"].(string)
	if want := "/consumers?offset=" + url.QueryEscape(offset) + "&tags=a&size=3"; a.body["next"] != want {
		t.Errorf("next = %v, want %s", a.body["next"], want)
	}
	if a := n.get("/services"); a.raw != `{"data":[],"next":null}` {
		t.Errorf("empty list = %s", a.raw)
	}
}

func TestNestedListPages(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.must(201, "POST", "/services", jsonType, `{"name":"ä-b","host":"a.test"}`)
	n.must(201, "POST", "/services", jsonType, `{"name":"other","host":"a.test"}`)
	path := "/services/" + url.PathEscape("ä-b") + "/routes"
	for i := range 3 {
		n.must(201, "POST", path, jsonType, fmt.Sprintf(`{"hosts":["h%d.test"]}`, i))
		n.must(201, "POST", "/services/other/routes", jsonType, fmt.Sprintf(`{"hosts":["o%d.test"]}`, i))
	}
	a := n.must(200, "GET", path+"?size=2", "", "")
	offset, _ := a.body["offset"].(string)
	if want := path + "?offset=" + url.QueryEscape(offset); a.body["next"] != want {
		t.Errorf("next = %v, want %s", a.body["next"], want)
	}
	if ids, _ := n.ids(path + "?size=2"); len(ids) != 3 {
		t.Errorf("ids = %v, want the 3 of this parent", ids)
	}
}

func TestListArguments(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.consumers(1, `["a","b"]`)
	for _, test := range []struct {
		query   string
		status  int
		code    float64
		message string
	}{
		{"size=1", 200, 0, ""},
		{"size=1000", 200, 0, ""},
		{"size=x", 400, 9, "size must be a number"},
		{"size=", 400, 9, "size must be a number"},
		{"size=NaN", 400, 9, "size must be a number"},
		{"size=0", 400, 9, "size must be an integer between 1 and 1000"},
		{"size=1001", 400, 9, "size must be an integer between 1 and 1000"},
		{"size=1.5", 400, 9, "size must be an integer between 1 and 1000"},
		{"size=1e300", 400, 9, "size must be an integer between 1 and 1000"},
		{"offset=%21", 400, 7, ""},
		{"offset=AAAA", 400, 7, ""},
		{"tags=", 400, 11, "invalid option (tags: cannot be null)"},
		{"tags=a,b/c", 400, 11, "invalid option (tags: invalid filter syntax)"},
		{"tags=a,,b", 400, 11, "invalid option (tags: invalid filter syntax)"},
		{"unknown=1", 200, 0, ""},
		{"a=%zz", 400, 0, "the query is badly encoded"},
	} {
		a := n.get("/consumers?" + test.query)
		if a.status != test.status || (test.message != "" && a.message() != test.message) {
			t.Errorf("%s: got %d %s", test.query, a.status, a.raw)
		}
		if code, _ := a.in("code").(float64); code != test.code {
			t.Errorf("%s: code = %v, want %v", test.query, code, test.code)
		}
		if _, hasOptions := a.body["options"]; hasOptions != (test.code == 11) {
			t.Errorf("%s: options: %s", test.query, a.raw)
		}
	}
}

func TestTagFilter(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for name, tags := range map[string]string{"one": `["a"]`, "two": `["b"]`, "both": `["a","b"]`, "none": `null`} {
		n.must(201, "POST", "/consumers", jsonType, `{"username":"`+name+`","tags":`+tags+`}`)
	}
	for query, want := range map[string][]string{
		"tags=a":      {"both", "one"},
		"tags=a%2Cb":  {"both"},
		"tags=a%2Fb":  {"both", "one", "two"},
		"tags=c":      nil,
		"tags=a,b,c":  nil,
		"tags=c/b":    {"both", "two"},
		"tags=a&x=1;": nil,
	} {
		a := n.get("/consumers?" + query)
		if query == "tags=a&x=1;" {
			if a.status != 400 {
				t.Errorf("a semicolon is not taken for a separator: %d", a.status)
			}
			continue
		}
		var got []string
		data, _ := a.body["data"].([]any)
		for _, item := range data {
			object, _ := item.(map[string]any)
			username, _ := object["username"].(string)
			got = append(got, username)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
}

func TestConsumersByCustomID(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.consumers(3, `null`)
	for query, want := range map[string]int{"custom_id=x01": 1, "custom_id=c01": 0, "custom_id=nobody": 0} {
		a := n.must(200, "GET", "/consumers?"+query, "", "")
		if data, _ := a.body["data"].([]any); len(data) != want || a.body["next"] != nil {
			t.Errorf("%s: %s", query, a.raw)
		}
	}
	if a := n.get("/consumers?custom_id="); a.status != 400 || a.message() != "custom_id must be an unempty string" {
		t.Errorf("empty: %d %s", a.status, a.raw)
	}
	n.must(404, "GET", "/consumers/x01", "", "")
}

func TestTags(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.consumers(5, `["p q","b"]`)
	service := n.must(201, "POST", "/services", jsonType, `{"host":"a.test","tags":["b"]}`).id()
	a := n.must(200, "GET", "/tags", "", "")
	if data, _ := a.body["data"].([]any); len(data) != 11 {
		t.Errorf("all tags: %s", a.raw)
	}
	seen := 0
	for next := "/tags/p%20q?size=2"; next != ""; {
		a := n.must(200, "GET", next, "", "")
		data, _ := a.body["data"].([]any)
		seen += len(data)
		next, _ = a.body["next"].(string)
	}
	if seen != 5 {
		t.Errorf("saw %d entities of the tag, want 5", seen)
	}
	a = n.must(200, "GET", "/tags/b", "", "")
	data, _ := a.body["data"].([]any)
	want := map[string]any{"entity_name": "services", "entity_id": service, "tag": "b"}
	if len(data) != 6 || !cmp.Equal(data[5], any(want)) {
		t.Errorf("entities of a tag: %s", a.raw)
	}
	if a := n.get("/tags/unknown"); a.raw != `{"data":[],"next":null}` {
		t.Errorf("unknown tag: %s", a.raw)
	}
	if a := n.get("/tags?offset=%21"); a.status != 400 || a.in("code") != 7.0 {
		t.Errorf("bad offset: %d %s", a.status, a.raw)
	}
}
