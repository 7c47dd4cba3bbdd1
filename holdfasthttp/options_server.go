package holdfasthttp

import (
	"net/http"

	"github.com/media-gateway/holdfast/resilience"
)

// WithClassifyStatus sets the function that says what a handler's response means to the pipeline's
// stages. It is called when the handler has returned; r is the request that the handler got, and
// status is that of the response. Success counts as a success, Transient as a failure, Overload as
// a failure that says that the server has too much to do, Permanent as an answer that is no
// failure, and Canceled as nothing. For any other verdict the rules of [Middleware] decide.
//
// classify is not called if the client is gone, if the handler took over the connection, or if it
// panicked. It must be safe for concurrent use. For a Middleware.
func WithClassifyStatus(classify func(r *http.Request, status int) resilience.Verdict) Option {
	return func(o *options) {
		o.serverOnly("WithClassifyStatus")
		o.wrong.NotNil("WithClassifyStatus", classify, "want a function that returns the verdict on a status")
		o.classifyStatus = classify
	}
}

// WithRefusal sets the function that writes the responses that a Middleware answers itself: 429,
// 503, 504 and 500. status is the one that the Middleware would send, and err says why: see
// [resilience.ReasonOf]. err may hold internal details. Retry-After is set in w's header already;
// answer may change it. If answer writes nothing, the Middleware writes the text of the status.
//
// answer must be safe for concurrent use. Under overload it is called for most requests, so it
// should be quick. Default: the text of the status, as text/plain. For a Middleware.
func WithRefusal(answer func(w http.ResponseWriter, r *http.Request, status int, err error)) Option {
	return func(o *options) {
		o.serverOnly("WithRefusal")
		o.wrong.NotNil("WithRefusal", answer, "want a function that writes a response; leave the option out for the text of the status")
		o.refusal = answer
	}
}

func (o *options) serverOnly(option string) {
	if !o.server {
		o.wrong.Fail(option, "given to a Transport", "leave it out: it is for a Middleware")
	}
}
