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

// StreamClientInterceptor returns an interceptor that sends the beginning of streams through p. The
// package comment has the rules. The beginning lasts until the server's header arrives, which is
// sent with the first message at the latest, or until the stream ends without a header. Then the
// stream is committed, as gRPC calls it: it is not retried, and no deadline of p ends it. Later
// errors are the server's; they are resilience.ErrOutcomeUnknown too.
//
// Until then, sent messages are kept, and sent again in the next attempt. So client streams and
// bidirectional streams are retried too. A stream is committed early if the sent messages exceed
// the buffer (see [WithStreamBuffer]). It is also committed if an attempt's deadline passes before
// the server has answered, since a subscription may be quiet for long; [WithStreamDeadline] makes
// that a failure instead. As gRPC requires, a message must not be changed after it was sent.
//
// SendMsg returns nil if the next attempt can send the message again. If no attempt sends it,
// RecvMsg returns the reason. Header and RecvMsg wait until the stream is committed, or has finally
// failed. A stream uses one goroutine until it is committed, another while it sends messages again,
// and another until its header arrives. If one of p's observers or classifiers panics, the panic is
// raised in the caller's goroutine.
//
// p may be nil if [WithPipelines] chooses a pipeline for every method. The error names every
// problem. The interceptor is safe for concurrent use.
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

	attempts int           // used only by run's goroutine
	repeated chan struct{} // likewise; closed when the current stream has all that was kept

	// mu is never held while a message is sent: that may block until the server's messages are
	// received.
	mu      sync.Mutex
	changed sync.Cond         // one of the following fields changed, or settled was closed
	begun   bool              // there was a stream
	stream  grpc.ClientStream // the current one; nil between two attempts
	ready   bool              // all that was kept was sent on it: the next message may be sent
	sending bool              // SendMsg is sending
	kept    []any
	size    int  // of kept, in bytes
	closed  bool // CloseSend was called
	full    bool // some sent message is not kept: no other attempt is possible
	unfit   bool // gRPC could not send a message at all
	thrown  any  // panic of an inner interceptor in a goroutine of this package
	largest int  // size of the largest message, in bytes

	received bool // a message of the server; used by RecvMsg only

	overflowed chan struct{} // closed when the sent messages exceed the buffer

	// The following fields are written before settled is closed, and not changed after that.
	settled    chan struct{} // the pipeline has ended
	doubt      bool          // some attempt before the committed one may have been carried out
	err        error         // of the pipeline; io.EOF if the stream succeeded without a header
	panicked   any
	trailer    metadata.MD     // if it failed
	headerCame <-chan struct{} // closed when the header arrived, or no longer can
}

// run sends the stream through p, until it is settled.
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

// attempt opens a stream, sends the kept messages on it again, and waits until it is committed. It
// reports whether the stream ended with success and without a header.
//
// ctx ends with the attempt, but must not end a stream that lives longer. So ctx cancels the stream
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
		return ended, nil // c.cancel will cancel streamCtx
	}
	cancel()
	how := ending{trailer: c.trailer, repeated: w.repeated()}
	if stream == nil {
		how.unsent = w.unsent(err)
	}
	c.leave(stream, &how)
	c.rethrow()
	doubt, err := c.failed(ctx, c.method, err, how)
	c.doubt = c.doubt || doubt
	return false, err
}

// leave waits until no goroutine sends on stream, which has ended. It records in how what is known
// of the sent messages.
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
	how.begun = c.unfit && stream != nil // the handler runs before it has all messages
	how.sent, how.limit = c.largest, sendLimit(c.opts)
}

// begin makes stream the current one, and waits until it is committed: its header arrived, the sent
// messages exceed the buffer, or the attempt's deadline passed (without [WithStreamDeadline]).
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
		go c.repeat(stream, cancel) // it may block until the server's messages are received
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
		timeUp = nil // the deadline ends the stream, and so the wait
	}
	select {
	case <-came:
	case <-c.overflowed:
		return false, nil
	case <-timeUp:
		if c.ctx.Err() == nil {
			return false, nil
		}
		<-came // the caller's ctx has ended, which ends the stream
	}
	c.rethrow()
	if header != nil {
		return false, nil
	}
	err = stream.RecvMsg(&emptypb.Empty{}) // without a header there is no message, only the status
	if err == io.EOF {                     //nolint:errorlint // gRPC documents this very value
		return true, nil
	}
	c.trailer = stream.Trailer()
	return false, err
}

// catch stores a panic for rethrow, and ends the stream. Otherwise a panic in a goroutine of this
// package would end the process.
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

// rethrow panics with the value that catch stored. It runs in the caller's goroutine.
func (c *clientStream) rethrow() {
	c.mu.Lock()
	thrown := c.thrown
	c.mu.Unlock()
	if thrown != nil {
		panic(thrown)
	}
}
