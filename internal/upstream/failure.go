package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"sallyport/internal/httperror"
)

// StatusClientGone is recorded when the user agent left before there was an
// answer; nobody reads it.
const StatusClientGone = 499

// dialError is a failure to get a connection: nothing was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// clientError is a failure to write to the user agent.
type clientError struct{ err error }

func (e *clientError) Error() string { return "user agent: " + e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// errNonsense is the cause of a response that is none.
var errNonsense = errors.New("invalid response")

// nonsense tells why a response head cannot be passed on.
func nonsense(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNonsense, fmt.Sprintf(format, args...))
}

// failure turns the error of an attempt into what the gateway answers. cause is
// with what the attempt was ended, nil when it ended by itself.
func (e *exchange) failure(cause, err error) *httperror.Error {
	if _, ok := errors.AsType[*clientError](err); ok || e.r.Context().Err() != nil {
		return httperror.Wrap(StatusClientGone, "Client closed request", err)
	}
	if e.ctx.Err() != nil {
		return httperror.From(context.Cause(e.ctx))
	}
	if bodyErr := e.source.failure(); bodyErr != nil {
		return bodyFailure(bodyErr)
	}
	if errors.Is(cause, errReadTimeout) || errors.Is(cause, errWriteTimeout) {
		return gatewayError(http.StatusGatewayTimeout, cause)
	}
	if _, ok := errors.AsType[*dialError](err); !ok {
		return gatewayError(http.StatusBadGateway, err)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return httperror.Wrap(http.StatusServiceUnavailable, "name resolution failed", err)
	}
	timeout, ok := errors.AsType[net.Error](err)
	if ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return gatewayError(http.StatusGatewayTimeout, err)
	}
	return gatewayError(http.StatusBadGateway, err)
}

// cut ends an exchange whose response head is out: the missing end tells the
// user agent that the answer is not complete.
func (e *exchange) cut(cause, err error) {
	if e.Recorder != nil {
		e.Recorder.RecordCut(e.failure(cause, err))
	}
	panic(http.ErrAbortHandler)
}

// bodyFailure is for a request body that could not be read to its end.
func bodyFailure(err error) *httperror.Error {
	status := http.StatusBadRequest
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status = http.StatusRequestEntityTooLarge
	}
	return gatewayError(status, err)
}

func gatewayError(status int, err error) *httperror.Error {
	return httperror.Wrap(status, httperror.StatusMessage(status), err)
}

// repeatable reports whether another attempt may follow the failed one: nothing
// reached the user agent, nobody wants the exchange ended, and sending the
// request again cannot do a thing twice.
func (e *exchange) repeatable(how reach, err error) bool {
	if how.informed || e.ctx.Err() != nil || e.source.failure() != nil || !e.source.replayable() {
		return false
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		_, unknown := errors.AsType[*net.DNSError](err)
		return !unknown
	}
	return how.connected && e.idempotent() // else the request itself cannot be sent
}

// idempotent reports whether a request that was sent may be sent again.
func (e *exchange) idempotent() bool {
	switch e.method() {
	case http.MethodPost, http.MethodPatch, "LOCK":
		return false
	}
	return true
}

// reach tells how far an attempt got: to a connection, on which something may
// have been sent, and to an informational response that the user agent got.
type reach struct{ connected, informed bool }
