package openidconnect

import (
	"errors"
	"net/http"
	"time"

	"sallyport/internal/httperror"
	"sallyport/internal/oidc"
)

// Meter is told what happens, in words that are listed with each method. It is
// called by many requests at once and must not block.
type Meter interface {
	// Login counts a login: started, and then completed, refused (the answer is
	// below 500) or failed. One that the user agent gives up stays started.
	Login(result string)
	// Refresh counts a refresh, however many requests wait for it: completed,
	// refused by the identity provider, or failed.
	Refresh(result string)
	// SessionLoad counts a look for a session: found, unavailable, or a
	// session.Reason.
	SessionLoad(result string)
	// ProviderCall counts a call to the endpoint (an oidc.Endpoint): answered,
	// refused by a status below 500 that is no success, or failed.
	ProviderCall(endpoint, result string, took time.Duration)
	// ClusterCache counts a call to the cache that nodes share: get or put, and
	// hit, miss, unopened (a value that counts as a miss: it does not open, or its
	// time is over), stored, failed, or skipped after a failure.
	ClusterCache(operation, result string)
}

// The words of Meter.
const (
	resultStarted   = "started"
	resultCompleted = "completed"
	resultRefused   = "refused"
	resultFailed    = "failed"
	callAnswered    = "answered"
	loadFound       = "found"
	loadUnavailable = "unavailable"
)

// noMeter counts nothing.
type noMeter struct{}

// Login implements Meter.
func (noMeter) Login(string) {}

// Refresh implements Meter.
func (noMeter) Refresh(string) {}

// SessionLoad implements Meter.
func (noMeter) SessionLoad(string) {}

// ProviderCall implements Meter.
func (noMeter) ProviderCall(string, string, time.Duration) {}

// ClusterCache implements Meter.
func (noMeter) ClusterCache(string, string) {}

// failureResult is the result of a login that ends with err.
func failureResult(err error) string {
	if httperror.From(err).Status >= http.StatusInternalServerError {
		return resultFailed
	}
	return resultRefused
}

// refreshResult is the result of a refresh: the identity provider refuses by an
// OAuth error or by tokens that break a rule.
func refreshResult(err error) string {
	_, oauth := errors.AsType[*oidc.OAuthError](err)
	switch {
	case err == nil:
		return resultCompleted
	case oauth, errors.Is(err, oidc.ErrIDToken), errors.Is(err, oidc.ErrUserInfoSubject):
		return resultRefused
	}
	return resultFailed
}

// observeCall counts a call to the provider.
func (f *shared) observeCall(c oidc.Call) {
	result := callAnswered
	switch {
	case c.Err != nil || c.Status >= http.StatusInternalServerError:
		result = resultFailed
	case c.Status < 200 || c.Status > 299:
		result = resultRefused
	}
	f.Meter.ProviderCall(string(c.Endpoint), result, c.Took)
}
