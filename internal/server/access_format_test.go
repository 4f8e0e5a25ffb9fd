package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// ended is a request with everything that a record can tell.
func ended() *accessRecord {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	q := &plugin.Request{
		HTTP: &http.Request{
			Method: "GET", Proto: "HTTP/1.1", RequestURI: "/a%20b?code=planted-secret", RemoteAddr: "192.0.2.9:1",
			Header: http.Header{
				"User-Agent": {"agent/1 \"quoted\""}, "Referer": {"https://app.test/from?token=planted-secret#planted-secret"},
				"Cookie": {"session=planted-secret"}, "Authorization": {"Bearer planted-secret"},
			},
		},
		Canonical: message.Request{
			Scheme: "https", Host: "a.test", RawPath: "/a%20b", RawQuery: "code=planted-secret", Client: netip.MustParseAddr("2001:db8::1"),
		},
		ID: "0123456789abcdef0123456789abcdef", Start: start, FlowID: "f1",
		Route: &entity.Route{ID: "r1"}, Service: &entity.Service{ID: "s1"}, Identity: plugin.Identity{Consumer: &entity.Consumer{ID: "c1", Username: "ada l"}},
	}
	q.RecordUpstream(start, 1500*time.Microsecond, 502, "192.0.2.1:80")
	q.Access.Status, q.Access.BytesSent, q.Access.Err = 502, 12, errors.New("line\nbreak")
	return &accessRecord{Request: q, at: start.Add(2 * time.Second), took: 2*time.Second + 30*time.Microsecond, cut: true, sample: 10}
}

func TestAccessFormats(t *testing.T) {
	t.Parallel()
	bare := &accessRecord{Request: &plugin.Request{HTTP: &http.Request{
		Method: "CON\"NECT", Proto: "HTTP/1.0", RequestURI: "user:planted-secret@x:1", RemoteAddr: "pipe", Header: http.Header{},
	}}, at: time.Unix(0, 0).UTC()}
	for name, tc := range map[string]struct {
		format AccessFormat
		record *accessRecord
		want   string
	}{
		"json": {AccessJSON, ended(), `{"time":"2026-03-01T12:00:02+01:00","level":"INFO","msg":"request",` +
			`"request_id":"0123456789abcdef0123456789abcdef","client":"2001:db8::1","method":"GET","scheme":"https","host":"a.test",` +
			`"path":"/a%20b","protocol":"HTTP/1.1","status":502,"bytes_sent":12,"duration_ms":2000.030,"upstream_ms":1.500,` +
			`"upstream_status":502,"upstream":"192.0.2.1:80","route_id":"r1","service_id":"s1","consumer_id":"c1","flow_id":"f1",` +
			`"user_agent":"agent/1 \"quoted\"","cut":true,"sample":10,"error":"line\u000abreak"}` + "\n"},
		"text": {AccessText, ended(), `time=2026-03-01T12:00:02+01:00 level=INFO msg=request ` +
			`request_id=0123456789abcdef0123456789abcdef client=2001:db8::1 method=GET scheme=https host=a.test ` +
			`path=/a%20b protocol=HTTP/1.1 status=502 bytes_sent=12 duration_ms=2000.030 upstream_ms=1.500 ` +
			`upstream_status=502 upstream=192.0.2.1:80 route_id=r1 service_id=s1 consumer_id=c1 flow_id=f1 ` +
			`user_agent="agent/1 \"quoted\"" cut=true sample=10 error="line\nbreak"` + "\n"},
		"combined": {AccessCombined, ended(), `2001:db8::1 - ada\x20l [01/Mar/2026:12:00:02 +0100] "GET /a%20b HTTP/1.1" 502 12 ` +
			`"https://app.test/from" "agent/1 \x22quoted\x22"` + "\n"},
		"json of a refused request": {AccessJSON, bare, `{"time":"1970-01-01T00:00:00Z","level":"INFO","msg":"request","request_id":"",` +
			`"client":"pipe","method":"CON\"NECT","scheme":"","host":"","path":"","protocol":"HTTP/1.0","status":0,"bytes_sent":0,"duration_ms":0}` + "\n"},
		"text of a refused request": {AccessText, bare, `time=1970-01-01T00:00:00Z level=INFO msg=request request_id="" client=pipe ` +
			`method="CON\"NECT" scheme="" host="" path="" protocol=HTTP/1.0 status=0 bytes_sent=0 duration_ms=0` + "\n"},
		"combined of a refused request": {AccessCombined, bare, `pipe - - [01/Jan/1970:00:00:00 +0000] "CON\x22NECT - HTTP/1.0" 0 0 "-" "-"` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newAccessLog(t, AccessOptions{Writer: new(logBuffer), Format: tc.format})
			got := string(l.format(nil, tc.record))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(got, "planted") {
				t.Errorf("a secret in %s", got)
			}
		})
	}
}

func TestRefererIsWithoutSecrets(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                             "",
		"https://a.test/x":             "https://a.test/x",
		"https://a.test/x?y=z":         "https://a.test/x",
		"https://a.test/x#y":           "https://a.test/x",
		"https://a.test#y?z":           "https://a.test",
		"https://user:pass@a.test/":    "",
		"https://a.test/?next=u:p@b.c": "https://a.test/",
	} {
		if got := referer(in); got != want {
			t.Errorf("referer(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAccessFormatIsChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]AccessOptions{
		"unknown format":  {Writer: new(logBuffer), Format: "xml"},
		"no writer":       {},
		"negative sample": {Writer: new(logBuffer), Sample: -1},
	} {
		if _, err := NewAccessLog(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// FuzzAccessRecord: whatever a client sends, a record is one line; as JSON it
// is read back as it was, and in the combined format it stays in its field.
func FuzzAccessRecord(f *testing.F) {
	for _, seed := range []string{"", "plain", "a b\"c\\d", "\n\r\x00\x7f", "ü\u2028\u2029", "\xff\xc3", `" 200 0 "-`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := ended()
		r.Canonical.RawPath, r.HTTP.Method = s, s
		r.HTTP.Header["User-Agent"] = []string{s}
		line := appendFields(nil, r, new(timestamp), true)
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := validUTF8(s)
		if record["method"] != want || s != "" && record["user_agent"] != want {
			t.Errorf("%q came back as %q", s, record["method"])
		}
		for _, line := range []string{string(line), string(appendFields(nil, r, new(timestamp), false)), string(appendCombined(nil, r, new(timestamp)))} {
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || strings.Contains(line, "\r") || !utf8.ValidString(line) {
				t.Errorf("no single line: %q", line)
			}
		}
		if combined := string(appendCombined(nil, r, new(timestamp))); strings.Count(combined, `"`) != 6 {
			t.Errorf("a quote escapes its field: %s", combined)
		}
	})
}

// validUTF8 replaces every byte that is no UTF-8 by one U+FFFD.
func validUTF8(s string) string { return string([]rune(s)) }

func TestTimestampsAreRFC3339WithMilliseconds(t *testing.T) {
	t.Parallel()
	var stamp timestamp
	base := time.Date(2029, 12, 31, 23, 59, 58, 0, time.UTC)
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -5400), time.FixedZone("x", 3600)} {
		for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, 999_999_999, time.Second, 1900 * time.Millisecond, 0} {
			at := base.Add(after).In(zone)
			want := at.Truncate(time.Millisecond).Format(time.RFC3339Nano)
			if got := string(stamp.append(nil, at)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}
