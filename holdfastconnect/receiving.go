package holdfastconnect

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast/resilience"
)

func (c *clientStream) isSettled() bool {
	select {
	case <-c.settled:
		return true
	default:
		return false
	}
}

// outcome returns the error of the pipeline, or panics if the pipeline did. Call it only after
// settled is closed.
func (c *clientStream) outcome() error {
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.err
}

// take waits until there is a stream to receive from: the committed one, or that of an attempt
// which Receive decides. It returns neither if the pipeline has failed.
func (c *clientStream) take() (committed, undecided *opened) {
	c.start()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.isSettled():
			return c.committed, nil
		case c.answered:
			c.answered, c.taken = false, true
			return nil, c.current
		}
		c.changed.Wait()
	}
}

// decide ends the attempt of o: with its error, or nil to commit it.
func (c *clientStream) decide(o *opened, err error) {
	o.verdict <- err
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = false
	c.changed.Broadcast()
}

// Receive receives from the committed stream, or commits one. Its errors are the server's, wrapped
// with what is known of them, and of the attempts before it. Once the stream is over it returns the
// same error again.
func (c *clientStream) Receive(m any) error {
	if c.end != nil {
		return c.end
	}
	var tried *opened
	var err error
	for {
		committed, undecided := c.take()
		switch {
		case committed == nil && undecided == nil:
			return c.outcome()
		case committed == nil:
			tried, err = undecided, c.receiveFirst(undecided, m)
			continue
		case committed != tried:
			<-committed.came
			c.rethrow()
			err = committed.conn.Receive(m)
		}
		return c.received(committed, err)
	}
}

// receiveFirst receives the first message of an attempt, which decides it.
func (c *clientStream) receiveFirst(o *opened, m any) (err error) {
	verdict := resilience.ErrAborted // after a panic
	defer func() { c.decide(o, verdict) }()
	err = o.conn.Receive(m)
	if verdict = err; errors.Is(err, io.EOF) {
		verdict = nil
	}
	return err
}

// isUnfit reports whether Connect could not send a message at all.
func (c *clientStream) isUnfit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unfit
}

// received returns the result of a Receive on the committed stream, and closes it if it is over.
func (c *clientStream) received(o *opened, err error) error {
	if err == nil {
		o.begun = true
		return nil
	}
	if !errors.Is(err, io.EOF) {
		_, err = c.failed(c.ctx, c.spec, err, &o.wire, ending{
			begun: o.begun, unfit: c.isUnfit(), parts: c.inParts(), unconnected: c.unconnected(o),
		})
		err = final(err, c.doubt, c.mayRepeat(c.ctx, c.spec))
	}
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.end, c.closing = err, o.conn.CloseResponse()
	c.cancel()
	return err
}

// commit returns the committed stream, or nil if the pipeline has failed. It commits one whose
// server has begun to answer.
func (c *clientStream) commit() *opened {
	for {
		committed, undecided := c.take()
		if undecided == nil {
			return committed
		}
		c.decide(undecided, nil)
		<-c.settled
	}
}

// ResponseHeader returns the header of the committed stream, and commits one.
func (c *clientStream) ResponseHeader() http.Header {
	if o := c.commit(); o != nil {
		<-o.came
		return o.conn.ResponseHeader()
	}
	return http.Header{}
}

// ResponseTrailer returns the trailer of the committed stream, and commits one.
func (c *clientStream) ResponseTrailer() http.Header {
	if o := c.commit(); o != nil {
		<-o.came
		return o.conn.ResponseTrailer()
	}
	return http.Header{}
}

var errClosed = errors.New("the stream was closed before anything was sent")

// CloseResponse ends the stream.
func (c *clientStream) CloseResponse() error {
	c.once.Do(func() { c.settle(connect.NewError(connect.CodeCanceled, errClosed), nil) })
	c.mu.Lock()
	var undecided *opened
	if c.answered {
		c.answered, c.taken = false, true
		undecided = c.current
	}
	over := c.over
	c.mu.Unlock()
	switch {
	case over:
		return c.closing
	case undecided != nil:
		c.decide(undecided, nil)
	case !c.isSettled():
		c.cancel() // nobody waits for the answer any more
	}
	<-c.settled
	defer c.cancel()
	if c.committed == nil {
		return nil
	}
	return c.committed.conn.CloseResponse()
}

// newFailedConn returns a stream that fails with err before anything is sent.
func newFailedConn(ctx context.Context, next connect.StreamingClientFunc, spec connect.Spec, err error) connect.StreamingClientConn {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	conn := next(ctx, spec)
	_ = conn.CloseResponse() // interceptors inside may wait for it
	return &failedConn{conn, err}
}

// failedConn is a stream that fails before anything is sent.
type failedConn struct {
	connect.StreamingClientConn

	err error
}

func (c *failedConn) Send(any) error               { return c.err }
func (c *failedConn) CloseRequest() error          { return c.err }
func (c *failedConn) Receive(any) error            { return c.err }
func (c *failedConn) ResponseHeader() http.Header  { return http.Header{} }
func (c *failedConn) ResponseTrailer() http.Header { return http.Header{} }
func (c *failedConn) CloseResponse() error         { return nil }
