package holdfastgrpc

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// ServerOptions returns the options for a server whose calls go through p: both interceptors. The
// error names every problem.
func ServerOptions(p *holdfast.Pipeline, opts ...Option) ([]grpc.ServerOption, error) {
	o, err := serverOptions(p, opts)
	if err != nil {
		return nil, err
	}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(o.unaryServer), grpc.ChainStreamInterceptor(o.streamServer)}, nil
}

// UnaryServerInterceptor returns an interceptor that runs a server's calls in p: use bulkheads,
// deadlines, your own guards, a breaker. A handler never runs twice for one call, even if p has a
// retry loop. p may be nil if [WithPipelines] chooses a pipeline for every method. With
// [holdfast.None] the interceptor only tells clients that a handler's own retries gave up. The
// error names every problem.
//
// A call whose deadline has passed gets DEADLINE_EXCEEDED, and its handler does not run. A call
// that a limit refuses, such as a full bulkhead, gets RESOURCE_EXHAUSTED; a call that another stage
// refuses gets UNAVAILABLE. Both get a grpc-retry-pushback-ms (see [WithPushback]), and a
// holdfast-refused, which tells the client that the handler did not run. A handler's error is sent
// as it is. If the error says that a retry loop in the handler gave up, a holdfast-gave-up is sent
// too, which ends the retry loop of a client with this package.
//
// A call that succeeds allocates nothing beyond what p allocates. The interceptor is safe for
// concurrent use.
func UnaryServerInterceptor(p *holdfast.Pipeline, opts ...Option) (grpc.UnaryServerInterceptor, error) {
	o, err := serverOptions(p, opts)
	if err != nil {
		return nil, err
	}
	return o.unaryServer, nil
}

func (o *options) unaryServer(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var answer any
	err := o.serve(ctx, info.FullMethod, func(ctx context.Context) (err error) {
		answer, err = handler(ctx, req)
		return err
	}, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) })
	return answer, err
}

// StreamServerInterceptor is [UnaryServerInterceptor] for streams. A stream counts as one call,
// which lasts until its handler returns.
func StreamServerInterceptor(p *holdfast.Pipeline, opts ...Option) (grpc.StreamServerInterceptor, error) {
	o, err := serverOptions(p, opts)
	if err != nil {
		return nil, err
	}
	return o.streamServer, nil
}

func (o *options) streamServer(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return o.serve(stream.Context(), info.FullMethod, func(ctx context.Context) error {
		return handler(server, &serverStream{stream, ctx})
	}, stream.SetTrailer)
}

// serverStream is a stream with the pipeline's ctx.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // grpc.ServerStream has a method Context
}

func (s *serverStream) Context() context.Context { return s.ctx }

// serve runs handle in the method's pipeline.
func (o *options) serve(ctx context.Context, method string, handle resilience.Func, setTrailer func(metadata.MD)) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	p, err := o.pipelines.For(method)
	switch {
	case err != nil:
		return noPipeline(method, err)
	case p == nil:
		err := handle(ctx)
		signal(err, setTrailer)
		return err
	}
	var handled error
	err = p.Do(ctx, func(ctx context.Context) error {
		err := handle(ctx)
		if err == nil {
			return nil
		}
		handled = err
		st, _ := statusOf(ctx, err)
		known := &resilience.CallError{
			Err: err, Judgment: o.assess(ctx, err, st, false), Effect: resilience.EffectNone,
			Final: true, // the handler must not run twice
		}
		return &statusError{known, st}
	})
	switch {
	case err == nil:
		return nil
	case handled != nil:
		signal(handled, setTrailer)
		return handled
	case resilience.Classify(err) == resilience.Rejected && !errors.Is(err, context.DeadlineExceeded):
		setTrailer(writePushback(rpc.RefusalPause(err, o.pushback)))
	}
	return final(err, false, false)
}
