package holdfastaws

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// bound is the ctx of an attempt. It ends with the attempt's ctx until the attempt has succeeded,
// and after that with the caller's: the body of a streaming output is read when the pipeline is
// done with the call. It is released at the body's end.
type bound struct {
	context.Context // a child of the caller's

	attempt context.Context
	cancel  context.CancelCauseFunc
	detach  func() bool // from the attempt
	expired atomic.Bool // the attempt's end ended b
}

func bind(attempt, caller context.Context) *bound {
	b := &bound{attempt: attempt}
	b.Context, b.cancel = context.WithCancelCause(caller)
	b.detach = context.AfterFunc(attempt, func() {
		b.expired.Store(true)
		b.cancel(context.Cause(attempt))
	})
	return b
}

// Err returns the attempt's error if that ended it: DeadlineExceeded, and not Canceled.
func (b *bound) Err() error {
	if err := b.Context.Err(); err == nil || !b.expired.Load() {
		return err
	}
	return b.attempt.Err()
}

// keep leaves the response's body, which may be nil, to the caller, if it is not read yet. It
// returns false if the attempt has ended meanwhile, so that the body can no longer be read.
func (b *bound) keep(body *body) bool {
	inTime := b.detach()
	if body == nil || body.over.Load() {
		b.cancel(nil)
		return true
	}
	if !inTime {
		_ = body.Close()
		return false
	}
	body.release.Store(&b.cancel)
	if body.over.Load() { // read to its end by another goroutine just now
		b.cancel(nil)
	}
	return true
}

// letGo ends b.
func (b *bound) letGo() {
	b.detach()
	b.cancel(nil)
}

// body is a response's body. It releases the ctx of a stream at its end, and knows whether reading
// failed: by the SDK's error alone, an answer that broke off cannot be told from one that makes no
// sense.
type body struct {
	io.ReadCloser

	over    atomic.Bool
	broken  atomic.Bool
	release atomic.Pointer[context.CancelCauseFunc]
}

// watchBody puts a body around that of resp. It returns nil if it has none.
func watchBody(resp *smithyhttp.Response) *body {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil
	}
	b := &body{ReadCloser: resp.Body}
	resp.Body = b
	if w, ok := b.ReadCloser.(io.Writer); ok { // a connection after an upgrade
		resp.Body = struct {
			*body
			io.Writer
		}{b, w}
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.broken.Store(err != io.EOF) //nolint:errorlint // io.Reader documents this very value
		b.end()
	}
	return n, err
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

func (b *body) end() {
	b.over.Store(true)
	if cancel := b.release.Load(); cancel != nil {
		(*cancel)(nil)
	}
}

// watch records how far an attempt got. net/http asks for a connection before it sends anything: if
// it asked and never got one, nothing was sent.
type watch struct {
	trace httptrace.ClientTrace
	asked atomic.Bool
	got   atomic.Int32 // how many connections, one after the other
}

func (w *watch) start(ctx context.Context) context.Context {
	w.trace.GetConn = func(string) { w.asked.Store(true) }
	w.trace.GotConn = func(httptrace.GotConnInfo) { w.got.Add(1) }
	return httptrace.WithClientTrace(ctx, &w.trace)
}

// unsent reports whether it is proven that nothing was sent. w may be nil: then the attempt ended
// before its request was given to the HTTP client.
func (w *watch) unsent() bool { return w == nil || w.asked.Load() && w.got.Load() == 0 }

// repeated reports whether the HTTP client may have sent the request more than once, other than to
// follow a redirect. resp, which may be nil, is its answer to the last one.
func (w *watch) repeated(resp *smithyhttp.Response) bool {
	tries := w.got.Load()
	if resp != nil && resp.Response != nil {
		for r := resp.Request; r != nil && r.Response != nil; r = r.Response.Request {
			tries--
		}
	}
	return tries > 1
}
