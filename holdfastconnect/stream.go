package holdfastconnect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func (i *clientInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		p, err := i.pipelines.For(spec.Procedure)
		switch {
		case err != nil:
			return newFailedConn(ctx, next, spec, noPipeline(spec.Procedure, err))
		case p == nil:
			return next(ctx, spec)
		}
		c := &clientStream{
			options: i.options, spec: spec, pipeline: p, next: next,
			overflowed: make(chan struct{}), settled: make(chan struct{}),
		}
		c.ctx, c.cancel = context.WithCancel(ctx)
		c.changed.L = &c.mu
		c.first = c.open()
		c.untouched = c.first.conn.RequestHeader().Clone()
		return c
	}
}

// clientStream is a stream that can be opened more than once. Connect sends nothing before the
// first Send, CloseRequest or Receive: then the pipeline begins.
type clientStream struct {
	*options
	ctx      context.Context //nolint:containedctx // the call's
	cancel   context.CancelFunc
	spec     connect.Spec
	pipeline *holdfast.Pipeline
	next     connect.StreamingClientFunc

	once      sync.Once
	first     *opened     // the first attempt
	untouched http.Header // its request headers, before the caller could change them
	callers   http.Header // what the caller changed; written before the pipeline begins

	attempts int // used only by run's goroutine

	// mu is never held while a message is sent or received.
	mu       sync.Mutex
	changed  sync.Cond // one of the following fields changed, or settled was closed
	begun    bool      // there was an attempt
	current  *opened   // nil between two attempts
	ready    bool      // all that was kept was sent on it: the next message may be sent
	sending  bool      // Send is sending
	answered bool      // the server has begun to answer: Receive may decide the attempt
	taken    bool      // Receive decides it
	kept     []any
	size     int  // of kept, in bytes
	closed   bool // CloseRequest was called
	full     bool // some sent message is not kept: no other attempt is possible
	unfit    bool // Connect could not send a message at all
	thrown   any  // panic of an inner interceptor in a goroutine of this package
	over     bool // the committed stream has ended, and is closed

	overflowed chan struct{} // closed when the sent messages exceed the buffer

	// The following fields are written before settled is closed, and not changed after that.
	settled   chan struct{} // the pipeline has ended
	committed *opened       // nil if the pipeline failed
	doubt     bool          // some attempt before the committed one may have been carried out
	err       error         // of the pipeline
	panicked  any

	// The following fields are used by the goroutine that receives.
	end     error // of the committed stream; nil until it is over
	closing error // of CloseResponse
}

// opened is a stream of one attempt.
type opened struct {
	conn     connect.StreamingClientConn
	cancel   context.CancelCauseFunc
	wire     wire
	came     chan struct{} // closed when the header arrived, or no longer can
	repeated chan struct{} // closed when the stream has all that was kept
	verdict  chan error    // of Receive: its error, nil if the stream is to be committed
	begun    bool          // the server has sent messages; used by Receive only
}

// open makes a stream for an attempt. Nothing is sent yet.
func (c *clientStream) open() *opened {
	o := &opened{came: make(chan struct{}), repeated: make(chan struct{}), verdict: make(chan error, 1)}
	var ctx context.Context
	ctx, o.cancel = o.wire.start(c.ctx, c.repetition(c.ctx, c.spec))
	o.conn = c.next(ctx, c.spec)
	return o
}

// start begins the pipeline, and waits until it has an attempt or refuses the call. The request
// headers are complete now.
func (c *clientStream) start() {
	c.once.Do(func() {
		c.callers = changes(c.untouched, c.first.conn.RequestHeader())
		go c.run()
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.begun && !c.isSettled() {
		c.changed.Wait()
	}
}

// changes returns the headers of after that differ from those of before, nil for those that it
// lacks.
func changes(before, after http.Header) http.Header {
	changed := http.Header{}
	for name, values := range after {
		if !slices.Equal(before[name], values) {
			changed[name] = slices.Clone(values)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			changed[name] = nil
		}
	}
	return changed
}

// run sends the stream through the pipeline, until it is settled.
func (c *clientStream) run() {
	err := resilience.ErrAborted
	defer func() { c.settle(err, recover()) }()
	err = c.pipeline.Do(c.ctx, c.attempt)
	err = final(err, c.doubt, err != nil && c.mayRepeat(c.ctx, c.spec))
}

func (c *clientStream) settle(err error, panicked any) {
	c.mu.Lock()
	c.err, c.panicked = err, panicked
	c.answered = false
	if c.ready {
		c.kept = nil
	}
	if err == nil && panicked == nil {
		c.committed = c.current
	}
	c.mu.Unlock()
	if c.committed == nil {
		c.abandon()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.settled)
	c.changed.Broadcast()
}

// abandon ends a stream that has failed. Interceptors inside may wait for CloseResponse.
func (c *clientStream) abandon() {
	c.cancel()
	if c.attempts == 0 {
		_ = c.first.conn.CloseResponse()
	}
}

// attempt opens a stream, sends the kept messages on it again, and waits until it is committed.
//
// ctx ends with the attempt, but must not end a stream that lives longer. So the stream has the
// call's ctx.
func (c *clientStream) attempt(ctx context.Context) error {
	o := c.first
	if c.attempts > 0 {
		o = c.open()
		h := o.conn.RequestHeader()
		for name, values := range c.callers {
			if h[name] = slices.Clone(values); values == nil {
				delete(h, name)
			}
		}
		again(h, c.attempts)
	}
	c.attempts++
	ended := false
	defer func() {
		if !ended { // a panic
			o.cancel(nil)
		}
	}()
	err := c.begin(ctx, o)
	ended = true
	if err == nil {
		return nil // c.cancel will cancel it
	}
	o.cancel(nil)
	how := c.leave(o)
	how.unconnected = c.unconnected(o)
	_ = o.conn.CloseResponse()
	c.rethrow()
	doubt, err := c.failed(ctx, c.spec, err, &o.wire, how)
	c.doubt = c.doubt || doubt
	return err
}

// leave waits until no goroutine uses o, which has ended.
func (c *clientStream) leave(o *opened) ending {
	<-o.repeated
	<-o.came
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.ready, c.answered = nil, false, false
	for c.sending || c.taken {
		c.changed.Wait()
	}
	return ending{stop: c.full, unfit: c.unfit, parts: c.inParts()}
}

// unconnected ends o, which has failed, if it waits for a connection. It reports whether net/http
// got none, and will get none. connect-go makes the request of a client's stream in a goroutine,
// and does not wait for it when the ctx ends: net/http may just have got the connection that it
// waited for. Over HTTP/1.1 it sends the request then. It sends nothing over HTTP/2, which a stream
// in both directions needs.
func (c *clientStream) unconnected(o *opened) bool {
	if !o.wire.dialing() {
		return false
	}
	o.cancel(nil)
	if c.spec.StreamType == connect.StreamTypeClient && !o.wire.settle() {
		return false
	}
	return o.wire.dialing()
}

// inParts reports whether the handler begins before it has all messages.
func (c *clientStream) inParts() bool { return c.spec.StreamType&connect.StreamTypeClient != 0 }

// begin makes o the current stream, and waits until it is committed or has failed.
func (c *clientStream) begin(ctx context.Context, o *opened) error {
	c.mu.Lock()
	c.current, c.begun = o, true
	c.ready = len(c.kept) == 0 && !c.closed
	ready := c.ready
	c.changed.Broadcast()
	c.mu.Unlock()
	if ready {
		close(o.repeated)
	} else {
		go c.repeat(o) // it may block until the server's messages are received
	}
	answers := false
	go func() {
		defer close(o.came)
		defer c.catch(o)
		answers = len(o.conn.ResponseHeader()) > 0
	}()
	select {
	case <-o.came:
	case <-c.overflowed:
		return nil
	case <-ctx.Done():
		if c.ctx.Err() == nil && !c.headers && !o.wire.dialing() {
			return nil
		}
		o.cancel(nil)
		<-o.came
		return endOf(ctx)
	}
	c.rethrow()
	if !answers && o.wire.asked.Load() { // net/http has no response: there is only the error
		if err := o.conn.Receive(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return c.await(ctx, o)
}

// await waits until Receive has decided the attempt. The server has begun to answer, so no deadline
// ends the stream any more.
func (c *clientStream) await(ctx context.Context, o *opened) error {
	c.mu.Lock()
	c.answered = true
	c.changed.Broadcast()
	c.mu.Unlock()
	select {
	case err := <-o.verdict:
		return err
	case <-c.overflowed:
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.answered = false
	taken := c.taken
	c.mu.Unlock()
	if c.ctx.Err() == nil {
		return nil
	}
	if taken { // it returns soon, since its ctx has ended
		return <-o.verdict
	}
	return endOf(c.ctx)
}

// endOf returns the error of a stream that ended with ctx.
func endOf(ctx context.Context) error {
	e, _ := coded(ctx, ctx.Err())
	return e
}

// catch stores a panic for rethrow, and ends the stream. Otherwise a panic in a goroutine of this
// package would end the process.
func (c *clientStream) catch(o *opened) {
	thrown := recover()
	if thrown == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thrown, c.full = thrown, true
	c.beReady()
	o.cancel(nil)
}

// rethrow panics with the value that catch stored. It runs in run's goroutine, whose panic is
// raised in the caller's, or in the caller's.
func (c *clientStream) rethrow() {
	c.mu.Lock()
	thrown := c.thrown
	c.mu.Unlock()
	if thrown != nil {
		panic(thrown)
	}
}
