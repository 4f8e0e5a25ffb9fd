package server

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// member is the name of a member, as it stands before its value in either
// format.
type member struct{ json, text string }

func newMember(name string) member { return member{json: `,"` + name + `":`, text: " " + name + "="} }

var (
	memberID             = newMember("request_id")
	memberClient         = newMember("client")
	memberMethod         = newMember("method")
	memberScheme         = newMember("scheme")
	memberHost           = newMember("host")
	memberPath           = newMember("path")
	memberProtocol       = newMember("protocol")
	memberStatus         = newMember("status")
	memberBytesSent      = newMember("bytes_sent")
	memberDuration       = newMember("duration_ms")
	memberUpstreamTime   = newMember("upstream_ms")
	memberUpstreamStatus = newMember("upstream_status")
	memberUpstream       = newMember("upstream")
	memberRoute          = newMember("route_id")
	memberService        = newMember("service_id")
	memberConsumer       = newMember("consumer_id")
	memberFlow           = newMember("flow_id")
	memberUserAgent      = newMember("user_agent")
	memberCut            = newMember("cut")
	memberSample         = newMember("sample")
	memberError          = newMember("error")
)

// fields appends members of one record, as JSON or as text. The order is that
// of the calls.
type fields struct {
	b    []byte
	json bool
}

// appendFields appends a record with its line end. stamp is its time. It says
// nothing of the query, in which codes and tokens travel, and nothing of cookies
// and credentials.
func appendFields(b []byte, r *accessRecord, stamp *timestamp, json bool) []byte {
	f := fields{b: b, json: json}
	if json {
		f.b = stamp.append(append(f.b, `{"time":"`...), r.at)
		f.b = append(f.b, `","level":"INFO","msg":"request"`...)
	} else {
		f.b = stamp.append(append(f.b, "time="...), r.at)
		f.b = append(f.b, " level=INFO msg=request"...)
	}
	f.text(memberID, r.ID)
	f.client(r)
	f.text(memberMethod, r.HTTP.Method)
	f.text(memberScheme, r.Canonical.Scheme)
	f.text(memberHost, r.Canonical.Host)
	f.text(memberPath, path(r.Request))
	f.text(memberProtocol, r.HTTP.Proto)
	a := &r.Access
	f.number(memberStatus, int64(a.Status))
	f.number(memberBytesSent, a.BytesSent)
	f.milliseconds(memberDuration, r.took)
	if !a.UpstreamStart.IsZero() {
		f.milliseconds(memberUpstreamTime, a.UpstreamLatency)
		f.number(memberUpstreamStatus, int64(a.UpstreamStatus))
		f.text(memberUpstream, a.UpstreamAddr)
	}
	if r.Route != nil {
		f.text(memberRoute, r.Route.ID)
	}
	if r.Service != nil {
		f.text(memberService, r.Service.ID)
	}
	if r.Consumer != nil {
		f.text(memberConsumer, r.Consumer.ID)
	}
	if r.FlowID != "" {
		f.text(memberFlow, r.FlowID)
	}
	if agent := r.HTTP.Header["User-Agent"]; len(agent) > 0 && agent[0] != "" {
		f.text(memberUserAgent, agent[0])
	}
	if r.cut {
		f.key(memberCut)
		f.b = append(f.b, "true"...)
	}
	if r.sample > 0 {
		f.number(memberSample, int64(r.sample))
	}
	if a.Err != nil {
		f.text(memberError, a.Err.Error())
	}
	if json {
		f.b = append(f.b, '}')
	}
	return append(f.b, '\n')
}

// key appends the name of a member, which needs no escaping.
func (f *fields) key(m member) {
	if f.json {
		f.b = append(f.b, m.json...)
	} else {
		f.b = append(f.b, m.text...)
	}
}

func (f *fields) text(m member, value string) {
	f.key(m)
	switch {
	case f.json:
		f.b = appendJSON(f.b, value)
	case plain(value):
		f.b = append(f.b, value...)
	default:
		f.b = strconv.AppendQuote(f.b, value)
	}
}

// client appends the client's address, or that of the peer for a request that
// was refused before it was known.
func (f *fields) client(r *accessRecord) {
	a := r.Canonical.Client
	if !a.IsValid() || a.Zone() != "" {
		f.text(memberClient, client(r.Request))
		return
	}
	f.key(memberClient)
	if f.json {
		f.b = append(f.b, '"')
	}
	f.b = a.AppendTo(f.b) // digits, letters, dots and colons
	if f.json {
		f.b = append(f.b, '"')
	}
}

func (f *fields) number(m member, value int64) {
	f.key(m)
	f.b = strconv.AppendInt(f.b, value, 10)
}

// milliseconds appends d with three decimals at most.
func (f *fields) milliseconds(m member, d time.Duration) {
	f.key(m)
	us := max(d, 0).Microseconds()
	f.b = strconv.AppendInt(f.b, us/1000, 10)
	if rest := us % 1000; rest != 0 {
		f.b = append(f.b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
}

// timestamp writes times in the form of time.RFC3339Nano, cut to milliseconds.
// It keeps what does not change within a second. It is safe for concurrent use.
type timestamp struct{ last atomic.Pointer[second] }

// second is a time to the second: before its fraction and after it, and as the
// combined format has it.
type second struct {
	unix                    int64
	zone                    *time.Location
	before, after, combined string
}

func (s *timestamp) at(t time.Time) *second {
	k := s.last.Load()
	if unix := t.Unix(); k == nil || k.unix != unix || k.zone != t.Location() {
		text := t.Format(time.RFC3339)
		const length = len("2006-01-02T15:04:05")
		k = &second{
			unix: unix, zone: t.Location(), before: text[:length], after: text[length:],
			combined: t.Format("02/Jan/2006:15:04:05 -0700"),
		}
		s.last.Store(k)
	}
	return k
}

func (s *timestamp) append(b []byte, t time.Time) []byte {
	k := s.at(t)
	b = append(b, k.before...)
	if ms := t.Nanosecond() / 1e6; ms != 0 {
		b = append(b, '.', digits[ms/100], digits[ms/10%10], digits[ms%10])
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return append(b, k.after...)
}

// plain tells whether a text value can stand without quotes.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= utf8.RuneSelf-1 || c == '"' || c == '=' || c == '\\' {
			return false
		}
	}
	return s != ""
}

const digits = "0123456789"

const hexDigits = "0123456789abcdef"

// appendJSON appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD;
// the separators that end a line in JavaScript are escaped.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0 // what was appended of s
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[done:i]...)
			if c == '"' || c == '\\' {
				b = append(b, '\\', c)
			} else {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			}
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			b = append(b, s[done:i]...)
			b = append(b, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
			done = i + size
		}
		i += size
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// appendCombined appends a record in the combined format of Apache and nginx,
// without a query:
//
//	address - consumer [time] "method path protocol" status bytes "referer" "user agent"
func appendCombined(b []byte, r *accessRecord, stamp *timestamp) []byte {
	if a := r.Canonical.Client; a.IsValid() && a.Zone() == "" {
		b = a.AppendTo(b)
	} else {
		b = appendEscaped(b, client(r.Request))
	}
	b = append(b, " - "...)
	user := ""
	if r.Consumer != nil {
		user = r.Consumer.Username
	}
	b = appendEscaped(b, user)
	b = append(b, " ["...)
	b = append(b, stamp.at(r.at).combined...)
	b = append(b, `] "`...)
	b = appendEscaped(b, r.HTTP.Method)
	b = append(b, ' ')
	b = appendEscaped(b, path(r.Request))
	b = append(b, ' ')
	b = appendEscaped(b, r.HTTP.Proto)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(r.Access.Status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, r.Access.BytesSent, 10)
	b = append(b, ` "`...)
	b = appendQuoted(b, referer(first(r.HTTP.Header["Referer"])))
	b = append(b, `" "`...)
	b = appendQuoted(b, first(r.HTTP.Header["User-Agent"]))
	return append(b, '"', '\n')
}

// first is the first value of a header, empty without one.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// referer leaves out of a URL what may be a secret: user information, the
// query and the fragment.
func referer(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	if strings.Contains(s, "@") {
		return ""
	}
	return s
}

// appendEscaped appends a field that ends at the next space.
func appendEscaped(b []byte, s string) []byte { return appendHexed(b, s, ' ') }

// appendQuoted appends a field that stands between quotes.
func appendQuoted(b []byte, s string) []byte { return appendHexed(b, s, 0x1f) }

// appendHexed writes bytes up to last, quotes, backslashes and what is not
// ASCII as \xHH, as nginx does; an empty value as a dash.
func appendHexed(b []byte, s string, last byte) []byte {
	if s == "" {
		return append(b, '-')
	}
	for i := range len(s) {
		c := s[i]
		if c <= last || c == '"' || c == '\\' || c >= 0x7f {
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&0xf])
			continue
		}
		b = append(b, c)
	}
	return b
}
