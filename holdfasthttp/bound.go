package holdfasthttp

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// bound is the ctx of a request whose attempt has an earlier deadline than the caller's ctx. Until
// the headers are here, it ends with the attempt; from then on, it ends with the caller's ctx. It
// is also the response's body then, and is canceled when that ends.
//
// Until somebody asks for its Done, it only looks at the two other ctxs. Then it makes a standard
// ctx, which the attempt's end cancels.
type bound struct {
	io.ReadCloser // nil before the headers are here

	caller  context.Context
	attempt context.Context
	state   atomic.Int32
	upload  *upload       // nil unless its progress keeps the attempt alive
	limit   time.Duration // of the attempt, where upload is set

	mu     sync.Mutex
	ctx    context.Context // the standard one; nil before somebody asks
	cancel context.CancelCauseFunc
	detach func() bool // from the attempt
	ended  bool        // by end
	cause  error       // of that
}

// The states of a bound.
const (
	waiting int32 = iota // for the headers
	answered
	expired
)

// bind makes b, which is zero, the ctx of an attempt.
func (b *bound) bind(attempt, caller context.Context, u *upload) {
	b.attempt, b.caller, b.upload = attempt, caller, u
	if u != nil {
		if deadline, ok := attempt.Deadline(); ok {
			b.limit = time.Until(deadline)
		}
		b.standard()
	}
}

// standard returns the standard ctx.
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
	case b.state.Load() == waiting:
		b.detach = context.AfterFunc(b.attempt, b.over)
	}
	return b.ctx
}

// made returns the standard ctx, and whether b has ended without one.
func (b *bound) made() (ctx context.Context, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ctx, b.ended
}

// Deadline returns the caller's.
func (b *bound) Deadline() (deadline time.Time, ok bool) { return b.caller.Deadline() }

// Done returns the standard ctx's.
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

// Value returns the caller's. It is by one of them that package context finds what canceled b.
func (b *bound) Value(key any) any {
	if ctx, _ := b.made(); ctx != nil {
		return ctx.Value(key)
	}
	return b.caller.Value(key)
}

// end ends b.
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

// endedBy reports whether this very cause has ended b, which may be nil.
func (b *bound) endedBy(cause error) bool { return b != nil && context.Cause(b) == cause } //nolint:errorlint // identity

// over is called when the attempt's time is over, on a goroutine of its own.
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

// inTime keeps the attempt's end from b from now on. It reports false if the attempt had ended
// before, whether or not over has run.
func (b *bound) inTime() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detach != nil {
		return b.detach()
	}
	return b.attempt.Err() == nil
}

// headersCame ties the body to the caller's ctx instead of the attempt's. It reports false if the
// attempt had ended before.
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
		// The body is a connection, with methods that a wrapper would hide (CloseWrite). It stays
		// under b, which ends with the caller's.
	case resp.Body == http.NoBody:
		b.end(nil)
	default:
		b.ReadCloser = resp.Body
		resp.Body = b
		if w, ok := b.ReadCloser.(io.Writer); ok { // an upgrade by another status, from a base of its own kind
			resp.Body = boundConn{b, w}
		}
	}
	return true
}

// letGo releases the ctx, and what waits for the attempt's end.
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

// revived is the ctx of a request that a base has cloned: it ends with the caller's, and keeps the
// clone's values.
type revived struct {
	context.Context
	values context.Context
}

// revive returns a ctx with the values of ctx that ends with caller.
func revive(ctx, caller context.Context) context.Context {
	return revived{caller, context.WithoutCancel(ctx)}
}

func (r revived) Value(key any) any {
	if v := r.values.Value(key); v != nil {
		return v
	}
	return r.Context.Value(key)
}
