package holdfastconnect

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// NewHandlerInterceptor returns an interceptor that runs a server's calls in p, unary calls and
// streams: use bulkheads, rate limits, deadlines, your own guards, a breaker. A handler never runs
// twice for one call, even if p has a retry loop. A stream counts as one call, which lasts until
// its handler returns. p may be nil if [WithPipelines] chooses a pipeline for every procedure. With
// [holdfast.None] the interceptor only tells clients that a handler's own retries gave up. The
// error names every problem.
//
// A call whose deadline has passed gets CodeDeadlineExceeded, and its handler does not run. A call
// that a limit refuses, such as a full bulkhead, gets CodeResourceExhausted; a call that another
// stage refuses gets CodeUnavailable. Both get a grpc-retry-pushback-ms (see [WithPushback]), and a
// holdfast-refused, which tells the client that the handler did not run; Connect's protocol gets a
// Retry-After too, for what knows only HTTP. A handler's error is sent as it is. If the error says
// that a retry loop in the handler gave up, a holdfast-gave-up is sent too, which ends the retry
// loop of a client with this package.
//
// Connect reads a unary request, and the one message of a server stream, before the interceptor, or
// in the handler: a bulkhead does not bound how many are read.
//
// A unary call that succeeds allocates nothing beyond what p allocates. The interceptor is safe for
// concurrent use. In a client, it fails every call.
func NewHandlerInterceptor(p *holdfast.Pipeline, opts ...Option) (connect.Interceptor, error) {
	o, err := apply(&options{pushback: defaultPushback, handler: true}, p, opts)
	if err != nil {
		return nil, err
	}
	return &handlerInterceptor{o}, nil
}

type handlerInterceptor struct{ *options }

func (i *handlerInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		spec := req.Spec()
		if spec.IsClient {
			return nil, wrongSide(spec)
		}
		var answer connect.AnyResponse
		err := i.serve(ctx, spec.Procedure, func(ctx context.Context) (err error) {
			answer, err = next(ctx, req)
			return err
		}, metadata{ctx: ctx, req: req})
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}

// WrapStreamingClient makes a client fail that was given an interceptor for handlers.
func (i *handlerInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		return newFailedConn(ctx, next, spec, wrongSide(spec))
	}
}

func (i *handlerInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return i.serve(ctx, conn.Spec().Procedure, func(ctx context.Context) error {
			return next(ctx, conn)
		}, metadata{ctx: ctx, conn: conn})
	}
}

// metadata is where a handler's answer gets what clients are told. It has a req or a conn.
type metadata struct {
	ctx  context.Context //nolint:containedctx // Connect keeps a unary call's metadata in it
	req  connect.AnyRequest
	conn connect.StreamingHandlerConn
}

// trailer returns the trailers of the answer, nil if there are none.
func (m metadata) trailer() http.Header {
	if m.conn != nil {
		return m.conn.ResponseTrailer()
	}
	if info, ok := connect.CallInfoForHandlerContext(m.ctx); ok {
		return info.ResponseTrailer()
	}
	return nil
}

// header returns the header of the answer if its HTTP status is that of an error, else nil.
func (m metadata) header() http.Header {
	if m.req == nil || m.req.Peer().Protocol != connect.ProtocolConnect {
		return nil
	}
	if info, ok := connect.CallInfoForHandlerContext(m.ctx); ok {
		return info.ResponseHeader()
	}
	return nil
}

// serve runs handle in the procedure's pipeline.
func (o *options) serve(ctx context.Context, procedure string, handle resilience.Func, md metadata) error {
	if err := ctx.Err(); err != nil {
		e, _ := coded(ctx, err)
		return e
	}
	p, err := o.pipelines.For(procedure)
	switch {
	case err != nil:
		return noPipeline(procedure, err)
	case p == nil:
		err := handle(ctx)
		signal(err, md)
		return err
	}
	var handled error
	err = p.Do(ctx, func(ctx context.Context) error {
		err := handle(ctx)
		if err == nil {
			return nil
		}
		handled = err
		return o.handlerFailed(ctx, err)
	})
	switch {
	case err == nil:
		return nil
	case handled != nil:
		signal(handled, md)
		return handled
	case resilience.Classify(err) == resilience.Rejected && !errors.Is(err, context.DeadlineExceeded):
		refuse(rpc.RefusalPause(err, o.pushback), md)
	}
	return final(err, false, false)
}

// handlerFailed describes the error of a handler. The handler must not run twice.
func (o *options) handlerFailed(ctx context.Context, err error) error {
	e, err := coded(ctx, err)
	code := rpc.Code(e.Code())
	known := &resilience.CallError{
		Err: err, Effect: resilience.EffectNone, Final: true,
		Judgment: o.assess(ctx, err, func() resilience.Verdict {
			if connect.IsNotModifiedError(err) {
				return resilience.Permanent
			}
			return code.DependencyVerdict(false)
		}, code),
	}
	return &attemptError{known, e.Code()}
}

// signal tells the client if err says that the handler's own retries gave up.
func signal(err error, md metadata) {
	reason := adapter.GaveUp(err)
	if reason == resilience.ReasonNone {
		return
	}
	if trailer := md.trailer(); trailer != nil {
		trailer.Set(rpc.GaveUpKey, reason.String())
	}
}

// refuse tells the client that the handler did not run, and when to try again.
func refuse(pause time.Duration, md metadata) {
	if trailer := md.trailer(); trailer != nil {
		trailer.Set(rpc.PushbackKey, rpc.FormatPushback(pause))
		trailer.Set(rpc.RefusedKey, rpc.RefusedValue)
	}
	if header := md.header(); header != nil && pause >= 0 {
		seconds := max(1, (pause+time.Second-1)/time.Second)
		header.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
}
