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

// StreamClientInterceptor returns an interceptor that takes the beginning of streams through p, by
// the rules in the package's comment. The beginning is the time until the server's header is here,
// which servers send with their first message if not before, or until the stream has ended without
// one. Then the stream is committed, as gRPC calls it: it is not retried, and no deadline of p ends
// it. Its errors are the server's; they say resilience.ErrOutcomeUnknown too.
//
// What was sent until then is kept, and sent again in the next attempt. So streams from the client
// and in both directions are retried as well. A stream is committed early if more is sent than is
// kept (see [WithStreamBuffer]), and if an attempt's time is over while the server has said
// nothing: a subscription may be quiet for long. [WithStreamDeadline] makes that a failure. As gRPC
// demands, a message must not be changed after it was sent.
//
// SendMsg returns nil if the next attempt may send the message again; if it is not sent, RecvMsg
// says why. Header and RecvMsg wait until the stream is committed, or has failed for good. A stream
// takes a goroutine until it is committed, another while it sends again, and another until its
// header is here. A panic in one of p's observers or classifiers is thrown in the caller's
// goroutine.
//
// p may be nil if [WithPipelines] chooses one for every method. The error names everything that is
// wrong. The interceptor is safe for concurrent use.
func StreamClientInterceptor(p *holdfast.Pipeline, opts ...Option) (grpc.StreamClientInterceptor, error) {
	o, err := clientOptions(p, opts)
	if err != nil {
		return nil, err
	}
	return o.streamClient, nil
}

func (o *options) streamClient(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	p, err := o.pipelines.For(method)
	switch {
	case err != nil:
		return nil, noPipeline(method, err)
	case p == nil:
		return streamer(ctx, desc, cc, method, opts...)
	}
	c := &clientStream{
		options: o, desc: desc, method: method, opts: opts,
		overflowed: make(chan struct{}), settled: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.changed.L = &c.mu
	c.open = func(ctx context.Context, opts []grpc.CallOption) (grpc.ClientStream, error) {
		return streamer(ctx, desc, cc, method, opts...)
	}
	go c.run(p)
	if err := c.opened(); err != nil {
		return nil, err
	}
	return c, nil
}

// clientStream is a stream that can be opened more than once.
type clientStream struct {
	*options
	ctx    context.Context //nolint:containedctx // the call's
	cancel context.CancelFunc
	desc   *grpc.StreamDesc
	method string
	opts   []grpc.CallOption
	open   func(ctx context.Context, opts []grpc.CallOption) (grpc.ClientStream, error)

	attempts int           // of run's goroutine
	doubt    bool          // likewise; an attempt may have been carried out
	repeated chan struct{} // likewise; closed when the current stream has all that was kept

	// mu is never held while something is sent: that may wait until the server's messages are
	// received.
	mu      sync.Mutex
	changed sync.Cond         // any of the following, or settled
	begun   bool              // there was a stream
	stream  grpc.ClientStream // the current one; nil between two attempts
	ready   bool              // all that was kept was sent on it: the next message may be sent
	sending bool              // SendMsg is sending
	kept    []any
	size    int  // of kept, in bytes
	closed  bool // CloseSend was called
	full    bool // some of what was sent is not kept
	unfit   bool // a message could not be sent at all
	thrown  any  // by an interceptor inside, in a goroutine that is not the caller's
	largest int  // of the messages, in bytes

	overflowed chan struct{} // closed when more was sent than is kept

	// What follows is written once, before settled is closed.
	settled    chan struct{} // the pipeline has ended
	err        error         // how it ended: io.EOF for a stream that ended well without a header
	panicked   any
	trailer    metadata.MD     // if it failed
	headerCame <-chan struct{} // closed when it came, or cannot come any more
}

// run takes the stream through p, until it is settled.
func (c *clientStream) run(p *holdfast.Pipeline) {
	err := resilience.ErrAborted
	defer func() { c.settle(err, recover()) }()
	ended := false
	err = p.Do(c.ctx, func(ctx context.Context) (err error) {
		ended, err = c.attempt(ctx)
		return err
	})
	if err = final(err, c.doubt, err != nil && c.mayRepeat(c.ctx, c.method)); err == nil && ended {
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

// attempt opens a stream, repeats on it what was sent, and waits until it is committed. It reports
// whether the stream ended well without a header.
//
// ctx ends with the attempt, and must not end a stream that lives on. So it is tied to the stream
// only until the stream is committed.
func (c *clientStream) attempt(ctx context.Context) (ended bool, err error) {
	streamCtx, cancel := context.WithCancel(c.ctx)
	if c.attempts > 0 {
		streamCtx = again(streamCtx, c.attempts)
		forget(c.opts)
	}
	c.attempts++
	untie := context.AfterFunc(ctx, cancel)
	c.trailer = nil
	w := &wire{}
	stream, err := c.open(streamCtx, w.watched(c.opts))
	lost := false
	if err == nil {
		if !c.headers {
			lost = !untie()
		}
		ended, err = c.begin(ctx, stream, cancel)
	}
	if c.headers || stream == nil {
		lost = !untie()
	}
	if lost && !ended && err == nil { // ctx has ended: the stream is lost
		err = status.FromContextError(ctx.Err()).Err()
	}
	if err == nil {
		return ended, nil // and cancel comes with c.cancel
	}
	cancel()
	how := ending{trailer: c.trailer}
	if stream == nil {
		how.unsent = w.unsent(err)
	}
	c.leave(stream, &how)
	c.rethrow()
	doubt, err := c.failed(ctx, c.method, err, how)
	c.doubt = c.doubt || doubt
	return false, err
}

// leave waits until nothing is sent on stream, which has ended, and notes in how what is known of
// what was sent.
func (c *clientStream) leave(stream grpc.ClientStream, how *ending) {
	if stream != nil {
		<-c.repeated
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream, c.ready = nil, false
	for c.sending {
		c.changed.Wait()
	}
	how.stop, how.unfit = c.full, c.unfit
	how.sent, how.limit = c.largest, sendLimit(c.opts)
}

// begin makes stream the current one, and waits until it is committed: its header has come, more
// was sent than is kept, or the attempt's time is over and the server may be quiet.
func (c *clientStream) begin(ctx context.Context, stream grpc.ClientStream, cancel func()) (ended bool, err error) {
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
		go c.repeat(stream, cancel) // which may wait until the server's messages are received
	}
	var header metadata.MD
	came := make(chan struct{})
	go func() {
		defer close(came)
		defer c.catch(cancel)
		header, _ = stream.Header() // RecvMsg returns its error
	}()
	c.headerCame = came
	timeUp := ctx.Done()
	if c.headers {
		timeUp = nil // it ends the stream, and so the wait
	}
	select {
	case <-came:
	case <-c.overflowed:
		return false, nil
	case <-timeUp:
		if c.ctx.Err() == nil {
			return false, nil
		}
		<-came // the caller has left, which ends the stream
	}
	c.rethrow()
	if header != nil {
		return false, nil
	}
	err = stream.RecvMsg(&emptypb.Empty{}) // there is no message: only the status
	if err == io.EOF {                     //nolint:errorlint // gRPC documents this very value
		return true, nil
	}
	c.trailer = stream.Trailer()
	return false, err
}

// catch keeps a panic for rethrow, since it must not end the process from a goroutine of this
// package, and ends the stream.
func (c *clientStream) catch(cancel func()) {
	thrown := recover()
	if thrown == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thrown, c.full = thrown, true
	c.beReady()
	cancel()
}

// rethrow throws the panic that catch kept, in the caller's goroutine.
func (c *clientStream) rethrow() {
	c.mu.Lock()
	thrown := c.thrown
	c.mu.Unlock()
	if thrown != nil {
		panic(thrown)
	}
}
