package holdfasthttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/resilience"
)

// call is the state of one RoundTrip. It must not escape to the heap.
type call struct {
	*Transport
	req      *http.Request
	attempts int
	unused   io.ReadCloser // a body that the base did not get: end closes it; or nil
	kept     *kept         // the request's body, with WithBodyBuffer
	doubt    bool          // an attempt may have been carried out

	// The following fields belong to the last attempt.
	sent        *http.Request // what the base got; nil if nothing
	tookGetBody bool          // preventRepeats removed GetBody
	bound       *bound
	watch       *watch
	upload      *upload
	resp        *http.Response // nil if it had none
	limit       time.Duration  // it began with this much time; 0 unless WithUploadStall is on
}

// attempt sends the request once. Its error is nil if the response is a success.
func (c *call) attempt(ctx context.Context) error {
	c.attempts++
	c.discard(ctx)
	if deadline, ok := ctx.Deadline(); ok && c.uploadStall > 0 {
		c.limit = time.Until(deadline)
	}
	resp, err := c.send(ctx)
	if err != nil && c.tookGetBody && c.req.GetBody != nil && baseWouldRepeat(err) {
		c.letGo()
		resp, err = c.send(ctx)
	}
	if err == nil && resp == nil {
		err = errNoResponse
	}
	switch {
	case err == nil:
		return c.answered(ctx, resp)
	case c.sent == nil:
		return err
	}
	for _, repeats := range []error{errRepeated, errResent} {
		if c.bound.endedBy(repeats) {
			err = repeats
		}
	}
	c.letGo()
	return c.failed(ctx, err)
}

// baseWouldRepeat reports whether err says that the server has not begun to process the request.
// net/http would have repeated such a request at once, if GetBody had been set.
func baseWouldRepeat(err error) bool {
	_, wanted := wantedGetBody(foreign.Text(err))
	return wanted && refusedByServer(err)
}

// send sends the request. After it, c.sent is nil if the base was not called.
func (c *call) send(ctx context.Context) (*http.Response, error) {
	c.sent = nil
	body, err := c.body(ctx)
	if err != nil {
		return nil, err
	}
	req, err := c.request(ctx, body)
	if err != nil {
		return nil, err
	}
	c.unused, c.sent = nil, req
	return c.base.RoundTrip(req)
}

var errNoResponse = errors.New("holdfasthttp: the base transport returned neither a response nor an error")

// answered returns nil if resp is a success, else an error that says what it means.
func (c *call) answered(ctx context.Context, resp *http.Response) error {
	if resp.Body == nil { // the base breaks the contract of http.RoundTripper
		resp.Body = http.NoBody
	}
	c.resp = resp // end closes it, even after a panic
	err := c.judged(ctx, resp)
	if c.bound != nil && !c.bound.headersCame(resp) {
		c.resp = nil
		c.letGo()
		closeSoon(resp.Body)
		return c.failed(ctx, context.Cause(ctx))
	}
	switch {
	case resp.Request == c.sent:
		resp.Request = c.req
	case resp.Request != nil && c.bound != nil: // the base's clone, whose ctx ends with the body
		resp.Request = resp.Request.WithContext(revive(resp.Request.Context(), c.req.Context()))
	}
	if err != nil && resilience.Judge(ctx, nil, err).Failure() {
		ahead(ctx, resp)
	}
	return err
}

// body returns the body of this attempt: the request's own for the first, and a new one after that.
func (c *call) body(ctx context.Context) (io.ReadCloser, error) {
	if c.req.Body == nil || c.req.Body == http.NoBody {
		return c.req.Body, nil
	}
	if c.keeps() {
		return c.keptBody(ctx)
	}
	if c.unused != nil {
		return c.unused, nil
	}
	if c.req.GetBody == nil { // a foreign retry loop that ignores NoRetry
		return nil, resilience.MarkRejected(ErrNotReplayable)
	}
	body, err := c.req.GetBody()
	if err != nil { // nothing was sent
		return nil, resilience.MarkRejected(fmt.Errorf("holdfasthttp: the body for another attempt: %w", err))
	}
	c.unused = body
	return body, nil
}

// keeps reports whether WithBodyBuffer applies to the body.
func (c *call) keeps() bool {
	return c.bodyBuffer > 0 && c.req.GetBody == nil && c.req.ContentLength <= int64(c.bodyBuffer)
}

func (c *call) keptBody(ctx context.Context) (io.ReadCloser, error) {
	if c.kept == nil {
		c.kept, c.unused = keep(c.req.Body, c.bodyBuffer), nil
	}
	body, err := c.kept.open(ctx)
	switch {
	case err == nil:
		return body, nil
	case ctx.Err() != nil: // nothing was sent
		return nil, &resilience.CallError{Err: err, Effect: resilience.EffectUnsent}
	}
	return nil, resilience.MarkRejected(fmt.Errorf("holdfasthttp: the request's body: %w", err))
}

// request returns the request of this attempt: the caller's own if nothing has to change, else a
// copy.
func (c *call) request(ctx context.Context, body io.ReadCloser) (*http.Request, error) {
	source := sourceOf(body)
	c.upload = c.newUpload(body, source)
	caller := c.req.Context()
	inner := caller
	c.bound, c.watch, c.tookGetBody = nil, nil, false
	until, progress := ctx, c.upload.timed()
	binds, once := lazyctx.Of(ctx) != lazyctx.Of(caller), c.once()
	single := c.mustWatch(body, once)
	watched := c.watched || single || c.mayHideTries()
	if !binds && (single || c.watched && c.mayBeHTTP2(c.req)) { // only for errRepeated and errResent
		binds, until, progress = true, caller, nil
	}
	switch {
	case binds && watched:
		both := new(boundWatch) // one allocation
		c.bound, c.watch = &both.bound, &both.watch
	case binds:
		c.bound = new(bound)
	case watched:
		c.watch = new(watch)
	}
	if c.bound != nil {
		c.bound.bind(until, caller, progress, c.limit)
		inner = c.bound
	}
	if c.watch != nil {
		inner = c.watch.start(inner, c.mayEnd(single), asks{single: single, length: c.mayNotFit(source)})
	}
	deadline, limited := ctx.Deadline()
	sendsTimeout := c.timeoutHeader != "" && limited
	sendsAttempt := c.attemptHeader != "" && c.attempts > 1
	if c.bound == nil && c.watch == nil && c.upload == nil && c.kept == nil && c.attempts == 1 &&
		!sendsTimeout && !c.repeatsTooMuch(body, once) && c.beforeAttempt == nil {
		return c.req, nil
	}
	var req *http.Request
	if c.beforeAttempt != nil {
		req = c.req.Clone(inner)
	} else {
		req = c.req.WithContext(inner)
		if sendsTimeout || sendsAttempt {
			req.Header = req.Header.Clone()
		}
	}
	req.Body = body
	if c.upload != nil {
		req.Body, req.GetBody = c.upload, c.upload.replay(req.GetBody)
	}
	c.tookGetBody = c.preventRepeats(req, once)
	if req.Header != nil { // the base refuses a request without
		if sendsTimeout {
			req.Header[c.timeoutHeader] = []string{strconv.FormatInt(max(0, time.Until(deadline).Milliseconds()), 10)}
		}
		if sendsAttempt {
			req.Header[c.attemptHeader] = []string{strconv.Itoa(c.attempts)}
		}
	}
	if c.beforeAttempt != nil {
		if err := c.beforeAttempt(req, c.attempts); err != nil {
			c.letGo()
			return nil, refused(err)
		}
	}
	return req, nil
}

// refused wraps the error of WithBeforeAttempt's func, after which nothing is sent. The call is
// retried if the error is Transient or Overload.
func refused(err error) error {
	err = fmt.Errorf("holdfasthttp: before the attempt: %w", err)
	if v := resilience.Classify(err); v.Retryable() {
		known := resilience.Judgment{Dependency: resilience.Canceled, Retry: v}
		return &resilience.CallError{Err: err, Judgment: known, Effect: resilience.EffectUnsent}
	}
	return resilience.MarkRejected(err)
}

// letGo releases the resources of an attempt without a response.
func (c *call) letGo() {
	if c.bound != nil {
		c.bound.letGo()
	}
}

// result returns the results of RoundTrip. err is the error of the pipeline.
func (c *call) result(err error) (*http.Response, error) {
	resp := c.resp
	if err == nil {
		c.resp = nil
		return resp, nil
	}
	if c.doubt && !errors.Is(err, resilience.ErrOutcomeUnknown) { // the last attempt's error may not say so
		err = &resilience.CallError{Err: err, Effect: resilience.EffectUnknown, Repeatable: c.mayRepeat()}
	}
	if resp == nil || c.req.Context().Err() != nil { // end closes resp
		return nil, err
	}
	c.resp = nil
	return stopped(c.req, resp, err), nil
}

// end closes a request's body that the base did not get, and a response that is not returned.
func (c *call) end() {
	if c.unused != nil {
		_ = c.unused.Close()
	}
	if c.kept != nil {
		c.kept.letGo()
	}
	if c.resp != nil {
		closeSoon(c.resp.Body)
	}
}

// discard drains and closes the last attempt's response.
func (c *call) discard(ctx context.Context) {
	if c.resp != nil {
		resp := c.resp
		c.resp = nil
		discard(ctx, resp, c.bound)
	}
}
