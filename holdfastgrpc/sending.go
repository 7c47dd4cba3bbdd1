package holdfastgrpc

import (
	"io"

	"google.golang.org/grpc"
)

// SendMsg sends m on the current stream, and keeps it for the next one.
func (c *clientStream) SendMsg(m any) error {
	stream, kept := c.keep(m)
	err := io.EOF // RecvMsg has the error
	switch {
	case stream != nil:
		err = c.send(stream, m)
	case kept:
		return nil // repeat will send it
	}
	if err == io.EOF && (kept || !c.desc.ClientStreams) { //nolint:errorlint // gRPC documents this very value
		return nil // the next attempt sends m again, or RecvMsg says why not; generated code needs nil for a single message
	}
	return err
}

func (c *clientStream) send(stream grpc.ClientStream, m any) (err error) {
	defer func() { // even after a panic: leave waits for this
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sending = false
		c.changed.Broadcast()
		if err != nil && err != io.EOF { //nolint:errorlint // gRPC documents this very value
			c.full, c.unfit = true, true
		}
	}()
	return stream.SendMsg(m)
}

// keep keeps m for another attempt, if there may be one. It returns the stream to send m on, or nil
// if repeat will send it or the call has ended.
func (c *clientStream) keep(m any) (stream grpc.ClientStream, kept bool) {
	size, known := sizeOf(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.largest = max(c.largest, size)
	for {
		settled := c.isSettled()
		if settled && c.outcome() != nil {
			return nil, false
		}
		kept = known && !c.full && c.size+size <= c.buffer && !(settled && c.ready)
		if kept {
			c.kept, c.size = append(c.kept, m), c.size+size
		}
		switch {
		case c.ready:
			if !kept && !c.full {
				c.full, c.kept = true, nil
				close(c.overflowed) // this commits the stream
			}
			c.sending = true
			return c.stream, kept
		case kept:
			return nil, true
		}
		c.changed.Wait()
	}
}

// CloseSend closes the sending side of this and all later attempts.
func (c *clientStream) CloseSend() error {
	c.mu.Lock()
	c.closed = true
	stream, ready := c.stream, c.ready
	c.mu.Unlock()
	if !ready {
		return nil // repeat will close it
	}
	return stream.CloseSend()
}

// repeat sends the kept messages on stream, including those that are added meanwhile. It returns at
// the latest when stream ends.
func (c *clientStream) repeat(stream grpc.ClientStream, cancel func()) {
	defer close(c.repeated)
	defer c.catch(cancel)
	var failed error
	for i := 0; failed == nil; i++ {
		c.mu.Lock()
		if i == len(c.kept) && !c.closed {
			c.beReady()
			c.mu.Unlock()
			return
		}
		if i == len(c.kept) {
			c.mu.Unlock()
			_ = stream.CloseSend()
			break
		}
		m := c.kept[i]
		c.mu.Unlock()
		failed = stream.SendMsg(m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if failed != nil && failed != io.EOF { //nolint:errorlint // gRPC documents this very value
		c.full, c.unfit = true, true
	}
	c.beReady() // if it failed, the next message fails too
}

// beReady lets SendMsg send on the current stream. mu must be held.
func (c *clientStream) beReady() {
	c.ready = true
	if c.isSettled() {
		c.kept = nil
	}
	c.changed.Broadcast()
}
