package holdfasthttp

import (
	"context"
	"errors"
	"net/http"

	"github.com/media-gateway/holdfast/resilience"
)

// Why a request that failed was not sent again, where the failure alone would have allowed it. By
// errors.Is they are found in the error, and in what Stopped returns.
var (
	ErrNotIdempotent = errors.New("not sent again: the request is not idempotent")
	ErrNotReplayable = errors.New("not sent again: the request's body cannot be replayed (it has no GetBody)")
)

type idempotentKey struct{}

// MarkIdempotent returns a ctx whose requests may be sent twice, whatever their method, their
// headers and WithIdempotent say:
//
//	req = req.WithContext(holdfasthttp.MarkIdempotent(req.Context()))
func MarkIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// MarkOnce returns a ctx whose requests must not be sent twice: the opposite of [MarkIdempotent].
func MarkOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, false)
}

// mayRepeat reports whether the server may get the request twice.
func (c *call) mayRepeat() bool {
	if is, ok := c.req.Context().Value(idempotentKey{}).(bool); ok {
		return is
	}
	if c.idempotent != nil {
		return c.idempotent(c.req)
	}
	switch c.req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return len(c.req.Header[c.idempotencyKey]) > 0
}

func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// onceError is the failure of a request that is not to be sent again, for all that the
// failure says about the dependency.
type onceError struct{ err, why error }

func (e *onceError) Error() string {
	if !e.DependencyVerdict().Failure() {
		return e.err.Error() // it would not have been sent again anyway
	}
	return e.err.Error() + " (" + e.why.Error() + ")"
}

func (e *onceError) Unwrap() []error             { return []error{e.err, e.why} }
func (e *onceError) Verdict() resilience.Verdict { return resilience.Permanent }
func (e *onceError) NoRetry() bool               { return true }

// DependencyVerdict is what a breaker counts by.
func (e *onceError) DependencyVerdict() resilience.Verdict {
	return resilience.Judge(context.Background(), nil, e.err)
}

// Timeout is what url.Error asks, which looks no further.
func (e *onceError) Timeout() bool {
	t, ok := e.err.(interface{ Timeout() bool }) //nolint:errorlint // as url.Error has it
	return ok && t.Timeout()
}
