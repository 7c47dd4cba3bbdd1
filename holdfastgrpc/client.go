package holdfastgrpc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/media-gateway/holdfast"
)

// DialOptions returns the options for a connection whose calls go through p: both interceptors, and
// grpc.WithDisableRetry, since retries by a service config would multiply with the pipeline's.
// (gRPC still does its transparent retries, of calls that the server has not processed. They are
// safe, and are not attempts of the pipeline.) The error names every problem.
func DialOptions(p *holdfast.Pipeline, opts ...Option) ([]grpc.DialOption, error) {
	o, err := clientOptions(p, opts)
	if err != nil {
		return nil, err
	}
	return []grpc.DialOption{
		grpc.WithDisableRetry(),
		grpc.WithChainUnaryInterceptor(o.unaryClient), grpc.WithChainStreamInterceptor(o.streamClient),
	}, nil
}

// UnaryClientInterceptor returns an interceptor that sends calls through p. The package comment has
// the rules. p may be nil if [WithPipelines] chooses a pipeline for every method. Use it together
// with grpc.WithDisableRetry, or use [DialOptions]. The error names every problem.
//
// Call options apply to every attempt. What they collect (grpc.Header, grpc.Trailer, grpc.Peer) is
// from the last attempt; grpc.OnFinish is called for each attempt.
//
// A call that succeeds at its first attempt allocates twice beyond what p allocates, and once more
// if it has more than six call options. The interceptor is safe for concurrent use.
func UnaryClientInterceptor(p *holdfast.Pipeline, opts ...Option) (grpc.UnaryClientInterceptor, error) {
	o, err := clientOptions(p, opts)
	if err != nil {
		return nil, err
	}
	return o.unaryClient, nil
}

func (o *options) unaryClient(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	p, err := o.pipelines.For(method)
	switch {
	case err != nil:
		return noPipeline(method, err)
	case p == nil:
		return invoker(ctx, method, req, reply, cc, opts...)
	}
	w := &wire{}
	all := w.watched(opts)
	attempts, doubt := 0, false
	err = p.Do(ctx, func(ctx context.Context) error {
		if attempts > 0 {
			ctx = again(ctx, attempts)
			forget(all)
			w.begin()
		}
		attempts++
		err := invoker(ctx, method, req, reply, cc, all...)
		if err == nil {
			return nil
		}
		sent, _ := sizeOf(req)
		doubts, err := o.failed(ctx, method, err, ending{
			trailer: w.received(), unsent: w.unsent(err), begun: w.answered(), repeated: w.repeated(),
			sent: sent, limit: sendLimit(opts),
		})
		doubt = doubt || doubts
		return err
	})
	return final(err, doubt, err != nil && o.mayRepeat(ctx, method))
}
