package holdfasthttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
)

// watch records whether an http.Transport got a connection for a request. If it asked for one and
// never got one, nothing was sent. If it never asked, that proves nothing.
type watch struct {
	trace httptrace.ClientTrace
	asked atomic.Bool
	got   atomic.Int32 // how many connections, one after the other
	bound *bound       // what it may end; nil: nothing

	single bool                  // a request that was written must not be written again
	wrote  atomic.Bool           // all of it was written; only if single
	broken atomic.Pointer[error] // why it could not be written the last time; nil: it could, or nobody asked
	ended  atomic.Int32          // how often the writing has ended; only if somebody asked
	bare   atomic.Int32          // how often within the headers: see withoutBody
}

// asks is what a watch has to learn of a request beside its connections.
type asks struct {
	single bool // whether it was written, to end b when net/http is about to send it again
	length bool // why it could not be written
}

// boundWatch is a bound and a watch in one allocation.
type boundWatch struct {
	bound bound
	watch watch
}

// maxRepeats bounds how often net/http may send a request in one attempt. If a server refuses its
// streams, net/http sends the request 8 times, with pauses. In some other cases of HTTP/2 it
// repeats forever, without a pause.
const maxRepeats = 10

var errRepeated = fmt.Errorf("holdfasthttp: net/http itself has sent the request %d times in one attempt", maxRepeats)

var errResent = errors.New("holdfasthttp: net/http itself was about to repeat a request that may not be repeated")

// start returns the ctx for a request that w will watch. w must be zero, and may end b.
func (w *watch) start(ctx context.Context, b *bound, asks asks) context.Context {
	w.bound, w.single = b, asks.single
	w.trace.GetConn = w.getConn
	w.trace.GotConn = w.gotConn
	if asks.single || asks.length {
		w.trace.WroteRequest = w.wroteRequest
	}
	return httptrace.WithClientTrace(ctx, &w.trace)
}

func (w *watch) getConn(string) {
	w.asked.Store(true)
	if w.got.Load() >= maxRepeats && w.bound != nil {
		w.bound.end(errRepeated)
	}
}

// gotConn ends b before a request that was sent is sent again. HTTP/2 looks at the ctx after this,
// before it writes. Over HTTP/1.1 net/http does not repeat the requests that are watched for this.
func (w *watch) gotConn(httptrace.GotConnInfo) {
	w.got.Add(1)
	w.broken.Store(nil)
	if w.wrote.Load() && w.bound != nil {
		w.bound.end(errResent)
	}
}

func (w *watch) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err != nil {
		err := info.Err
		w.broken.Store(&err)
		if withoutBody(nil, err) {
			w.bare.Add(1)
		}
	} else {
		w.broken.Store(nil)
		w.wrote.Store(w.single)
	}
	w.ended.Add(1)
}

// mayHaveWritten reports whether one of several tries may have been written beyond a part of the
// headers. HTTP/2 sends a request with a length and no body, which HTTP/1.1 does not begin.
func (w *watch) mayHaveWritten() bool {
	return w != nil && max(w.got.Load(), w.ended.Load()) > w.bare.Load()
}

// brokeOff returns why the request could not be written to the last connection; nil if that is not
// known. net/http closes the connection then, and its RoundTrip returns either this error or that
// of the read which the close has ended: what comes first.
func (w *watch) brokeOff() error {
	if w == nil {
		return nil
	}
	if err := w.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// unsent reports whether err proves that the server got nothing of the request.
func (f *failure) unsent(err error) bool {
	switch {
	case f.watch != nil && !f.foreign && f.watch.asked.Load() && f.watch.got.Load() == 0:
		return true
	case f.upload.failed(err): // the body's error may be a failed dial
		return false
	case f.hidesTries():
		return f.watch.got.Load() == 1 && refusedByServer(err)
	case f.watch != nil && f.watch.got.Load() > 0:
		// If a dial failed after that, it was for the base's own repeat of the request.
		return refusedByServer(err)
	}
	return resilience.Unsent(err) || everyBranch(err, neverConnected) || refusedByServer(err)
}

// hidesTries reports whether err may be that of a later try of the base's own, after one that had a
// connection, and may have been carried out.
func (f *failure) hidesTries() bool { return f.foreign && f.watch != nil && f.watch.got.Load() > 0 }

// neverConnected reports whether err itself, not an error that it wraps, says that there was no
// connection.
func neverConnected(err error) bool {
	switch e := err.(type) { //nolint:errorlint // one step of everyBranch's walk
	case *net.OpError:
		return e != nil && (e.Op == "dial" || e.Op == "proxyconnect" || strings.HasPrefix(e.Op, "socks "))
	case *tls.CertificateVerificationError:
		return true
	}
	return foreign.Text(err) == "net/http: TLS handshake timeout"
}

// refusedByServer reports whether the server said by HTTP/2 that it did not process the request: it
// refused the stream, or its GOAWAY excludes the stream.
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

// wantedGetBody returns the text of the inner error if text says that net/http did not repeat the
// request because GetBody was missing.
func wantedGetBody(text string) (inner string, ok bool) {
	inner, ok = strings.CutPrefix(text, "http2: Transport: cannot retry err [")
	if !ok {
		return "", false
	}
	inner, _, ok = strings.Cut(inner, "] after Request.Body was written")
	return inner, ok
}

// notBegun reports whether text is an error of net/http after which the server has not processed
// the request. net/http does not export these errors. If a later version changes the texts, the
// request counts as possibly sent, which is safe.
func notBegun(text string) bool {
	switch text {
	case "http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: client conn not usable", "http2: client conn could not be established":
		return true
	}
	return strings.HasPrefix(text, goAwayAtOnce)
}

// everyBranch reports whether is returns true for err or for an error that it wraps. If an error
// wraps several, each of them must satisfy that.
func everyBranch(err error, is func(error) bool) bool {
	for err != nil {
		if is(err) {
			return true
		}
		if all := foreign.Members(err); all != nil {
			return everyOne(all, is)
		}
		switch e := err.(type) { //nolint:errorlint // one step of the walk
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			return everyOne(e.Unwrap(), is)
		default:
			return false
		}
	}
	return false
}

// everyOne is everyBranch of each error, of which there must be one.
func everyOne(all []error, is func(error) bool) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(err error) bool { return !everyBranch(err, is) })
}

// preventRepeats keeps net/http from sending req again by itself, if the server may get it only
// once. It reports whether it removed GetBody: then attempt itself repeats a request that the
// server has not processed.
//
// net/http repeats a request that has no body or has GetBody in two cases. After the response was
// lost on a reused connection, it does so if the method or an Idempotency-Key allows it. Before Go
// 1.27, after an HTTP/2 PROTOCOL_ERROR, it does so for every method, forever and without a pause.
// So preventRepeats removes GetBody, and under MarkOnce gives req a body if it has none. Without
// MarkOnce, a POST keeps its form: see mustWatch.
func (c *call) preventRepeats(req *http.Request, once bool) bool {
	if !c.repeatsTooMuch(req.Body, once) {
		return false
	}
	req.GetBody = nil
	none := isEmpty(req.Body)
	if none && req.Method != http.MethodTrace && req.Method != http.MethodConnect {
		req.Body = oneTime{} // GET, HEAD, DELETE, OPTIONS are sent without a body, others with an empty chunk
	}
	return !none
}

// repeatsTooMuch reports whether net/http might repeat a request with that body although the server
// may get it only once.
func (c *call) repeatsTooMuch(body io.ReadCloser, once bool) bool {
	if c.nested || once {
		return once && !c.nested
	}
	return !isEmpty(body) && c.req.GetBody != nil && !c.byProtocol() && c.mayBeHTTP2(c.req)
}

func isEmpty(body io.ReadCloser) bool { return body == nil || body == http.NoBody }

// mustWatch reports whether net/http might repeat a request with that body, and only a watch can
// prevent it: an empty POST over HTTP/2. Over HTTP/1.1 a body of its own would show.
func (c *call) mustWatch(body io.ReadCloser, once bool) bool {
	return isEmpty(body) && !once && !c.nested && !c.byProtocol() && c.mayBeHTTP2(c.req) && !c.mayRepeat()
}

// mayHideTries reports whether what the base says of a failed dial has to be doubted: a base that
// is no http.Transport may have sent the request before, and that may have changed something. An
// idempotent write is doubted as well: a loop with OnlyUnsent does not repeat it.
func (c *call) mayHideTries() bool { return !c.watched && !c.nested && !c.onlyReads() }

// mayEnd returns what a watch may end because net/http repeats the request: nothing where the base
// is no http.Transport, and may need any number of requests for its answer.
func (c *call) mayEnd(single bool) *bound {
	if c.watched || single {
		return c.bound
	}
	return nil
}

// once reports whether the server may get the request only once, also by repeats that net/http
// takes for harmless because of the method or a key.
func (c *call) once() bool {
	return resilience.RepetitionOf(c.req.Context()) == resilience.Once || c.idempotent != nil && c.byProtocol() && !c.mayRepeat()
}

// mayNotFit reports whether the body from that source may have another length than the request
// says, which WithBeforeAttempt may yet change.
func (c *call) mayNotFit(source io.Reader) bool {
	switch {
	case c.beforeAttempt != nil:
		return true
	case c.req.ContentLength <= 0:
		return c.req.ContentLength < 0 && source == nil
	}
	length, known := lengthOf(source)
	return !known || length != c.req.ContentLength
}

// mayBeHTTP2 reports whether req may be sent by HTTP/2.
func (c *call) mayBeHTTP2(req *http.Request) bool {
	return c.unencryptedHTTP2 || req.URL != nil && req.URL.Scheme == "https"
}
