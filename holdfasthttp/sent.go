package holdfasthttp

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
)

// watch notes whether an http.Transport got a connection for a request. If it asked for one and
// never got one, nothing was sent. Another base may make neither call, and that proves nothing.
type watch struct {
	trace httptrace.ClientTrace
	asked atomic.Bool
	got   atomic.Int32 // how many connections, one after the other
	bound *bound       // nil if the attempt's ctx is the caller's
}

// boundWatch is what an attempt with a deadline needs over an http.Transport.
type boundWatch struct {
	bound bound
	watch watch
}

// maxRepeats is how often net/http may send a request in one attempt. If a server refuses its
// streams it sends one 8 times, with pauses; in some other cases it goes on for ever, without a
// pause.
const maxRepeats = 10

var errRepeated = fmt.Errorf("holdfasthttp: net/http itself has sent the request %d times in one attempt", maxRepeats)

// start returns the ctx of a request that w, which is zero, is to watch.
func (w *watch) start(ctx context.Context, b *bound) context.Context {
	w.bound = b
	w.trace.GetConn = w.getConn
	w.trace.GotConn = w.gotConn
	return httptrace.WithClientTrace(ctx, &w.trace)
}

func (w *watch) getConn(string) {
	w.asked.Store(true)
	if w.got.Load() >= maxRepeats && w.bound != nil {
		w.bound.end(errRepeated)
	}
}

func (w *watch) gotConn(httptrace.GotConnInfo) { w.got.Add(1) }

// unsent reports whether err proves that the server got nothing of the request.
func (f *failure) unsent(err error) bool {
	switch {
	case f.watch != nil && f.watch.asked.Load() && f.watch.got.Load() == 0:
		return true
	case f.upload.failed(err): // it may look like a failed dial, but is not the base's
		return false
	case f.watch != nil && f.watch.got.Load() > 0:
		// A dial that failed after that was for a repeat that the base made itself.
		return refusedByServer(err)
	}
	return resilience.Unsent(err) || everyBranch(err, neverConnected) || refusedByServer(err)
}

// neverConnected reports whether err itself, not what it wraps, says that there was no connection
// to send anything on.
func neverConnected(err error) bool {
	switch e := err.(type) { //nolint:errorlint // one step of everyBranch's walk
	case *net.OpError:
		return e != nil && (e.Op == "dial" || e.Op == "proxyconnect" || strings.HasPrefix(e.Op, "socks "))
	case *tls.CertificateVerificationError:
		return true
	}
	return foreign.Text(err) == "net/http: TLS handshake timeout"
}

// refusedByServer reports whether the server said, in HTTP/2, that it has not begun with the
// request: it refused the stream, or it goes away and no longer answers this one.
func refusedByServer(err error) bool {
	if e, ok := asStreamError(err); ok {
		return e.Code == codeRefusedStream
	}
	return everyBranch(err, func(err error) bool {
		text := foreign.Text(err)
		if inner, ok := wantedGetBody(text); ok {
			return notBegun(inner) || strings.Contains(inner, "; REFUSED_STREAM")
		}
		return notBegun(text)
	})
}

// wantedGetBody returns the text of the error inside, if net/http would have repeated the request
// if it had had GetBody.
func wantedGetBody(text string) (inner string, ok bool) {
	inner, ok = strings.CutPrefix(text, "http2: Transport: cannot retry err [")
	if !ok {
		return "", false
	}
	inner, _, ok = strings.Cut(inner, "] after Request.Body was written")
	return inner, ok
}

// notBegun knows texts of net/http, which exports no errors for these. If a later version words
// them differently, the request is not known to be unsent, which is safe.
func notBegun(text string) bool {
	switch text {
	case "http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: client conn not usable", "http2: client conn could not be established":
		return true
	}
	return strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:")
}

// everyBranch reports whether is holds for err or for an error that it wraps; if an error wraps
// several, for each of them.
func everyBranch(err error, is func(error) bool) bool {
	for err != nil {
		if is(err) {
			return true
		}
		switch e := err.(type) { //nolint:errorlint // one step of the walk
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			for _, inner := range all {
				if !everyBranch(inner, is) {
					return false
				}
			}
			return len(all) > 0
		default:
			return false
		}
	}
	return false
}

// preventRepeats keeps net/http from sending req again by itself, if the server may get it only
// once. It reports whether it took GetBody away: then attempt repeats a request that the server has
// not begun with.
//
// net/http repeats a request that has no body or has GetBody, in two cases: after a lost answer on
// a connection that it had used before, if the method or an Idempotency-Key allows it; and in
// HTTP/2 after PROTOCOL_ERROR, whatever the method, without end and without a pause. So req gets no
// GetBody, and under MarkOnce it gets a body if it had none.
func (c *call) preventRepeats(req *http.Request, once bool) bool {
	if !c.repeatsTooMuch(req.Body, once) {
		return false
	}
	req.GetBody = nil
	none := req.Body == nil || req.Body == http.NoBody
	if none && req.Method != http.MethodTrace && req.Method != http.MethodConnect {
		req.Body = oneTime{} // net/http sends nothing of it for GET, HEAD, DELETE, OPTIONS; for others an empty chunk
	}
	return !none
}

// repeatsTooMuch reports whether net/http might send a request with that body again although the
// server may get it only once.
func (c *call) repeatsTooMuch(body io.ReadCloser, once bool) bool {
	if c.nested || once {
		return once && !c.nested
	}
	return body != nil && body != http.NoBody && c.req.GetBody != nil && !c.byProtocol() && c.mayBeHTTP2(c.req)
}

// mayBeHTTP2 reports whether req may be sent by HTTP/2.
func (c *call) mayBeHTTP2(req *http.Request) bool {
	return c.unencryptedHTTP2 || req.URL != nil && req.URL.Scheme == "https"
}
