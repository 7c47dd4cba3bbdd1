package holdfasthttp

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// The statuses that are an error to a pipeline.
const (
	minStatus = 400
	maxStatus = 599
)

// statuses is a set of them.
type statuses [maxStatus - minStatus + 1]bool

var defaultStatuses = statuses{
	408 - minStatus: true, 429 - minStatus: true, 500 - minStatus: true,
	502 - minStatus: true, 503 - minStatus: true, 504 - minStatus: true,
}

func (s *statuses) has(code int) bool {
	return code >= minStatus && code <= maxStatus && s[code-minStatus]
}

// StatusError is what a pipeline's stages and observers get for a response with a status of
// 400 or more. The caller gets the response itself; see [Stopped].
type StatusError struct {
	StatusCode int
	Header     http.Header // the response's; not to be changed

	verdict, dependency resilience.Verdict
	retryAfter          time.Duration
}

func (c *call) statusError(resp *http.Response) *StatusError {
	e := &StatusError{
		StatusCode: resp.StatusCode, Header: resp.Header,
		verdict: resilience.Permanent, dependency: resilience.Permanent,
	}
	switch code := resp.StatusCode; {
	case c.retried.has(code) || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout:
		e.dependency = resilience.Transient
	case code >= 500 && code != http.StatusNotImplemented && code != http.StatusHTTPVersionNotSupported:
		e.dependency = resilience.Transient
	}
	if e.dependency == resilience.Permanent {
		return e
	}
	e.retryAfter = retryAfter(resp.Header, time.Now())
	if e.StatusCode == http.StatusTooManyRequests || e.retryAfter > 0 {
		e.dependency = resilience.Overload
	}
	if c.retried.has(e.StatusCode) {
		e.verdict = e.dependency
	}
	return e
}

// Error returns "HTTP status 503 Service Unavailable".
func (e *StatusError) Error() string {
	s := "HTTP status " + strconv.Itoa(e.StatusCode)
	if text := http.StatusText(e.StatusCode); text != "" {
		s += " " + text
	}
	return s
}

// Verdict is what the status means to a retry loop.
func (e *StatusError) Verdict() resilience.Verdict { return e.verdict }

// DependencyVerdict is what the status says about the server, to a breaker: a status that is not retried
// may still be a failure.
func (e *StatusError) DependencyVerdict() resilience.Verdict { return e.dependency }

// RetryAfter is how long the server asked to be left alone, 0 if it did not.
func (e *StatusError) RetryAfter() time.Duration { return e.retryAfter }

type stoppedKey struct{}

// Stopped returns why the pipeline let resp be the last word, although its status is a failure: most
// often a *retry.Error, which has the attempts and the reason, and of which [resilience.ReasonOf] returns the
// reason; ErrNotIdempotent or ErrNotReplayable is found in it where the request was not
// to be sent again. It is nil for a response that ended the call in the ordinary way, a 404
// included, and for one that no Transport returned.
//
// It is kept in the ctx of resp.Request.
func Stopped(resp *http.Response) error {
	if resp == nil || resp.Request == nil {
		return nil
	}
	err, _ := resp.Request.Context().Value(stoppedKey{}).(error)
	return err
}

// stopped returns resp, with err for Stopped to find.
func stopped(req *http.Request, resp *http.Response, err error) *http.Response {
	if !resilience.Judge(context.Background(), nil, err).Failure() {
		return resp
	}
	if resp.Request != nil {
		req = resp.Request
	}
	resp.Request = req.WithContext(context.WithValue(req.Context(), stoppedKey{}, err))
	return resp
}
