package admin

import (
	"context"
	"errors"
	"net/http"

	"sallyport/internal/httperror"
	"sallyport/internal/schema"
	"sallyport/internal/store"
)

// refusal is an error that the Admin API answers with a message alone. Those
// with Kong's code, name and fields are *store.Error.
type refusal struct {
	status int
	text   string
	header http.Header
}

func (e *refusal) Error() string { return e.text }

func failure(status int, text string) *refusal { return &refusal{status: status, text: text} }

func notFound() *refusal { return failure(http.StatusNotFound, "Not found") }

func invalidOption(option, reason string) *store.Error {
	return &store.Error{
		Status: http.StatusBadRequest, Code: store.CodeInvalidOptions, Name: "invalid options",
		Message: "invalid option (" + option + ": " + reason + ")",
		Fields:  schema.Errors{option: reason},
	}
}

func unsupported(text string) *store.Error {
	return &store.Error{
		Status: http.StatusMethodNotAllowed, Code: store.CodeUnsupported,
		Name: "operation unsupported", Message: text,
	}
}

// errorReply gives every error its answer. What is not known to be meant for
// the client becomes a 500 of a fixed text, and known is false: it has to be
// logged.
func errorReply(err error) (rep reply, known bool) {
	if e, ok := errors.AsType[*store.Error](err); ok {
		return reply{status: e.Status, body: e.Body()}, true
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return reply{status: r.status, body: message{r.text}, header: r.header}, true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return reply{status: http.StatusServiceUnavailable, body: message{"the request ended before its change was made"}}, true
	}
	status := http.StatusInternalServerError
	return reply{status: status, body: message{httperror.StatusMessage(status)}}, false
}
