package plugin

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/httperror"
)

const urlencoded = "application/x-www-form-urlencoded"

func formRequest(contentType, body string) *Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return &Request{HTTP: r}
}

func TestPeekForm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, contentType, body string
		change                  func(r *http.Request)
		want                    Form
		ok                      bool
	}{
		{
			name: "fields in order, duplicates visible", contentType: urlencoded,
			body: "state=a&code=b&state=c", want: Form{{"state", "a"}, {"code", "b"}, {"state", "c"}}, ok: true,
		},
		{
			name: "a charset parameter and another case of the type do not matter", contentType: "Application/X-WWW-Form-Urlencoded; charset=utf-8",
			body: "a=1", want: Form{{"a", "1"}}, ok: true,
		},
		{
			name: "escapes, plus, empty names and values", contentType: urlencoded,
			body: "a%20b=%26+%3d&=x&y&&z=", want: Form{{"a b", "& ="}, {"", "x"}, {"y", ""}, {"z", ""}}, ok: true,
		},
		{
			name: "a semicolon is data", contentType: urlencoded,
			body: "a=1;b=2", want: Form{{"a", "1;b=2"}}, ok: true,
		},
		{name: "an empty body is an empty form", contentType: urlencoded, body: "", ok: true},
		{name: "a broken escape", contentType: urlencoded, body: "a=%zz"},
		{name: "a broken escape in a name", contentType: urlencoded, body: "a=1&%=1"},
		{name: "another type", contentType: "application/json", body: "a=1"},
		{name: "a multipart form", contentType: "multipart/form-data; boundary=x", body: "a=1"},
		{name: "no type", body: "a=1"},
		{
			name: "two types", contentType: urlencoded, body: "a=1",
			change: func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") },
		},
		{
			name: "an encoded body", contentType: urlencoded, body: "a=1",
			change: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
		},
		{
			name: "a length that is not told", contentType: urlencoded, body: "a=1",
			change: func(r *http.Request) { r.ContentLength = -1 },
		},
		{
			name: "the longest body", contentType: urlencoded, body: "a=" + strings.Repeat("x", MaxForm-2),
			want: Form{{"a", strings.Repeat("x", MaxForm-2)}}, ok: true,
		},
		{name: "one byte more", contentType: urlencoded, body: "a=" + strings.Repeat("x", MaxForm-1)},
		{name: "too many fields", contentType: urlencoded, body: strings.Repeat("a&", MaxFormPairs+1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q := formRequest(tc.contentType, tc.body)
			if tc.change != nil {
				tc.change(q.HTTP)
			}
			form, ok, err := q.PeekForm()
			if err != nil {
				t.Fatal(err)
			}
			if ok != tc.ok {
				t.Errorf("ok = %v, want %v", ok, tc.ok)
			}
			if diff := cmp.Diff(tc.want, form); diff != "" {
				t.Error(diff)
			}
			again, okAgain, err := q.PeekForm()
			if okAgain != ok || err != nil || !cmp.Equal(form, again) {
				t.Error("the second call differs from the first")
			}
			rest, err := io.ReadAll(q.HTTP.Body)
			if err != nil || string(rest) != tc.body {
				t.Errorf("the upstream would get %d bytes, %v; want %d", len(rest), err, len(tc.body))
			}
		})
	}
}

func TestPeekFormBodyCanBeSentAgain(t *testing.T) {
	t.Parallel()
	q := formRequest(urlencoded, "a=1&b=2")
	if _, _, err := q.PeekForm(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := io.ReadAll(q.HTTP.Body.(rewinder).Rewind())
		if err != nil || string(b) != "a=1&b=2" {
			t.Errorf("got %q, %v", b, err)
		}
	}
}

func TestPeekFormOfABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	q := formRequest(urlencoded, "a=1")
	q.HTTP.ContentLength = 10
	_, ok, err := q.PeekForm()
	var e *httperror.Error
	if ok || !errors.As(err, &e) || e.Status != http.StatusBadRequest {
		t.Errorf("got ok %v, %v; want an error of status 400", ok, err)
	}
	if b, err := io.ReadAll(q.HTTP.Body); err == nil {
		t.Errorf("the upstream would get %q as if it were complete", b)
	}
}

func TestPeekFormOfABodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	q := formRequest(urlencoded, "a=1")
	q.HTTP.Body = io.NopCloser(iotest.ErrReader(os.ErrDeadlineExceeded))
	_, _, err := q.PeekForm()
	var e *httperror.Error
	if !errors.As(err, &e) || e.Status != http.StatusRequestTimeout {
		t.Errorf("got %v, want an error of status 408", err)
	}
}

func TestFormValues(t *testing.T) {
	t.Parallel()
	form := Form{{"a", "1"}, {"b", "2"}, {"a", "3"}}
	if diff := cmp.Diff([]string{"1", "3"}, form.Values("a")); diff != "" {
		t.Error(diff)
	}
	if v, ok := form.Get("a"); v != "1" || !ok {
		t.Errorf("Get gives %q, %v", v, ok)
	}
	if _, ok := form.Get("c"); ok || form.Values("c") != nil {
		t.Error("an absent field is present")
	}
}

func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2&a=3", "state=%41%zz", "&&=&=;", "a=+%2b", strings.Repeat("a&", 300), "\x00=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		form, ok := parseForm(s)
		if !ok && form != nil {
			t.Error("a refused form has fields")
		}
		if len(form) > MaxFormPairs {
			t.Errorf("%d fields", len(form))
		}
		size := 0
		for _, p := range form {
			size += len(p.Name) + len(p.Value)
		}
		if size > len(s) {
			t.Errorf("%d bytes decoded from %d", size, len(s))
		}
	})
}
