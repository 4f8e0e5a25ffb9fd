package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

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

// errMalformed stands for whatever the transport finds wrong with an answer:
// its own text quotes the upstream.
var errMalformed = errors.New("malformed response")

// failure turns the error of an attempt into what the gateway answers. What
// ended the attempt first counts: everything else may follow from it.
func (e *exchange) failure(a *attempt, err error) *httperror.Error {
	if _, ok := errors.AsType[*clientError](err); ok {
		return httperror.Wrap(StatusClientGone, "Client closed request", err)
	}
	// The server ends the request's context with any error of the connection,
	// also a timeout of ours.
	gone := e.r.Context().Err() != nil
	if bodyErr := e.source.failure(); bodyErr != nil && (!gone || errors.Is(bodyErr, os.ErrDeadlineExceeded)) {
		return bodyFailure(bodyErr)
	}
	switch cause := context.Cause(a.ctx); {
	case errors.Is(cause, errReadTimeout), errors.Is(cause, errWriteTimeout):
		return gatewayError(http.StatusGatewayTimeout, cause)
	case errors.Is(cause, errLost):
		return gatewayError(http.StatusBadGateway, cause)
	case gone && errors.Is(context.Cause(e.ctx), context.Cause(e.r.Context())):
		return httperror.Wrap(StatusClientGone, "Client closed request", context.Canceled)
	case e.ctx.Err() != nil:
		return httperror.From(context.Cause(e.ctx))
	}
	return e.upstreamFailure(a, err)
}

// upstreamFailure is what the upstream, or the way to it, is to blame for.
func (e *exchange) upstreamFailure(a *attempt, err error) *httperror.Error {
	if _, ok := errors.AsType[*dialError](err); !ok {
		switch {
		case errors.Is(err, errNonsense):
			return gatewayError(http.StatusBadGateway, err)
		case a.broken():
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

// cut ends an exchange whose response head is out: the missing end tells the
// user agent that the answer is not complete.
func (e *exchange) cut(a *attempt, err error) {
	if e.Recorder != nil {
		e.Recorder.RecordCut(e.failure(a, err))
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
func (e *exchange) repeatable(a *attempt, err error) bool {
	a.mu.Lock()
	connected, informed := a.connected, a.informed
	a.mu.Unlock()
	if informed || e.ctx.Err() != nil || e.source.failure() != nil || !e.source.replayable() {
		return false
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		_, unknown := errors.AsType[*net.DNSError](err)
		return !unknown
	}
	if !connected {
		return false // the request itself cannot be sent
	}
	return idempotent(e.out.Method)
}

// idempotent reports whether doing it twice is like doing it once.
func idempotent(method string) bool {
	return method != http.MethodPost && method != http.MethodPatch && method != "LOCK"
}
