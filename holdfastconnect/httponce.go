package holdfastconnect

import (
	"io"
	"net/http"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
)

// onceTransport sends the requests of one call that may not be repeated. It stands inside of
// http.Client, so that redirects are followed as before.
type onceTransport struct {
	base http.RoundTripper
	wire *wire
}

// RoundTrip sends req so that net/http cannot repeat it, unless the server has not processed it.
func (t onceTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	transport, ok := t.base.(*http.Transport)
	http2 := !ok || req.URL.Scheme == "https" ||
		transport.Protocols != nil && transport.Protocols.UnencryptedHTTP2()
	return t.wire.send(req, http2, t.base.RoundTrip)
}

// send sends req through base so that net/http cannot repeat it. http2 says that HTTP/2 is
// possible.
//
// net/http repeats a request that has no body or has GetBody. Over HTTP/1.1, after a kept
// connection was lost, it does so only if the method or an idempotency key allows it, or if
// nothing was written. Over HTTP/2 it does so for every method, after PROTOCOL_ERROR too, with
// which a server may end a call that it has carried out. So send takes GetBody away, and itself
// repeats, once and at once, what the server has not processed. A request without a body keeps
// its form unless it has to change: gotConn ends its repeats over HTTP/2.
func (w *wire) send(req *http.Request, http2 bool, base func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		if w.repeat.once && replayable(req) {
			req = withBody(req, emptyOnce{})
		}
		return base(req)
	}
	if req.GetBody == nil || !http2 && !w.repeat.once {
		return base(req)
	}
	resp, err := base(withBody(req, req.Body))
	if err == nil || !holdfasthttp.Unsent(err, true) || holdfasthttp.Classify(err) == resilience.Overload {
		return resp, err
	}
	body, rewind := req.GetBody()
	if rewind != nil {
		return resp, err
	}
	w.forget()
	return base(withBody(req, body))
}

// withBody returns a copy of req with a body that can be read once only.
func withBody(req *http.Request, body io.ReadCloser) *http.Request {
	c := *req
	c.Body, c.GetBody = body, nil
	return &c
}

// replayable reports whether net/http takes req for one that may be repeated over HTTP/1.1.
func replayable(req *http.Request) bool {
	return req.Method != http.MethodPost || req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

// emptyOnce is an empty body that net/http cannot send again.
type emptyOnce struct{}

func (emptyOnce) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyOnce) Close() error             { return nil }
