package holdfastconnect

import (
	"io"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
)

// Spec returns the call's spec.
func (c *clientStream) Spec() connect.Spec { return c.spec }

// Peer returns the server.
func (c *clientStream) Peer() connect.Peer { return c.first.conn.Peer() }

// RequestHeader returns the headers that the first attempt sends. What the caller changes before
// the first Send is sent by all attempts.
func (c *clientStream) RequestHeader() http.Header { return c.first.conn.RequestHeader() }

// Send sends m on the current stream, and keeps a copy for the next one.
func (c *clientStream) Send(m any) error {
	c.start()
	o, kept := c.keep(m)
	var err error = connect.NewError(connect.CodeUnknown, io.EOF) // as Connect's: Receive has the error
	switch {
	case o != nil:
		err = c.send(o, m)
	case kept:
		return nil // repeat will send it
	case !c.begun: // nothing was sent: the pipeline has refused the call
		return c.outcome()
	}
	if e, ok := asConnect(err); err == nil || ok && newFault(e).notSent() {
		return err
	}
	if kept || c.spec.StreamType == connect.StreamTypeServer {
		return nil // the next attempt sends m again, or Receive says why not
	}
	return err
}

func (c *clientStream) send(o *opened, m any) (err error) {
	defer func() { // even after a panic: leave waits for this
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sending = false
		c.cannotSend(err)
		c.changed.Broadcast()
	}()
	return o.conn.Send(m)
}

// cannotSend notes that Connect could not send a message at all, if err says so. mu must be held.
func (c *clientStream) cannotSend(err error) {
	if e, ok := asConnect(err); ok && newFault(e).notSent() {
		c.full, c.unfit = true, true
	}
}

// keep keeps a copy of m for another attempt, if there may be one. It returns the stream to send m
// on, or nil if repeat will send it or the call has ended.
func (c *clientStream) keep(m any) (o *opened, kept bool) {
	message, known := m.(proto.Message)
	size := 0
	if known {
		size = proto.Size(message)
	}
	known = known || m == nil // which sends only the headers
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		settled := c.isSettled()
		if settled && (c.committed == nil || c.over) {
			return nil, false
		}
		kept = known && !c.full && c.size+size <= c.buffer && !(settled && c.ready)
		if kept {
			if m != nil {
				m = proto.Clone(message) // the caller may change it after Send, which Connect allows
			}
			c.kept, c.size = append(c.kept, m), c.size+size
		}
		switch {
		case c.ready:
			if !kept && !c.full {
				c.full, c.kept = true, nil
				close(c.overflowed) // this commits the stream
			}
			c.sending = true
			return c.current, kept
		case kept:
			return nil, true
		}
		c.changed.Wait()
	}
}

// CloseRequest closes the sending side of this and all later attempts.
func (c *clientStream) CloseRequest() error {
	c.start()
	c.mu.Lock()
	c.closed = true
	o, ready := c.current, c.ready
	c.mu.Unlock()
	if !ready {
		return nil // repeat will close it
	}
	return o.conn.CloseRequest()
}

// repeat sends the kept messages on o, including those that are added meanwhile. It returns at the
// latest when o ends.
func (c *clientStream) repeat(o *opened) {
	defer close(o.repeated)
	defer c.catch(o)
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
			_ = o.conn.CloseRequest()
			break
		}
		m := c.kept[i]
		c.mu.Unlock()
		failed = o.conn.Send(m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cannotSend(failed)
	c.beReady() // if it failed, the next message fails too
}

// beReady lets Send send on the current stream. mu must be held.
func (c *clientStream) beReady() {
	c.ready = true
	if c.isSettled() {
		c.kept = nil
	}
	c.changed.Broadcast()
}
