package httperror

import (
	"errors"
	"net/http"
)

// Shape is the form of the body that programs get.
type Shape int

const (
	// Gateway is the body of errors that the gateway itself makes: JSON, HTML,
	// XML or plain text by Accept, with message and request_id.
	Gateway Shape = iota
	// Plugin is the body of a plugin's refusal: {"message":"…"}, with flow_id
	// where there is a flow, or a page for a person.
	Plugin
)

// Error is an error with an HTTP meaning.
type Error struct {
	// Status is the response status, 400 to 599 (a redirect's status is chosen
	// when it is rendered).
	Status int
	// Message is for the user agent: no secret, no internal detail.
	Message string
	// Err is the cause, for the log only. May be nil.
	Err error
	// Header holds additional response headers, for example Retry-After.
	Header http.Header
	// RedirectTo, when set, is the absolute URL the user agent is sent to in
	// place of a body.
	RedirectTo string
	// Shape selects the body for programs.
	Shape Shape
	// FlowID identifies the login or logout the error belongs to; empty if none.
	FlowID string
	// Page is what a person sees; nil gives a page of the message alone.
	Page *Page
}

// Page is the explanation that a person sees in a browser. All texts are
// escaped when they are rendered.
type Page struct {
	Title      string
	Paragraphs []string
	// Links are offered below the text, in order.
	Links []Link
	// RefreshTo, when set, is where the browser goes by itself after
	// RefreshAfter seconds.
	RefreshTo    string
	RefreshAfter int
}

// Link is a link on a Page. URL must be an absolute URL that passed the
// redirect checks, or a path of the gateway.
type Link struct{ Text, URL string }

// New returns a gateway error.
func New(status int, message string) *Error { return &Error{Status: status, Message: message} }

// Wrap returns a gateway error with a cause for the log.
func Wrap(status int, message string, err error) *Error {
	return &Error{Status: status, Message: message, Err: err}
}

// StatusClientGone is recorded when the user agent left before there was an
// answer; nobody reads it.
const StatusClientGone = 499

// ClientGone is the error of a request whose user agent left.
func ClientGone(err error) *Error { return Wrap(StatusClientGone, "Client closed request", err) }

// Error implements error: the message, then the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// From returns err's *Error, or a 500 with Kong's fixed text that wraps it.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(http.StatusInternalServerError, StatusMessage(http.StatusInternalServerError), err)
}

// messages are Kong's texts of statuses that the gateway itself answers.
var messages = map[int]string{
	400: "Bad request", 404: "Not found", 405: "Method not allowed", 408: "Request timeout",
	411: "Length required", 412: "Precondition failed", 413: "Payload too large",
	414: "URI too long", 417: "Expectation failed", 431: "Request header or cookie too large",
	500: "An unexpected error occurred", 502: "An invalid response was received from the upstream server",
	503: "The upstream server is currently unavailable", 504: "The upstream server is timing out",
}

// StatusMessage is Kong's text for a status that the gateway itself answers.
func StatusMessage(status int) string {
	if m, ok := messages[status]; ok {
		return m
	}
	return "The upstream server responded with " + http.StatusText(status)
}
