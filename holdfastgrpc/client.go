package holdfastgrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/media-gateway/holdfast"
)

// DialOptions returns the options of a connection whose calls go through p: both interceptors, and
// grpc.WithDisableRetry, since retries by a service config would multiply with the pipeline's. (gRPC goes on
// sending a call anew that a server refused unseen; that is harmless, and no attempt of the pipeline.)
func DialOptions(p *holdfast.Pipeline, options ...Option) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDisableRetry(),
		grpc.WithChainUnaryInterceptor(UnaryClientInterceptor(p, options...)),
		grpc.WithChainStreamInterceptor(StreamClientInterceptor(p, options...)),
	}
}

// UnaryClientInterceptor returns an interceptor that takes calls through p, by the rules in the package's
// comment. A nil p protects only the methods for which [PerMethod] has a pipeline. Use it together with
// grpc.WithDisableRetry, or use [DialOptions].
//
// Call options hold for every attempt. What they collect (grpc.Header, grpc.Trailer, grpc.Peer) is of the last
// one; grpc.OnFinish is told of each.
//
// Beside what p does, it allocates once where nothing goes wrong, and again if there are more than six options. It
// is safe for concurrent use.
func UnaryClientInterceptor(p *holdfast.Pipeline, options ...Option) grpc.UnaryClientInterceptor {
	s := newSettings(p, options)
	return func(
		ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		p := s.pipelineFor(method)
		if p == nil {
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		w := &wire{}
		all := w.watched(opts)
		attempts := 0
		return final(p.Do(ctx, func(ctx context.Context) error {
			if attempts > 0 {
				ctx = again(ctx, attempts)
				forget(all)
			}
			attempts++
			err := invoker(ctx, method, req, reply, cc, all...)
			if err == nil {
				return nil
			}
			return s.failed(ctx, method, err, readPushback(w.trailer), w.peer.Addr == nil)
		}))
	}
}

// wire is what call options tell of a unary attempt.
type wire struct {
	trailer metadata.MD
	peer    peer.Peer // without an Addr, if no connection was found for the call
	room    [8]grpc.CallOption
}

// watched returns opts with those that fill w.
func (w *wire) watched(opts []grpc.CallOption) []grpc.CallOption {
	return append(append(w.room[:0], opts...), grpc.Trailer(&w.trailer), grpc.Peer(&w.peer))
}
