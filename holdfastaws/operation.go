package holdfastaws

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/resilience"
)

// retryID is the ID of the SDK's retry loop among the middlewares, whose place an operation takes.
const retryID = "Retry"

// operation is one call of a client. The SDK builds a stack of middlewares for each call, so an
// operation belongs to one call, and to one goroutine. It is three middlewares: in the first step
// it learns the input, in the place of the SDK's loop it runs the attempts, and as the last one
// before the HTTP client it watches the request.
type operation struct {
	*options
	once *retry.Attempt // the SDK's own attempt, without its loop
	call Call

	caller   context.Context
	in       middleware.FinalizeInput
	next     middleware.FinalizeHandler
	attempts int
	doubt    bool // an attempt may have been carried out

	// The following fields belong to the last attempt.
	out      middleware.FinalizeOutput
	metadata middleware.Metadata
	bound    *bound // nil if the caller's ctx ends no later
	watch    *watch // of the request's last try; nil until it is given to the HTTP client
	repeated bool   // a middleware inside tried before, and that try may have been carried out
	resp     *smithyhttp.Response
	body     *body // of resp; nil if it has none
}

// protect puts an operation into the stack of a call. It is in APIOptions.
func (o *options) protect(stack *middleware.Stack) error {
	old, ok := stack.Finalize.Get(retryID)
	if !ok {
		if slices.ContainsFunc(stack.Finalize.List(), isPresign) {
			return nil // nothing is sent
		}
		return o.refuse(stack, "none", "want the SDK's, in whose place the pipeline retries")
	}
	op := &operation{options: o}
	_, op.call.Token = stack.Initialize.Get("OperationIdempotencyTokenAutoFill")
	switch m := old.(type) {
	case *retry.Attempt:
		op.once = withoutLoop(m)
	case *operation: // the client's; this one is of the call, or of a later option
		op.once = m.once
	default:
		return o.refuse(stack, fmt.Sprintf("a %T", old), "want the SDK's own, in whose place the pipeline retries")
	}
	_, err := stack.Finalize.Swap(retryID, op)
	if err == nil {
		err = stack.Initialize.Add(op, middleware.After)
	}
	if err == nil {
		err = stack.Deserialize.Add(op, middleware.After)
	}
	return err
}

// isPresign reports whether id is that of a middleware that presigns a request instead of sending
// it: PresignHTTPRequest, or S3's PresignPostRequestMiddleware. The SDK leaves out its loop then.
func isPresign(id string) bool { return strings.HasPrefix(id, "Presign") }

// refuse returns the error of a stack that has no loop whose place could be taken.
func (o *options) refuse(stack *middleware.Stack, value, want string) error {
	return resilience.MarkRejected(&resilience.FieldError{
		Stage: "holdfastaws", Field: "the retry middleware of " + stack.ID(), Value: value, Want: want,
	})
}

// withoutLoop returns the SDK's attempt, with the clock skew and the metrics of loop, that never
// tries again.
func withoutLoop(loop *retry.Attempt) *retry.Attempt {
	return retry.NewAttemptMiddleware(single{}, smithyhttp.RequestCloner, func(a *retry.Attempt) {
		a.OperationMeter, a.DisableClockSkewCorrection = loop.OperationMeter, loop.DisableClockSkewCorrection
		a.ClientSkew = loop.ClientSkew
		if a.ClientSkew == nil {
			a.ClientSkew = new(atomic.Int64) // carries the skew from one attempt to the next
		}
	})
}

// single is a Retryer that never retries. Its 0 attempts mean that their number is not known, which
// leaves it out of the header that the SDK sends.
type single struct{ aws.NopRetryer }

func (single) MaxAttempts() int { return 0 }

// ID returns the ID of the SDK's loop: other middlewares look for their place by it.
func (op *operation) ID() string { return retryID }

// HandleInitialize learns the input.
func (op *operation) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	op.call.Input = in.Parameters
	return next.HandleInitialize(ctx, in)
}

// HandleFinalize runs the attempts through the pipeline. Whatever follows is done for each attempt
// anew: endpoint, credentials, signature.
func (op *operation) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	op.caller, op.in, op.next = ctx, in, next
	op.call.Service, op.call.Operation = awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)
	if req, ok := in.Request.(*smithyhttp.Request); ok {
		op.call.Method, op.call.Header = req.Method, req.Header
	}
	p, err := op.pipelines.For(op.call)
	switch {
	case err != nil:
		return op.out, op.metadata, resilience.MarkRejected(&resilience.FieldError{
			Stage: "holdfastaws", Field: "pipeline", Value: "for " + op.call.Service + "." + op.call.Operation, Want: err.Error(),
		})
	case p == nil, inAttemptOf(ctx, p):
		return op.once.HandleFinalize(ctx, in, next)
	}
	err = p.Do(ctx, func(ctx context.Context) error { return op.attempt(ctx, p) })
	return op.out, op.metadata, op.final(err)
}

// attempt sends the request once.
func (op *operation) attempt(ctx context.Context, p *holdfast.Pipeline) error {
	op.attempts++
	op.bound, op.watch, op.repeated, op.resp, op.body = nil, nil, false, nil, nil
	if err := op.rewind(); err != nil {
		return resilience.MarkRejected(fmt.Errorf("holdfastaws: the body for another attempt: %w", err))
	}
	inner := ctx
	if lazyctx.Of(ctx) != lazyctx.Of(op.caller) {
		op.bound = bind(ctx, op.caller)
		inner = op.bound
	}
	settled := false
	defer func() {
		if !settled && op.bound != nil { // it failed, or panicked
			op.bound.letGo()
		}
	}()
	var err error
	op.out, op.metadata, err = op.once.HandleFinalize(op.within(inner, p), op.in, numbered{op})
	if err != nil {
		return op.failed(ctx, err)
	}
	if op.bound != nil && !op.bound.keep(op.body) {
		return op.failed(ctx, context.Cause(ctx))
	}
	settled = true
	return nil
}

// within returns the ctx of what is done in an attempt of p under ctx.
func (op *operation) within(ctx context.Context, p *holdfast.Pipeline) context.Context {
	if resilience.RepetitionOf(op.caller) != resilience.RepetitionUnknown {
		ctx = unmarked{ctx}
	}
	return context.WithValue(ctx, attemptKey{}, p)
}

// unmarked is a ctx without a mark of MarkOnce or MarkIdempotent. The mark is about the operation.
// The calls that the SDK makes for it, for credentials, have their own rules: if a lost answer of
// STS were an unknown outcome, so would be that of the operation, which was not sent.
type unmarked struct{ context.Context }

func (c unmarked) Value(key any) any {
	v := c.Context.Value(key)
	if _, ok := v.(resilience.Repetition); ok {
		return nil
	}
	return v
}

// attemptKey is the key of the pipeline whose attempt a ctx belongs to.
type attemptKey struct{}

// inAttemptOf reports whether ctx is that of an attempt of p: the SDK gets credentials then, by a
// client with the same pipeline. Its loop would multiply with the one around it, and a bulkhead
// would wait for itself.
func inAttemptOf(ctx context.Context, p *holdfast.Pipeline) bool {
	return ctx.Value(attemptKey{}) == p
}

// rewind prepares the body for another attempt. A body that cannot seek was not read yet, or there
// is no other attempt: see replayable.
func (op *operation) rewind() error {
	req, ok := op.in.Request.(*smithyhttp.Request)
	if !ok || op.attempts == 1 || !req.IsStreamSeekable() {
		return nil
	}
	return req.RewindStream()
}

// replayable reports whether the body can be sent again after an attempt; unsent says that nothing
// of it was read.
func (op *operation) replayable(unsent bool) bool {
	req, ok := op.in.Request.(*smithyhttp.Request)
	return !ok || unsent || req.GetStream() == nil || req.IsStreamSeekable()
}

// numbered is what follows the loop. It tells the service the attempt's number.
type numbered struct{ op *operation }

func (n numbered) HandleFinalize(ctx context.Context, in middleware.FinalizeInput) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	if req, ok := in.Request.(*smithyhttp.Request); ok && n.op.attempts > 1 {
		req.Header["Amz-Sdk-Request"] = []string{"attempt=" + strconv.Itoa(n.op.attempts)}
	}
	return n.op.next.HandleFinalize(ctx, in)
}

// HandleDeserialize watches the request, and the response's body.
func (op *operation) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	if op.attempts == 0 { // without a pipeline
		return next.HandleDeserialize(ctx, in)
	}
	op.repeated = op.repeated || !op.watch.unsent()
	op.watch = &watch{}
	out, metadata, err := next.HandleDeserialize(op.watch.start(ctx), in)
	if resp, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
		op.resp, op.body = resp, watchBody(resp)
	}
	return out, metadata, err
}
