package session

import (
	"errors"
	"time"
)

// ErrNone is what every *NoSession is: there is no session for this request.
var ErrNone = errors.New("session: none")

// Reason says why there is no session. It is for logs, never for users.
type Reason string

// The reasons.
const (
	ReasonNoCookie  Reason = "no cookie"
	ReasonForged    Reason = "cookie does not verify"
	ReasonAmbiguous Reason = "several cookies verify"
	ReasonUnbound   Reason = "not bound to the request as demanded"
	ReasonIdle      Reason = "idling timeout"
	ReasonRolling   Reason = "rolling timeout"
	ReasonAbsolute  Reason = "absolute timeout"
	ReasonAbsent    Reason = "record absent"
	ReasonSealed    Reason = "record does not open"
	ReasonAudience  Reason = "nothing for this audience"
	ReasonRealm     Reason = "of another realm"
)

// NoSession is the error for a request without a session for this plugin. It
// matches ErrNone.
type NoSession struct {
	Reason Reason
	// Cookies are Set-Cookie lines that the answer must carry.
	Cookies []string
}

// Error implements error.
func (n *NoSession) Error() string { return "session: none: " + string(n.Reason) }

// Is makes every NoSession an ErrNone.
func (n *NoSession) Is(target error) bool { return target == ErrNone }

func none(r Reason) error {
	if r == ReasonNoCookie {
		return noCookie
	}
	return &NoSession{Reason: r}
}

// noCookie is what most requests without a session get. Nobody changes it.
var noCookie = &NoSession{Reason: ReasonNoCookie}

// Session is a session as one audience sees it. It is immutable and safe for
// concurrent use; a change gives a new one. What it holds of the record may be
// shared with other requests.
type Session struct {
	opened
	audience string
	entry    *Entry // of the view
}

// opened is a verified cookie and the record behind it.
type opened struct {
	head   head
	key    string
	stored uint64 // version in the store, or of the cookie
	record *record
	// view is the record as somebody has read it, or nil.
	view *view
	// resend: the user agent does not hold this session's cookie yet.
	resend bool
	// repeated: it sent this session's cookie in several variants, or a dead
	// one beside it.
	repeated bool
}

// view is a record as one manager reads it: read once, and shared by all
// requests that the record serves. Nobody changes it.
type view struct {
	by *Manager
	of *record
	// entry is that of the manager's audience, derived what Options.Derive made
	// of it.
	entry   Entry
	derived any
	// size is about how many bytes derived takes.
	size int
}

// Entry is what the session holds. Its Claims are shared: they must not be
// written to. (Appending copies them.)
func (s *Session) Entry() Entry { return *s.entry }

// Derived is what Options.Derive made of the entry, or nil. It is shared by all
// requests that the record serves.
func (s *Session) Derived() any { return s.view.derived }

// Audience is whose entry it is.
func (s *Session) Audience() string { return s.audience }

// ID is the session id, 43 characters. It cannot be used as a cookie, but it
// opens the sealed record to whoever has the secret: treat it as confidential.
func (s *Session) ID() string { return encoding.EncodeToString(s.head.id[:]) }

// Family names the session across its renewals. It is not confidential.
func (s *Session) Family() string { return encoding.EncodeToString(s.record.family[:]) }

// Created is when the login was that the session began with, to the second.
func (s *Session) Created() time.Time { return unix(s.entry.created) }

// Saved is when its id was made, which is when the rolling timeout began.
func (s *Session) Saved() time.Time { return unix(s.head.savedAt()) }

// Touched is when its cookie was last sent, which is when the idling timeout
// began.
func (s *Session) Touched() time.Time { return unix(s.head.touchedAt()) }

// RefreshStarted is when a refresh began that has not written its result, or
// zero. Seen inside a redeem function it means that another holder of the
// lease stopped between asking the provider and storing the answer.
func (s *Session) RefreshStarted() time.Time {
	if s.record.refreshStarted == 0 {
		return time.Time{}
	}
	return unix(s.record.refreshStarted)
}
