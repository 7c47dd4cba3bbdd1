package holdfasthttp

import (
	"context"
	"io"
	"net/http"
	"time"
)

// What is read of a response that nobody wants, to have its connection back: more, or for
// longer, would cost more than a new connection.
const (
	drainBytes = 64 << 10
	drainTime  = 100 * time.Millisecond
)

// drain reads body to its end, if that comes soon, and closes it.
func drain(body io.ReadCloser) {
	if body != http.NoBody {
		timer := time.AfterFunc(drainTime, func() { _ = body.Close() })
		_, _ = io.CopyN(io.Discard, body, drainBytes+1)
		timer.Stop()
	}
	_ = body.Close()
}

// bound is the ctx of an attempt that a deadline of the pipeline ends sooner than the caller's ends: it ends
// with the attempt until the headers are here, and with the caller's from then on. It is
// let go of when the body, which it then stands for, has ended.
type bound struct {
	io.ReadCloser // nil before the headers are here

	ctx    context.Context
	cancel context.CancelCauseFunc
	detach func() bool
}

func bind(attempt, caller context.Context) *bound {
	b := &bound{}
	b.ctx, b.cancel = context.WithCancelCause(caller)
	b.detach = context.AfterFunc(attempt, func() { b.cancel(context.Cause(attempt)) })
	return b
}

// headersCame lets the body be read under the caller's ctx, and reports false if the attempt
// had ended before.
func (b *bound) headersCame(resp *http.Response) bool {
	if !b.detach() {
		return false
	}
	if resp.Body == http.NoBody {
		b.cancel(nil)
		return true
	}
	b.ReadCloser = resp.Body
	if w, ok := resp.Body.(io.Writer); ok { // 101 Switching Protocols
		resp.Body = boundConn{b, w}
	} else {
		resp.Body = b
	}
	return true
}

func (b *bound) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.cancel(nil)
	}
	return n, err
}

func (b *bound) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

type boundConn struct {
	*bound
	io.Writer
}
