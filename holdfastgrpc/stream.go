package holdfastgrpc

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// StreamClientInterceptor returns an interceptor that takes the beginning of streams through p, by the
// rules in the package's comment: until the server's header has come, which servers send with their first
// message if not before, or until the stream has ended without one. From there on the stream is
// committed, as gRPC calls it: it is not retried, no deadline of p ends it, and its errors are the server's.
//
// What was sent until then is kept, and sent again in the next attempt, so streams from the client and in both
// directions are retried as those from the server are. A stream is committed early if more is sent than is
// kept (see [StreamBuffer]). As gRPC demands, a message must not be changed after it was sent.
//
// SendMsg returns nil where it may be sent again later; if it is not, RecvMsg says why. Header
// and RecvMsg wait until the stream is committed or has failed for good. A stream takes a goroutine
// until then, and another while it sends again. A panic in one of p's observers or classifiers comes up in the caller's goroutine.
//
// A nil p protects only the methods for which [PerMethod] has a pipeline. It is safe for concurrent use.
func StreamClientInterceptor(p *holdfast.Pipeline, options ...Option) grpc.StreamClientInterceptor {
	s := newSettings(p, options)
	return func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		p := s.pipelineFor(method)
		if p == nil {
			return streamer(ctx, desc, cc, method, opts...)
		}
		c := &clientStream{settings: s, desc: desc, method: method, opts: opts, settled: make(chan struct{})}
		c.ctx, c.cancel = context.WithCancel(ctx)
		c.changed.L = &c.mu
		c.open = func(ctx context.Context) (grpc.ClientStream, error) {
			return streamer(ctx, desc, cc, method, opts...)
		}
		go c.run(p)
		if err := c.opened(); err != nil {
			return nil, err
		}
		return c, nil
	}
}

// clientStream is a stream that may begin anew.
type clientStream struct {
	*settings
	ctx    context.Context //nolint:containedctx // the call's
	cancel context.CancelFunc
	desc   *grpc.StreamDesc
	method string
	opts   []grpc.CallOption
	open   func(ctx context.Context) (grpc.ClientStream, error)

	attempts int           // of run's goroutine
	repeated chan struct{} // likewise; closed when the current stream has all that was kept

	// mu is never held while something is sent: that may wait until the server's messages are received.
	mu      sync.Mutex
	changed sync.Cond         // any of the following, or settled
	begun   bool              // there has been one
	stream  grpc.ClientStream // the current one; nil between two
	ready   bool              // what was kept has been sent on it, so that the next message may be
	sending bool              // SendMsg is at it
	kept    []any
	size    int  // of kept, in bytes
	closed  bool // CloseSend was called
	full    bool // no longer all that was sent is kept

	// What follows is written once, before settled is closed.
	settled  chan struct{} // the pipeline is through
	err      error         // how it ended: io.EOF for a stream that ended well without a header
	panicked any
	trailer  metadata.MD // if it failed
}

// run takes the stream through p, until it is settled.
func (c *clientStream) run(p *holdfast.Pipeline) {
	err := resilience.ErrAborted
	defer func() { c.settle(err, recover()) }()
	ended := false
	err = final(p.Do(c.ctx, func(ctx context.Context) (err error) {
		ended, err = c.attempt(ctx)
		return err
	}))
	if err == nil && ended {
		err = io.EOF
	}
}

func (c *clientStream) settle(err error, panicked any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.panicked = err, panicked
	if c.ready {
		c.kept = nil
	}
	if err != nil {
		c.cancel()
	}
	close(c.settled)
	c.changed.Broadcast()
}

// attempt opens a stream, repeats on it what was sent, and waits for the server's header. It reports whether the stream
// ended well without one.
//
// ctx ends with the attempt, and must not take a stream with it that lives on, so it is tied
// to the stream only until then.
func (c *clientStream) attempt(ctx context.Context) (ended bool, err error) {
	streamCtx, cancel := context.WithCancel(c.ctx)
	if c.attempts > 0 {
		streamCtx = again(streamCtx, c.attempts)
		forget(c.opts)
	}
	c.attempts++
	untie := context.AfterFunc(ctx, cancel)
	c.trailer = nil
	stream, err := c.open(streamCtx)
	if err == nil {
		ended, err = c.begin(stream)
	}
	if tied := untie(); !tied && !ended && err == nil { // ctx has ended: the stream is lost
		err = status.FromContextError(ctx.Err()).Err()
	}
	if err == nil {
		return ended, nil // and cancel comes with c.cancel
	}
	cancel()
	asked := readPushback(c.trailer)
	asked.stop = asked.stop || c.leave(stream)
	return false, c.failed(ctx, c.method, err, asked, stream == nil)
}

// leave waits until nothing is sent on stream, which has ended, any more. It reports whether
// there can be no other, since not all that was sent is kept.
func (c *clientStream) leave(stream grpc.ClientStream) (full bool) {
	if stream != nil {
		<-c.repeated
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream, c.ready = nil, false
	for c.sending {
		c.changed.Wait()
	}
	return c.full
}

// begin makes stream the current one, and waits for its header.
func (c *clientStream) begin(stream grpc.ClientStream) (ended bool, err error) {
	c.repeated = make(chan struct{})
	c.mu.Lock()
	c.stream, c.begun = stream, true
	c.ready = len(c.kept) == 0 && !c.closed
	ready := c.ready
	c.changed.Broadcast()
	c.mu.Unlock()
	if ready {
		close(c.repeated)
	} else {
		go c.repeat(stream) // which may wait until the server's messages are received
	}
	if header, _ := stream.Header(); header != nil { // its error is to be had from RecvMsg
		return false, nil
	}
	err = stream.RecvMsg(&emptypb.Empty{}) // there is no message: only the status
	if err == io.EOF {                     //nolint:errorlint // gRPC documents this very value
		return true, nil
	}
	c.trailer = stream.Trailer()
	return false, err
}

// opened waits for the first stream. It returns an error only if there was none: else RecvMsg has it.
func (c *clientStream) opened() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.begun && !c.isSettled() {
		c.changed.Wait()
	}
	if !c.begun {
		return c.outcome()
	}
	return nil
}

func (c *clientStream) isSettled() bool {
	select {
	case <-c.settled:
		return true
	default:
		return false
	}
}

// outcome returns how the pipeline ended, once it is settled.
func (c *clientStream) outcome() error {
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.err
}

// RecvMsg receives from the committed stream.
func (c *clientStream) RecvMsg(m any) error {
	<-c.settled
	if err := c.outcome(); err != nil {
		return err
	}
	err := c.stream.RecvMsg(m)
	if err != nil || !c.desc.ServerStreams {
		c.cancel() // it is over
	}
	return err
}

// Header returns the committed stream's header.
func (c *clientStream) Header() (metadata.MD, error) {
	<-c.settled
	if c.outcome() != nil {
		return nil, nil // as gRPC has it: RecvMsg has the error
	}
	return c.stream.Header()
}

// Trailer returns the trailer of the last attempt.
func (c *clientStream) Trailer() metadata.MD {
	<-c.settled
	if c.stream == nil {
		return c.trailer
	}
	return c.stream.Trailer()
}

// Context returns the committed stream's ctx, and the call's before there is one.
func (c *clientStream) Context() context.Context {
	if !c.isSettled() || c.stream == nil {
		return c.ctx
	}
	return c.stream.Context()
}
