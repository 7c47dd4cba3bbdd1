package holdfastgrpc

import (
	"context"
	"io"

	"google.golang.org/grpc/metadata"
)

// opened waits until there is a stream. It returns an error only if there never was a stream;
// otherwise RecvMsg returns the error.
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

// outcome returns the error of the pipeline, or panics if the pipeline did. Call it only after
// settled is closed.
func (c *clientStream) outcome() error {
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.err
}

// RecvMsg receives from the committed stream. Its errors are the server's, wrapped with what is
// known of them, and of the attempts before it.
func (c *clientStream) RecvMsg(m any) error {
	<-c.settled
	if err := c.outcome(); err != nil {
		return err
	}
	<-c.headerCame
	c.rethrow()
	err := c.stream.RecvMsg(m)
	if err == nil {
		c.received = true
	}
	if err != nil && err != io.EOF { //nolint:errorlint // gRPC documents this very value
		_, err = c.failed(c.ctx, c.method, err, ending{trailer: c.stream.Trailer(), begun: c.received || c.isUnfit()})
		err = final(err, c.doubt, c.mayRepeat(c.ctx, c.method))
	}
	if err != nil || !c.desc.ServerStreams {
		c.cancel() // the stream is over
	}
	return err
}

// isUnfit reports whether gRPC could not send a message. The handler may have those before it.
func (c *clientStream) isUnfit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unfit
}

// Header returns the committed stream's header.
func (c *clientStream) Header() (metadata.MD, error) {
	<-c.settled
	if c.outcome() != nil {
		return nil, nil // as gRPC has it: RecvMsg has the error
	}
	<-c.headerCame
	c.rethrow()
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

// Context returns the committed stream's ctx, or the call's ctx if no stream is committed yet.
func (c *clientStream) Context() context.Context {
	if !c.isSettled() || c.stream == nil {
		return c.ctx
	}
	return c.stream.Context()
}
