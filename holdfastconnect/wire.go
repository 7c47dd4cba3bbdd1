package holdfastconnect

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/holdfasthttp"
)

// wire records what net/http reports about an attempt, and what [HTTPClient] does.
type wire struct {
	trace  httptrace.ClientTrace
	cancel context.CancelCauseFunc
	asked  atomic.Bool  // net/http asked for a connection: so it is net/http, and reports
	got    atomic.Int32 // connections that it got, one after the other
	began  atomic.Bool  // NewHTTPClient's client got the request
	answer atomic.Pointer[httpAnswer]
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
func (w *wire) start(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.trace.GetConn = w.getConn
	w.trace.GotConn = w.gotConn
	return httptrace.WithClientTrace(&wireCtx{ctx, w}, &w.trace), w.cancel
}

func (w *wire) getConn(string) {
	w.asked.Store(true)
	if w.got.Load() >= maxRepeats {
		w.cancel(errRepeated)
	}
}

func (w *wire) gotConn(httptrace.GotConnInfo) { w.got.Add(1) }

// sent reports whether the attempt's request may have been sent, as far as net/http or NewHTTPClient
// tells.
func (w *wire) sent() bool { return w.got.Load() > 0 || w.began.Load() && !w.dialing() }

// dialing reports whether the attempt waits for a connection.
func (w *wire) dialing() bool { return w.asked.Load() && w.got.Load() == 0 }

// repeated reports whether err came because net/http repeated the request too often.
func (w *wire) repeated() bool { return w.got.Load() >= maxRepeats }

// unsent reports whether err, the error of an attempt, proves that the server has not processed it.
func (w *wire) unsent(err error) bool {
	switch {
	case w.answer.Load() != nil:
		return false
	case w.dialing():
		return true
	}
	return holdfasthttp.Unsent(err, w.got.Load() > 0)
}
