package admin

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBodiesByContentType(t *testing.T) {
	t.Parallel()
	const service = `{"host":"upstream.test"}`
	for name, test := range map[string]struct {
		contentType, body string
		header            []string
		status            int
		message           string
	}{
		"JSON":                         {contentType: "application/json", body: service, status: 201},
		"JSON with a charset":          {contentType: "application/json; charset=utf-8", body: service, status: 201},
		"JSON in upper case":           {contentType: "Application/JSON", body: service, status: 201},
		"form":                         {contentType: "application/x-www-form-urlencoded", body: "host=upstream.test", status: 201},
		"form as HTTPie sends it":      {contentType: httpieForm, body: "host=upstream.test", status: 201},
		"plain text":                   {contentType: "text/plain", body: service, status: 415},
		"plain text, no body":          {contentType: "text/plain", status: 415},
		"YAML":                         {contentType: "application/yaml", body: "host: a", status: 415},
		"JSON patch":                   {contentType: "application/json-patch+json", body: "[]", status: 415},
		"a body without a type":        {body: service, status: 415},
		"no body, no type":             {status: 400, message: "schema violation (host: required field missing)"},
		"empty form":                   {contentType: httpieForm, status: 400, message: "schema violation (host: required field missing)"},
		"empty JSON":                   {contentType: jsonType, status: 400, message: "Cannot parse JSON body"},
		"broken JSON":                  {contentType: jsonType, body: `{"host":`, status: 400, message: "Cannot parse JSON body"},
		"JSON with a tail":             {contentType: jsonType, body: service + "x", status: 400, message: "Cannot parse JSON body"},
		"two JSON values":              {contentType: jsonType, body: service + service, status: 400, message: "Cannot parse JSON body"},
		"a JSON list":                  {contentType: jsonType, body: "[]", status: 400, message: "Cannot parse JSON body"},
		"JSON null":                    {contentType: jsonType, body: "null", status: 400, message: "Cannot parse JSON body"},
		"JSON that is not UTF-8":       {contentType: jsonType, body: "{\"host\":\"a\xff\"}", status: 400, message: "Cannot parse JSON body"},
		"two types":                    {contentType: jsonType, body: service, header: []string{"Content-Type", httpieForm}, status: 400, message: "more than one Content-Type header"},
		"compressed":                   {contentType: jsonType, body: service, header: []string{"Content-Encoding", "gzip"}, status: 415},
		"1000 arguments":               {contentType: httpieForm, body: "host=upstream.test" + strings.Repeat("&tags=a", 999), status: 201},
		"1001 arguments":               {contentType: httpieForm, body: "host=upstream.test" + strings.Repeat("&tags=a", 1000), status: 400, message: "Too many arguments"},
		"a key without a value":        {contentType: httpieForm, body: "host=upstream.test&name", status: 400, message: "Cannot parse form body: a key has no value; write key= to clear it"},
		"a broken escape":              {contentType: httpieForm, body: "host=%zz", status: 400, message: "Cannot parse form body: a value is badly encoded"},
		"a form that is not UTF-8":     {contentType: httpieForm, body: "host=%ff", status: 400, message: "Cannot parse form body: it is not UTF-8"},
		"a semicolon separates not":    {contentType: httpieForm, body: "host=upstream.test&name=a;b=c", status: 400},
		"multipart without a boundary": {contentType: "multipart/form-data", body: "--x--", status: 400, message: "Cannot parse form body: the boundary is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			before := n.state()
			a := n.ask("POST", "/services", test.contentType, test.body, test.header...)
			if a.status != test.status || (test.message != "" && a.message() != test.message) {
				t.Errorf("got %d %s, want %d %s", a.status, a.raw, test.status, test.message)
			}
			if changed := n.state() != before; changed != (test.status == 201) {
				t.Errorf("changed = %v with status %d", changed, a.status)
			}
		})
	}
}

// JSON is never converted, a form always is: the same text for a number.
func TestJSONIsNotCoerced(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a := n.ask("POST", "/services", jsonType, `{"host":"a.test","port":"80","enabled":"true","tags":"x"}`)
	want := "3 schema violations (enabled: expected a boolean; port: expected an integer; tags: expected a set)"
	if a.status != 400 || a.message() != want {
		t.Errorf("got %d %s, want 400 %s", a.status, a.raw, want)
	}
	a = n.must(201, "POST", "/services", httpieForm, "host=a.test&port=80&enabled=true&tags=x")
	if diff := cmp.Diff([]any{float64(80), true, []any{"x"}}, []any{a.in("port"), a.in("enabled"), a.in("tags")}); diff != "" {
		t.Error(diff)
	}
}

func TestFormValuesThatDoNotConvertStayTextAndAreRefused(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a := n.ask("POST", "/services", httpieForm, "host=a.test&port=eighty&enabled=yes")
	want := "2 schema violations (enabled: expected a boolean; port: expected an integer)"
	if a.status != 400 || a.message() != want {
		t.Errorf("got %d %s, want 400 %s", a.status, a.raw, want)
	}
}

func TestJSONDepth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `[[]]`: 2, `{"a":[{"b":1}]}`: 3, `"[[["`: 0, `{"\"[[":"]"}`: 1, `["\\",[1]]`: 2,
	} {
		if got := jsonDepth([]byte(text)); got != want {
			t.Errorf("depth of %s = %d, want %d", text, got, want)
		}
	}
}

func TestBodyOfUnknownLengthIsBoundedToo(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	before := n.state()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/services",
		&endless{text: `{"host":"a.test","name":"`, left: maxBody + 1})
	r.Host, r.ContentLength = "localhost", -1
	r.Header.Set("Content-Type", jsonType)
	if a := n.serve(r); a.status != 413 || n.state() != before {
		t.Errorf("got %d %s, want 413 and no change", a.status, a.raw)
	}
}

// endless gives text and then more than a body may hold.
type endless struct {
	text string
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text)
	e.text = e.text[n:]
	for n < len(p) && e.left > 0 {
		p[n] = 'a'
		n++
		e.left--
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestJSONDeeperThanTheBoundIsRefused(t *testing.T) {
	t.Parallel()
	for depth, want := range map[int]bool{maxDepth: true, maxDepth + 1: false} {
		_, err := parseJSON([]byte(strings.Repeat("[", depth) + strings.Repeat("]", depth)))
		if (err == nil) != want {
			t.Errorf("depth %d: err = %v", depth, err)
		}
	}
}

func TestAPartNeverReplacesAField(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	id := n.walkthrough()
	before := n.state()
	const part = "--x\r\nContent-Disposition: form-data; name=\"config.leeway\"\r\n"
	a := n.ask("PATCH", "/plugins/"+id, "multipart/form-data; boundary=x",
		part+"\r\n1\r\n"+part+"Content-Type: application/json\r\n\r\n2\r\n--x--\r\n")
	if a.status != 400 || n.state() != before {
		t.Errorf("got %d %s", a.status, a.raw)
	}
}

func TestIntegersAreWrittenAsSuch(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	a := n.must(201, "POST", "/routes", jsonType, `{"hosts":["a.test"],"regex_priority":9007199254740991}`)
	if !strings.Contains(a.raw, `"regex_priority":9007199254740991`) {
		t.Errorf("got %s", a.raw)
	}
	a = n.must(201, "POST", "/routes", jsonType, `{"hosts":["b.test"],"regex_priority":1.0}`)
	if !strings.Contains(a.raw, `"regex_priority":1,`) {
		t.Errorf("an integer is written as one: %s", a.raw)
	}
}
