package holdfasthttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// call is the state of one RoundTrip. It stays on the stack.
type call struct {
	*Transport
	req      *http.Request
	attempts int
	begun    bool           // the base has req's body, and closes it
	resp     *http.Response // of the last attempt; nil if that had none
}

// attempt sends the request once. Its error is nil if the response's status is below 400.
func (c *call) attempt(ctx context.Context) error {
	c.attempts++
	c.discard()
	body, err := c.body()
	if err != nil {
		return err
	}
	caller := c.req.Context()
	var b *bound
	// Contexts are not compared, since they need not be comparable.
	if ctx.Done() != caller.Done() {
		b = bind(ctx, caller)
	}
	req := c.request(ctx, b, body)
	c.begun = true
	resp, err := c.base.RoundTrip(req)
	switch {
	case err != nil:
	case resp == nil:
		err = errNoResponse
	default:
		if resp.Body == nil { // a base that is no RoundTripper by the book
			resp.Body = http.NoBody
		}
		if b != nil && !b.headersCame(resp) {
			_ = resp.Body.Close()
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		if b != nil {
			b.detach()
			b.cancel(nil)
		}
		return c.failed(ctx, err)
	}
	if resp.Request == req {
		resp.Request = c.req
	}
	c.resp = resp
	if resp.StatusCode < minStatus {
		return nil
	}
	return c.once(c.statusError(resp), false)
}

var errNoResponse = errors.New("holdfasthttp: the base transport returned neither a response nor an error")

// body returns the body of this attempt: the request's own for the first, and a new one after that.
func (c *call) body() (io.ReadCloser, error) {
	if c.attempts == 1 || c.req.Body == nil || c.req.Body == http.NoBody {
		return c.req.Body, nil
	}
	body, err := c.req.GetBody()
	if err != nil { // nobody was asked
		return nil, resilience.MarkRejected(fmt.Errorf("holdfasthttp: the body for another attempt: %w", err))
	}
	return body, nil
}

// request returns what to send in this attempt: the caller's request as it is, or a copy where
// anything in it is another.
func (c *call) request(ctx context.Context, b *bound, body io.ReadCloser) *http.Request {
	deadline, limited := ctx.Deadline()
	sendsTimeout := c.timeoutHeader != "" && limited
	sendsAttempt := c.attemptHeader != "" && c.attempts > 1
	if b == nil && c.attempts == 1 && !sendsTimeout {
		return c.req
	}
	caller := c.req.Context()
	if b != nil {
		caller = b.ctx
	}
	req := c.req.WithContext(caller)
	req.Body = body
	if !sendsTimeout && !sendsAttempt {
		return req
	}
	if req.Header = req.Header.Clone(); req.Header == nil {
		return req // the base refuses it
	}
	if sendsTimeout {
		req.Header[c.timeoutHeader] = []string{strconv.FormatInt(max(0, time.Until(deadline).Milliseconds()), 10)}
	}
	if sendsAttempt {
		req.Header[c.attemptHeader] = []string{strconv.Itoa(c.attempts)}
	}
	return req
}

// failed returns what a transport's error means to the pipeline.
func (c *call) failed(ctx context.Context, err error) error {
	if c.req.Context().Err() != nil {
		return err // the caller has left: nothing is going to be retried
	}
	if ctx.Err() != nil && !resilience.Explains(err) { // a deadline of the pipeline ended the attempt
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			err = context.Cause(ctx) // HTTP/2 does not tell whose end it was
		} else {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
	verdict, unsent := judge(err)
	if verdict != resilience.Classify(err) {
		err = mark(err, verdict)
	}
	return c.once(err, unsent)
}

// once marks err as one after which the request is not sent again, unless it may be.
func (c *call) once(err error, unsent bool) error {
	why := ErrNotReplayable
	switch {
	case !unsent && !c.mayRepeat():
		why = ErrNotIdempotent
	case replayable(c.req):
		return err
	}
	return &onceError{err: err, why: why}
}

// result returns what the call comes to, err being the pipeline's word.
func (c *call) result(err error) (*http.Response, error) {
	resp := c.resp
	if err == nil {
		c.resp = nil
		return resp, nil
	}
	if resp == nil || c.req.Context().Err() != nil { // end closes resp
		return nil, err
	}
	c.resp = nil
	return stopped(c.req, resp, err), nil
}

// end closes what nobody else does: the request's body if no attempt was made, and the response that
// is not returned.
func (c *call) end() {
	if !c.begun && c.req.Body != nil {
		_ = c.req.Body.Close()
	}
	if c.resp != nil {
		_ = c.resp.Body.Close()
	}
}

// discard gets rid of the last attempt's response.
func (c *call) discard() {
	resp := c.resp
	c.resp = nil
	switch {
	case resp == nil:
	case resp.ContentLength > drainBytes:
		_ = resp.Body.Close()
	default:
		drain(resp.Body)
	}
}
