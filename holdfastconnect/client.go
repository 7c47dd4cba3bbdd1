package holdfastconnect

import (
	"context"
	"net/http"
	"strconv"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter/rpc"
)

// NewClientInterceptor returns an interceptor that sends a client's calls through p, unary calls
// and streams. The package comment has the rules. p may be nil if [WithPipelines] chooses a
// pipeline for every procedure. The error names every problem.
//
// Interceptors before it in connect.WithInterceptors see one call, those after it see each attempt.
// Each attempt gets the request's message and a copy of its headers: what an interceptor inside
// adds to the headers of one attempt is not in the next. The message is not copied. An interceptor
// inside gets a connect.AnyRequest that is not a *connect.Request.
//
// The beginning of a stream is in the pipeline: until the first message of the server or a clean
// end, or until the caller asks for the header. Then the stream is committed: it is not retried,
// and no deadline of p ends it. Until then, sent messages are copied, kept, and sent again in the
// next attempt, so client streams and bidirectional streams are retried too. A stream is committed
// early if the sent messages exceed the buffer (see [WithStreamBuffer]). It is also committed if
// an attempt's deadline passes before the server has answered, since a subscription may be quiet
// for long; [WithStreamDeadline] makes that a failure instead. A stream uses two goroutines until
// it is committed, and another while it sends messages again. If one of p's observers or
// classifiers panics, the panic is raised in the caller's goroutine.
//
// A unary call that succeeds at its first attempt makes 12 small allocations beyond what p and
// Connect allocate. The interceptor is safe for concurrent use. In a handler, it fails every call.
func NewClientInterceptor(p *holdfast.Pipeline, opts ...Option) (connect.Interceptor, error) {
	o, err := apply(&options{buffer: defaultStreamBuffer}, p, opts)
	if err != nil {
		return nil, err
	}
	return &clientInterceptor{o}, nil
}

type clientInterceptor struct{ *options }

// WrapStreamingHandler makes a handler fail that was given an interceptor for clients.
func (i *clientInterceptor) WrapStreamingHandler(connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(_ context.Context, conn connect.StreamingHandlerConn) error { return wrongSide(conn.Spec()) }
}

func (i *clientInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		spec := req.Spec()
		if !spec.IsClient {
			return nil, wrongSide(spec)
		}
		p, err := i.pipelines.For(spec.Procedure)
		switch {
		case err != nil:
			return nil, noPipeline(spec.Procedure, err)
		case p == nil:
			return next(ctx, req)
		}
		return i.unary(ctx, p, spec, req, next)
	}
}

func (i *clientInterceptor) unary(
	ctx context.Context, p *holdfast.Pipeline, spec connect.Spec, req connect.AnyRequest, next connect.UnaryFunc,
) (connect.AnyResponse, error) {
	var answer connect.AnyResponse
	attempts, doubt, repeat := 0, false, i.repetition(ctx, spec)
	err := p.Do(ctx, func(ctx context.Context) error {
		a := &attempt{AnyRequest: req, header: copyHeader(req.Header())}
		if attempts > 0 {
			again(a.header, attempts)
		}
		attempts++
		inner, cancel := a.wire.start(ctx, repeat)
		defer cancel(nil)
		resp, err := next(inner, a)
		if err == nil && a.wire.resent.Load() { // over HTTP/1.1 the end of inner may be too late
			err = connect.NewError(connect.CodeUnavailable, errResent)
		}
		if err == nil {
			answer = resp
			return nil
		}
		doubts, err := i.failed(ctx, spec, err, &a.wire, ending{
			// connect-go v1.21.1 closes the request then, which sends one without a body. By
			// Connect's protocol that is the empty message, and the handler runs with it.
			empty:       req.Peer().Protocol == connect.ProtocolConnect,
			unconnected: a.wire.dialing(), // next has waited for net/http
		})
		doubt = doubt || doubts
		return err
	})
	if err != nil {
		return nil, final(err, doubt, i.mayRepeat(ctx, spec))
	}
	return answer, nil
}

// attempt is the request of one attempt. It has headers of its own, since Connect and interceptors
// inside change them, and net/http may still read those of an attempt that was canceled.
type attempt struct {
	connect.AnyRequest
	header http.Header
	wire   wire
}

func (a *attempt) Header() http.Header { return a.header }

// copyHeader returns a copy of h with room for what Connect adds. The values are shared; appending
// to them copies them.
func copyHeader(h http.Header) http.Header {
	c := make(http.Header, len(h)+4)
	for name, values := range h {
		c[name] = values[:len(values):len(values)]
	}
	return c
}

// again marks the headers of a retry. previous is the number of attempts before it.
func again(h http.Header, previous int) { h.Set(rpc.AttemptsKey, strconv.Itoa(previous)) }

// PreviousAttempts returns the number of earlier attempts of the call that a handler handles under
// ctx. It returns 0 for the first attempt, or if the client does not say.
func PreviousAttempts(ctx context.Context) int {
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok {
		return 0
	}
	return rpc.ParseAttempts(info.RequestHeader().Values(rpc.AttemptsKey))
}
