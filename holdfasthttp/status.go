package holdfasthttp

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// The range of statuses that are errors.
const (
	minStatus = 400
	maxStatus = 599
)

// statuses is a set of statuses from minStatus to maxStatus.
type statuses [maxStatus - minStatus + 1]bool

var defaultStatuses = statuses{
	408 - minStatus: true, 425 - minStatus: true, 429 - minStatus: true, 500 - minStatus: true,
	502 - minStatus: true, 503 - minStatus: true, 504 - minStatus: true, statusOverloaded - minStatus: true,
}

// statusOverloaded is not in a standard, but several services send it.
const statusOverloaded = 529

func (s *statuses) has(code int) bool {
	return code >= minStatus && code <= maxStatus && s[code-minStatus]
}

// StatusError is the error that a pipeline's stages and observers see for a response with a status
// of 400 or more, or one that [WithClassifyResponse] classifies as an error. The caller gets the
// response itself; see [Stopped]. On a server, it is for a handler's response that is a failure.
type StatusError struct {
	StatusCode int
	Header     http.Header // the response's; do not change it; nil on a server

	verdict, dependency resilience.Verdict
	retryAfter          time.Duration
}

// judged returns the error for the pipeline that resp means, nil for a success. ctx is the
// attempt's.
func (c *call) judged(ctx context.Context, resp *http.Response) error {
	word := resilience.Unclassified
	if c.classifyResponse != nil {
		word = c.classified(ctx, resp)
	}
	dependency, verdict := word, word
	final := false // the server says that no other attempt helps
	switch word {
	case resilience.Success:
		return nil
	case resilience.Transient, resilience.Overload, resilience.Permanent:
	default: // the status decides
		if resp.StatusCode < minStatus {
			return nil
		}
		dependency, verdict = c.byStatus(resp.StatusCode)
		switch yes, said := shouldRetry(resp.Header); {
		case said && !yes:
			verdict, final = resilience.Permanent, true
		case said && !verdict.Retryable():
			verdict = resilience.Transient
		}
	}
	e := &StatusError{StatusCode: resp.StatusCode, Header: resp.Header, dependency: dependency, verdict: verdict}
	known, effect := &resilience.CallError{Err: e}, resilience.EffectNone
	if final {
		known.Final, known.Why = true, errShouldNotRetry
	}
	if e.dependency.Failure() || e.verdict.Retryable() {
		effect = resilience.EffectUnknown
		e.retryAfter = retryAfter(resp.Header, time.Now())
		if e.retryAfter > 0 || resp.Header.Get("X-Envoy-Overloaded") != "" {
			if e.dependency.Failure() {
				e.dependency = resilience.Overload
			}
			if e.verdict.Retryable() {
				e.verdict = resilience.Overload
			}
		}
		if reason := gaveUpBy(resp.Header); reason != resilience.ReasonNone {
			// Another attempt would start the server's own retries again.
			known.Final, known.Reason, known.Why = true, reason, gaveUpError(reason)
		}
	}
	return c.ended(ctx, known, effect)
}

// byStatus returns what a status means to a breaker (dependency) and to a retry loop (verdict).
func (c *call) byStatus(code int) (dependency, verdict resilience.Verdict) {
	dependency, verdict = resilience.Permanent, resilience.Permanent
	switch {
	case code == http.StatusTooManyRequests || code == statusOverloaded:
		dependency = resilience.Overload
	case c.retried.has(code), code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		dependency = resilience.Transient
	case code >= 500 && code != http.StatusNotImplemented && code != http.StatusHTTPVersionNotSupported:
		dependency = resilience.Transient
	}
	if c.retried.has(code) {
		verdict = dependency
	}
	return dependency, verdict
}

// classified returns the verdict of WithClassifyResponse's func, which may read the beginning of
// the body. The caller still gets the whole body.
func (c *call) classified(ctx context.Context, resp *http.Response) resilience.Verdict {
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		shown := *resp
		shown.Body = http.NoBody
		return c.classifyResponse(&shown)
	}
	body := resp.Body
	p := &peek{ctx: ctx, body: body, left: peekBytes}
	defer func() { resp.Body = p.whole(body) }()
	resp.Body = p
	return c.classifyResponse(resp)
}

// peekBytes is how much of a body the func of WithClassifyResponse may read.
const peekBytes = 64 << 10

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

// DependencyVerdict is what the status says about the server, to a breaker: a status that is not
// retried may still be a failure.
func (e *StatusError) DependencyVerdict() resilience.Verdict { return e.dependency }

// RetryAfter is the pause that the server asked for, 0 if it did not.
func (e *StatusError) RetryAfter() time.Duration { return e.retryAfter }

type stoppedKey struct{}

// Stopped returns why the pipeline made no further attempt after resp, although resp is a failure.
// Usually it is a *retry.Error, with the number of attempts and the reason (see
// [resilience.ReasonOf]). errors.Is finds [ErrNotIdempotent] or [ErrNotReplayable] in it if the
// request could not be sent again.
//
// It returns nil for a response that is not a failure of the server, such as a 404, and for a
// response that did not come from a Transport. The error is stored in the ctx of resp.Request.
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
