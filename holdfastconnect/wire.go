package holdfastconnect

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/holdfasthttp"
)

// wire records what net/http reports about an attempt, and what [HTTPClient] does.
type wire struct {
	trace  httptrace.ClientTrace
	cancel context.CancelCauseFunc
	repeat repetition
	asked  atomic.Bool  // net/http asked for a connection: so it is net/http, and reports
	got    atomic.Int32 // connections that it got, one after the other
	stage  atomic.Int32 // of what net/http sends: sending, sent or answered
	resent atomic.Bool  // net/http was about to send it a second time, and must not
	more   atomic.Bool  // another request followed one that was answered
	begun  atomic.Int32 // requests that NewHTTPClient's client got; it does not count redirects

	answer atomic.Pointer[httpAnswer]

	mu     sync.Mutex
	inside int           // requests that NewHTTPClient's client is at
	idle   chan struct{} // closed when there are none; nil unless settle waits for that
}

// Where a request of net/http is. A redirect is a request of its own.
const (
	sending  = iota
	sent     // all of it was written, and there is no answer yet
	answered // also if the server did not wait for all of it
)

// repetition says how often the server may get a call's request.
type repetition struct {
	never bool // not twice, by the mark of its ctx or by its procedure
	once  bool // not twice, by resilience.MarkOnce
}

// httpAnswer is a response that is no answer of Connect or gRPC: Connect's error does not have its
// headers.
type httpAnswer struct {
	status int
	pause  time.Duration // that it asks for
}

// maxRepeats bounds how often net/http may send a request in one attempt. It repeats a request
// whose stream the server refused, with pauses. After an HTTP/2 PROTOCOL_ERROR it repeats it
// forever, without a pause.
const maxRepeats = 10

var errRepeated = fmt.Errorf("holdfastconnect: net/http itself has sent the request %d times in one attempt", maxRepeats)

var errResent = errors.New("holdfastconnect: net/http itself was about to repeat a call that may not be repeated")

// wireCtx carries a wire to HTTPClient.
type wireCtx struct {
	context.Context //nolint:containedctx // it is one
	wire            *wire
}

type wireKey struct{}

func (c *wireCtx) Value(key any) any {
	if key == (wireKey{}) {
		return c.wire
	}
	return c.Context.Value(key)
}

// start returns the ctx of an attempt that w watches, and what ends it.
func (w *wire) start(ctx context.Context, r repetition) (context.Context, context.CancelCauseFunc) {
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.repeat = r
	w.trace.GetConn = w.getConn
	w.trace.GotConn = w.gotConn
	if r.never {
		w.trace.WroteRequest = w.wroteRequest
		w.trace.GotFirstResponseByte = func() { w.stage.Store(answered) }
	}
	return httptrace.WithClientTrace(&wireCtx{ctx, w}, &w.trace), w.cancel
}

func (w *wire) getConn(string) {
	w.asked.Store(true)
	if w.got.Load() >= maxRepeats {
		w.cancel(errRepeated)
	}
}

// gotConn ends an attempt whose request net/http is about to send again after it was sent. Over
// HTTP/2, which repeats after PROTOCOL_ERROR, nothing is sent then: net/http looks at the ctx
// before it writes.
func (w *wire) gotConn(httptrace.GotConnInfo) {
	w.got.Add(1)
	switch w.stage.Swap(sending) {
	case sent:
		w.resent.Store(true)
		w.cancel(errResent)
	case answered:
		w.more.Store(true)
	}
}

func (w *wire) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err == nil {
		w.stage.CompareAndSwap(sending, sent) // it may be told after the answer
	}
}

// forget allows the request to be sent again.
func (w *wire) forget() { w.stage.Store(sending) }

// sent reports whether the attempt's request may have been sent, as far as net/http or
// NewHTTPClient tells. unconnected says that net/http got no connection, and will get none.
func (w *wire) sent(unconnected bool) bool {
	return w.got.Load() > 0 || !unconnected && (w.asked.Load() || w.begun.Load() > 0)
}

// repeated reports whether the attempt may have sent more than one request, as it does if an
// interceptor inside calls again. The error is that of the last one, and says nothing about those
// before it.
func (w *wire) repeated() bool {
	switch got := w.got.Load(); {
	case w.asked.Load() && got <= 1:
		return false
	case w.begun.Load() > 0:
		return w.begun.Load() > 1
	case w.repeat.never:
		return w.more.Load() // gotConn ends all other repeats
	default:
		return got > 1
	}
}

// dialing reports whether the attempt waits for a connection.
func (w *wire) dialing() bool { return w.asked.Load() && w.got.Load() == 0 }

// settleTime bounds settle, for a client that does not end with its ctx.
const settleTime = time.Second

// settle waits until net/http has let go of the requests of an attempt that was canceled. It
// reports whether it has, which NewHTTPClient's client tells.
func (w *wire) settle() bool {
	w.mu.Lock()
	if w.inside == 0 {
		defer w.mu.Unlock()
		return w.begun.Load() > 0
	}
	idle := make(chan struct{})
	w.idle = idle
	w.mu.Unlock()
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-idle:
		return true
	case <-timer.C:
		return false
	}
}

// enter takes note of a request of NewHTTPClient's client, leave of its end.
func (w *wire) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside++
	w.begun.Add(1)
}

func (w *wire) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
	if w.inside == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// repeats returns the error of an attempt that ended because of repeats by net/http, nil if it did
// not.
func (w *wire) repeats() error {
	switch {
	case w.resent.Load():
		return errResent
	case w.got.Load() >= maxRepeats:
		return errRepeated
	}
	return nil
}

// unsent reports whether the server has provably not processed the attempt: by err, its error, or
// because net/http is unconnected, as for sent.
func (w *wire) unsent(err error, unconnected bool) bool {
	switch {
	case w.answer.Load() != nil, w.resent.Load():
		return false
	case unconnected:
		return true
	case w.repeated():
		return false
	}
	return holdfasthttp.Unsent(err, w.got.Load() > 0)
}
