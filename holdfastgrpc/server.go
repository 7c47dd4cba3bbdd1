package holdfastgrpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// ServerOptions returns the options of a server whose calls go through p: both interceptors.
func ServerOptions(p *holdfast.Pipeline, options ...Option) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryServerInterceptor(p, options...)),
		grpc.ChainStreamInterceptor(StreamServerInterceptor(p, options...)),
	}
}

// UnaryServerInterceptor returns an interceptor that takes the calls of a server through p: bulkheads,
// deadlines, guards of your own, a breaker. No handler runs twice for one call, whatever p is. A nil p
// protects only the methods for which [PerMethod] has a pipeline.
//
// A call whose deadline has passed gets DEADLINE_EXCEEDED, and its handler does not run. One that a bulkhead refuses
// gets RESOURCE_EXHAUSTED, and one that anything else refuses UNAVAILABLE; both with a grpc-retry-pushback-ms (see
// [Pushback]), which tells the client that a retry does no harm. A handler's error goes out as it is.
//
// Beside what p does, it does not allocate where nothing goes wrong. It is safe for concurrent use.
func UnaryServerInterceptor(p *holdfast.Pipeline, options ...Option) grpc.UnaryServerInterceptor {
	s := newSettings(p, options)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		var answer any
		err := s.serve(ctx, info.FullMethod, func(ctx context.Context) (err error) {
			answer, err = handler(ctx, req)
			return err
		}, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) })
		return answer, err
	}
}

// StreamServerInterceptor is [UnaryServerInterceptor] for streams. A stream is in p until its handler returns.
func StreamServerInterceptor(p *holdfast.Pipeline, options ...Option) grpc.StreamServerInterceptor {
	s := newSettings(p, options)
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return s.serve(stream.Context(), info.FullMethod, func(ctx context.Context) error {
			return handler(server, &serverStream{stream, ctx})
		}, stream.SetTrailer)
	}
}

// serverStream is a stream with the ctx that the pipeline gives to the handler.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // gRPC wants it of the stream
}

func (s *serverStream) Context() context.Context { return s.ctx }

// serve runs handle inside the method's pipeline.
func (s *settings) serve(ctx context.Context, method string, handle resilience.Func, setTrailer func(metadata.MD)) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	p := s.pipelineFor(method)
	if p == nil {
		return handle(ctx)
	}
	var handled *callError
	err := p.Do(ctx, func(ctx context.Context) error {
		err := handle(ctx)
		if err == nil {
			return nil
		}
		st, _ := statusOf(ctx, err)
		handled = &callError{
			err: err, status: st, noRetry: true, // the handler must not run twice
			verdict: resilience.Permanent, dependency: dependencyVerdict(ctx, st),
		}
		return handled
	})
	switch {
	case err == nil:
		return nil
	case handled != nil:
		return handled.err
	case resilience.Classify(err) == resilience.Rejected && !errors.Is(err, context.DeadlineExceeded):
		pause := resilience.RetryAfter(err)
		if pause == 0 || s.pushback < 0 {
			pause = s.pushback
		}
		setTrailer(writePushback(max(pause, -time.Millisecond)))
	}
	return final(err)
}
