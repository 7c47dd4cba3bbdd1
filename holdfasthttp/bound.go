package holdfasthttp

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// bound is the ctx of a request whose attempt has an earlier deadline than the caller's ctx, or
// which net/http may repeat without end. Until the response headers arrive, it ends with the
// attempt; after that, with the caller's ctx. It is then also the response's body, and is canceled
// at the body's end.
//
// It creates a standard ctx, which the attempt's end cancels, only when Done is called. Before that
// it asks the two other ctxs, which is cheaper.
type bound struct {
	io.ReadCloser // nil before the headers arrive

	caller  context.Context
	attempt context.Context
	state   atomic.Int32
	upload  *upload       // nil unless WithUploadStall is on
	limit   time.Duration // of the attempt, if upload is set

	mu     sync.Mutex
	ctx    context.Context // the standard ctx; nil before Done is called
	cancel context.CancelCauseFunc
	detach func() bool // from the attempt
	ended  bool        // end was called
	cause  error       // the argument of end
}

// The states of a bound.
const (
	waiting int32 = iota // for the headers
	answered
	expired
)

// bind initializes b, which must be zero, as the ctx of an attempt. limit is of use only with u.
func (b *bound) bind(attempt, caller context.Context, u *upload, limit time.Duration) {
	b.attempt, b.caller, b.upload, b.limit = attempt, caller, u, limit
	if u != nil {
		b.standard()
	}
}

// standard returns the standard ctx. It creates it if there is none yet.
func (b *bound) standard() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx != nil {
		return b.ctx
	}
	b.ctx, b.cancel = context.WithCancelCause(b.caller)
	switch {
	case b.ended:
		b.cancel(b.cause)
	case b.state.Load() == waiting && b.attempt.Done() != b.caller.Done():
		b.detach = context.AfterFunc(b.attempt, b.over)
	}
	return b.ctx
}

// made returns the standard ctx, nil if there is none yet, and whether end was called before there
// was one.
func (b *bound) made() (ctx context.Context, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ctx, b.ended
}

// Deadline returns the deadline of the caller's ctx.
func (b *bound) Deadline() (deadline time.Time, ok bool) { return b.caller.Deadline() }

// Done returns the Done channel of the standard ctx.
func (b *bound) Done() <-chan struct{} { return b.standard().Done() }

// Err returns nil until b has ended.
func (b *bound) Err() error {
	ctx, ended := b.made()
	switch {
	case ctx != nil:
		return ctx.Err()
	case !ended && b.state.Load() == waiting && b.attempt.Err() != nil:
		b.over()
		fallthrough
	case ended:
		return b.standard().Err()
	}
	return b.caller.Err()
}

// Value returns the value of the caller's ctx. If there is a standard ctx, it asks that, since
// package context uses Value to find the cause of a cancellation.
func (b *bound) Value(key any) any {
	if ctx, _ := b.made(); ctx != nil {
		return ctx.Value(key)
	}
	return b.caller.Value(key)
}

// end cancels b with cause.
func (b *bound) end(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ctx != nil:
		b.cancel(cause)
	case !b.ended:
		b.ended, b.cause = true, cause
	}
}

// endedBy reports whether b was canceled with exactly this cause. b may be nil.
func (b *bound) endedBy(cause error) bool { return b != nil && context.Cause(b) == cause } //nolint:errorlint // identity

// over is called when the attempt has ended. It runs in a goroutine of its own if there is a
// standard ctx. It waits as long as the upload makes progress.
func (b *bound) over() {
	for b.upload != nil && b.state.Load() == waiting {
		left := b.upload.left(b.limit)
		if left <= 0 {
			break
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-b.Done():
			timer.Stop()
			return
		}
	}
	if b.state.CompareAndSwap(waiting, expired) {
		b.end(context.Cause(b.attempt))
	}
}

// inTime detaches b from the attempt's ctx. It returns false if the attempt has already ended,
// whether or not over has run.
func (b *bound) inTime() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detach != nil {
		return b.detach()
	}
	return b.attempt.Err() == nil
}

// headersCame binds the body to the caller's ctx instead of the attempt's. It returns false if the
// attempt had already ended.
func (b *bound) headersCame(resp *http.Response) bool {
	if !b.inTime() && b.upload == nil {
		b.state.CompareAndSwap(waiting, expired)
		return false
	}
	if !b.state.CompareAndSwap(waiting, answered) {
		return false
	}
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		// The body is a connection, with methods that a wrapper would hide (CloseWrite). It is not
		// wrapped, and b ends with the caller's ctx.
	case resp.Body == http.NoBody:
		b.end(nil)
	default:
		b.ReadCloser = resp.Body
		resp.Body = b
		if w, ok := b.ReadCloser.(io.Writer); ok { // an upgrade with another status, by an unusual base
			resp.Body = boundConn{b, w}
		}
	}
	return true
}

// letGo detaches b from the attempt's ctx, and cancels it.
func (b *bound) letGo() {
	b.inTime()
	b.end(nil)
}

func (b *bound) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(nil)
	}
	return n, err
}

func (b *bound) Close() error {
	defer b.end(nil)
	return b.ReadCloser.Close()
}

type boundConn struct {
	*bound
	io.Writer
}

// revived is a ctx for a request that the base has cloned: it ends with the caller's ctx, and has
// the values of the clone's ctx.
type revived struct {
	context.Context
	values context.Context
}

// revive returns a ctx with the values of ctx. It ends with caller.
func revive(ctx, caller context.Context) context.Context {
	return revived{caller, context.WithoutCancel(ctx)}
}

func (r revived) Value(key any) any {
	if v := r.values.Value(key); v != nil {
		return v
	}
	return r.Context.Value(key)
}
