package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"sallyport/internal/httperror"
)

// dialError is a failure to get a connection: nothing was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// clientError is a failure to write to the user agent.
type clientError struct{ err error }

func (e *clientError) Error() string { return "user agent: " + e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// errMalformed is the cause of a response that is none. It stands for whatever
// http.Transport finds wrong with one, as its own text quotes the upstream.
var errMalformed = errors.New("malformed response")

// nonsense tells why a response cannot be passed on; it quotes nothing of it.
func nonsense(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// failure turns the error of an attempt into what the gateway answers. cause is
// with what the attempt was ended, nil when it ended by itself. What ended the
// attempt first counts: everything else may follow from it.
func (e *exchange) failure(cause, err error) *httperror.Error {
	if _, ok := errors.AsType[*clientError](err); ok {
		return httperror.ClientGone(err)
	}
	// The server ends the request's context with any error of the connection,
	// also a timeout of ours.
	gone := e.r.Context().Err() != nil
	ended := context.Cause(e.ctx)                     // may be nil yet: a derived context learns in a goroutine of its own
	_, told := errors.AsType[*httperror.Error](ended) // who ended it says what to answer, whatever that wraps
	left := gone && !told && (ended == nil || errors.Is(ended, context.Canceled))
	bodyErr := e.source.failure()
	if bodyErr != nil && (!gone || errors.Is(bodyErr, os.ErrDeadlineExceeded)) {
		return bodyFailure(bodyErr)
	}
	switch {
	case errors.Is(cause, errReadTimeout), errors.Is(cause, errWriteTimeout):
		return gatewayError(http.StatusGatewayTimeout, cause)
	case left && bodyErr != nil:
		return httperror.ClientGone(context.Canceled)
	case errors.Is(cause, errLost):
		return gatewayError(http.StatusBadGateway, cause)
	case left && ended != nil:
		return httperror.ClientGone(context.Canceled)
	case ended != nil:
		return httperror.From(ended)
	}
	return upstreamFailure(err)
}

// upstreamFailure is what the upstream, or the way to it, is to blame for.
func upstreamFailure(err error) *httperror.Error {
	if _, ok := errors.AsType[*dialError](err); !ok {
		switch {
		case errors.Is(err, errMalformed):
			return gatewayError(http.StatusBadGateway, err)
		case lost(err):
			return gatewayError(http.StatusBadGateway, errLost)
		}
		return gatewayError(http.StatusBadGateway, errMalformed)
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

// lost reports whether an error is that the upstream ended the connection.
func lost(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok || errors.Is(err, errLost) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed)
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
	if errors.Is(err, os.ErrDeadlineExceeded) {
		status = http.StatusRequestTimeout
	}
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
	return how.connected && idempotent(e.method()) // else the request itself cannot be sent
}

// idempotent reports whether doing it twice is like doing it once.
func idempotent(method string) bool {
	return method != http.MethodPost && method != http.MethodPatch && method != "LOCK"
}

// reach tells how far an attempt got: to a connection, on which something may
// have been sent, and to an informational response that the user agent got.
type reach struct{ connected, informed bool }
