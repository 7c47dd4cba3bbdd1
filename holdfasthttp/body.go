package holdfasthttp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Limits for draining a response that is not returned, so that its connection can be reused. Beyond
// them, a new connection is cheaper.
const (
	drainBytes = 64 << 10
	drainTime  = 100 * time.Millisecond
)

// discard drains and closes a response. It waits at most a little longer than drainTime, or until
// ctx ends, even if Close blocks because of a Read in progress. b is the request's ctx, or nil;
// discard cancels it to end a Read that blocks.
func discard(ctx context.Context, resp *http.Response, b *bound) {
	body := resp.Body
	if body == http.NoBody {
		return
	}
	if r, ok := body.(*readAhead); ok && r.whole() {
		closeSoon(body)
		return
	}
	if resp.ContentLength > drainBytes {
		closeSoon(body)
		return
	}
	drained := start(func() {
		_, _ = io.CopyN(io.Discard, body, drainBytes+1)
		_ = body.Close()
	})
	if drained.wait(ctx, drainTime) {
		return
	}
	if b != nil {
		b.end(nil)
	}
	start(func() { _ = body.Close() }).wait(ctx, drainTime/10)
}

// readAhead is a body of known length that is read before the caller asks for it, so that its
// connection is free during the pause before the next attempt. Its Read serves it from memory.
type readAhead struct {
	io.ReadCloser
	task *task
	buf  bytes.Buffer
	err  error // after buf; nil if the body is longer than Content-Length
}

// ahead starts to read the body of resp into memory, if it is small and its length is known. It
// waits at most drainTime for that.
func ahead(ctx context.Context, resp *http.Response) {
	if resp.Body == http.NoBody || resp.ContentLength <= 0 || resp.ContentLength > drainBytes {
		return
	}
	body := resp.Body
	r := &readAhead{ReadCloser: body}
	r.task = start(func() {
		r.err = io.ErrUnexpectedEOF // if Read panics
		_, err := io.CopyN(&r.buf, body, resp.ContentLength+1)
		r.err = err
	})
	resp.Body = r
	r.task.wait(ctx, drainTime)
}

// whole reports whether the body was read to its end.
func (r *readAhead) whole() bool { return r.task.over() && r.err == io.EOF } //nolint:errorlint // Read returns this very value

func (r *readAhead) Read(p []byte) (int, error) {
	r.task.wait(context.Background(), 0)
	if n, err := r.buf.Read(p); err == nil {
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.ReadCloser.Read(p)
}

// peek is the body that the func of WithClassifyResponse reads. It reads the beginning of the real
// body, and keeps it for the caller.
type peek struct {
	ctx  context.Context
	body io.Reader
	buf  bytes.Buffer
	err  error // after buf
	left int   // bytes that may still be read
}

func (p *peek) Read(b []byte) (int, error) {
	switch {
	case p.err != nil:
		return 0, p.err
	case p.left == 0:
		return 0, io.EOF
	case len(b) == 0:
		return 0, nil
	}
	chunk := make([]byte, min(len(b), p.left))
	var n int
	var err error
	read := start(func() { n, err = p.body.Read(chunk) })
	if !read.wait(p.ctx, 0) { // the attempt is over: the caller gets no body
		p.err = context.Cause(p.ctx)
		return 0, p.err
	}
	p.left -= n
	p.err = err
	p.buf.Write(chunk[:n])
	return copy(b, chunk[:n]), err
}

// Close does nothing: the body is the caller's.
func (p *peek) Close() error { return nil }

// whole returns the whole body: what peek has read, then the rest.
func (p *peek) whole(body io.ReadCloser) io.ReadCloser {
	if p.buf.Len() == 0 && p.err == nil {
		return body
	}
	rest := io.Reader(body)
	if p.err != nil {
		rest = failing{p.err}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(p.buf.Bytes()), rest), body}
}

// failing is a body that only returns an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
