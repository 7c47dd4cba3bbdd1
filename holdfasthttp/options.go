package holdfasthttp

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// The default names of the headers that a Middleware reads. A Transport sends such headers only if
// WithAttemptHeader or WithTimeoutHeader is set.
const (
	// AttemptHeader is the number of the attempt: 2 for the first retry. The first attempt is sent
	// without it.
	AttemptHeader = "Holdfast-Attempt"
	// TimeoutHeader is the time for which the client will still wait for the response headers, in
	// milliseconds.
	TimeoutHeader = "Holdfast-Timeout-Ms"
)

// Option configures what [NewTransport], [NewClient] or [Middleware] returns.
type Option func(*options)

type options struct {
	base           http.RoundTripper
	pipelines      adapter.Pipelines[*http.Request]
	retried        statuses
	idempotent     func(*http.Request) bool
	idempotencyKey string        // canonical
	attemptHeader  string        // canonical; "" if it is not sent
	timeoutHeader  string        // canonical; "" if it is not sent
	bodyBuffer     int           // bytes; 0: off
	uploadStall    time.Duration // 0: off
	server         bool          // the options are Middleware's

	classifyResponse func(*http.Response) resilience.Verdict
	beforeAttempt    func(req *http.Request, attempt int) error

	classifyStatus func(r *http.Request, status int) resilience.Verdict
	refusal        func(w http.ResponseWriter, r *http.Request, status int, err error)

	wrong *adapter.Check
}

// WithBase sets the RoundTripper that sends the requests. Default: http.DefaultTransport. base
// should have no retry loop of its own. One that does not report its connections (httptrace) must
// not: a dial that fails in its last try would be taken for proof that nothing was sent. For a
// Transport.
func WithBase(base http.RoundTripper) Option {
	return func(o *options) {
		o.clientOnly("WithBase")
		o.wrong.NotNil("WithBase", base, "want a RoundTripper; leave the option out for http.DefaultTransport")
		o.base = base
	}
}

// WithPipelines chooses the pipeline of each request, for example by its host. If choose returns
// nil, the pipeline given to NewTransport or Middleware is used; if that is nil too, the request
// fails. If choose returns [holdfast.None], the request goes directly to the base, or to the
// handler. choose must be safe for concurrent use, and must return the same pipeline for the same
// dependency: a new pipeline per request has no history.
//
// A Middleware chooses before the handler runs. If the handler is a router, no route has matched
// yet, and r.Pattern is empty. A handler does not run twice, even if the chosen pipeline has a
// retry loop.
func WithPipelines(choose func(*http.Request) *holdfast.Pipeline) Option {
	return func(o *options) {
		o.wrong.NotNil("WithPipelines", choose, "want a function that returns a request's pipeline")
		o.pipelines.Choose = choose
	}
}

// WithRetryStatuses sets the statuses that are retried. Each must be from 400 to 599. Without
// arguments, no status is retried. Default: 408, 425, 429, 500, 502, 503, 504, 529. For a
// Transport.
func WithRetryStatuses(codes ...int) Option {
	return func(o *options) {
		o.clientOnly("WithRetryStatuses")
		o.retried = statuses{}
		for _, code := range codes {
			if code < minStatus || code > maxStatus {
				o.wrong.Fail("WithRetryStatuses", code, "want a status from %d to %d", minStatus, maxStatus)
				continue
			}
			o.retried[code-minStatus] = true
		}
	}
}

// WithIdempotent sets the function that says which requests may be sent twice. By default, these
// are the requests with an Idempotency-Key that is not blank, and those whose method is idempotent
// by RFC 9110 (GET, HEAD, OPTIONS, TRACE, PUT, DELETE), except a PUT or DELETE with a condition
// (If-Match, If-None-Match). It is called several times for a request, also before it is sent. It
// must return soon, be safe for concurrent use, and not change the request.
// resilience.MarkIdempotent and MarkOnce overrule it. For a Transport.
func WithIdempotent(idempotent func(*http.Request) bool) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotent")
		o.wrong.NotNil("WithIdempotent", idempotent, "want a function that says whether a request may be sent twice")
		o.idempotent = idempotent
	}
}

// WithIdempotencyHeader sets the name of the header with the idempotency key, by which the server
// recognizes a repeated request. A request with a key may be sent twice. Default: Idempotency-Key.
// For a Transport.
func WithIdempotencyHeader(name string) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotencyHeader")
		o.idempotencyKey = o.header("WithIdempotencyHeader", name)
	}
}

// WithClassifyResponse sets the function that says what a response means. It is called for every
// response, whatever its status: a service may answer 403 instead of 429, or 200 with an error in
// the body. If classify returns Success, the response is a success, whatever its status. Transient,
// Overload and Permanent mean the same as for errors; a pause that the headers ask for is kept. For
// any other verdict the status decides.
//
// classify may read up to 64 KiB of the body, until the attempt's deadline; the caller still gets
// the whole body. It must not keep or change the response, and must be safe for concurrent use. For
// a Transport.
func WithClassifyResponse(classify func(*http.Response) resilience.Verdict) Option {
	return func(o *options) {
		o.clientOnly("WithClassifyResponse")
		o.wrong.NotNil("WithClassifyResponse", classify, "want a function that returns a response's verdict")
		o.classifyResponse = classify
	}
}

// WithBodyBuffer keeps request bodies without GetBody in memory, up to n bytes each, so that they
// can be sent again. Such a body is read before the first attempt is sent. A longer body is sent
// once, as without this option. Do not use it for a body that is produced while the response is
// read. Default: off. For a Transport.
func WithBodyBuffer(n int) Option {
	return func(o *options) {
		o.clientOnly("WithBodyBuffer")
		if n <= 0 {
			o.wrong.Fail("WithBodyBuffer", n, "want a number of bytes above 0; leave the option out to keep none")
		}
		o.bodyBuffer = n
	}
}

// WithBeforeAttempt sets a function that is called before each attempt. attempt counts from 1. req
// is a copy of the request, which before may change, except its body: for example to add a
// signature or a token that must be new each time. If before returns an error, nothing is sent, and
// no breaker counts a failure. The call is retried if the error is Transient or Overload; otherwise
// it ends. before must be safe for concurrent use. For a Transport.
func WithBeforeAttempt(before func(req *http.Request, attempt int) error) Option {
	return func(o *options) {
		o.clientOnly("WithBeforeAttempt")
		o.wrong.NotNil("WithBeforeAttempt", before, "want a function that may change a request")
		o.beforeAttempt = before
	}
}

// WithUploadStall lets an upload that makes progress take longer than the pipeline's deadlines.
// While the request's body is sent, a deadline ends an attempt only if the base has read nothing of
// the body for stall. After the body is sent, the attempt has its full time again to wait for the
// response. The request's ctx and the http.Client's Timeout still bound everything. Default: off,
// so a deadline of the pipeline covers the upload. For a Transport.
func WithUploadStall(stall time.Duration) Option {
	return func(o *options) {
		o.clientOnly("WithUploadStall")
		if stall <= 0 {
			o.wrong.Fail("WithUploadStall", stall, "want a positive duration, such as 5s; leave the option out for deadlines that cover uploads")
		}
		o.uploadStall = stall
	}
}

// WithAttemptHeader sets the name of the header with the number of the attempt. A Transport sends
// it with every retry: 2, 3, and so on. The first attempt is sent without it. Default for a
// Transport: off. A Middleware reads it. Default for a Middleware: [AttemptHeader].
func WithAttemptHeader(name string) Option {
	return func(o *options) { o.attemptHeader = o.header("WithAttemptHeader", name) }
}

// WithTimeoutHeader sets the name of the header with the remaining time. A Transport sends the time
// until the deadline of the attempt or of the call, whichever is sooner, in whole milliseconds,
// rounded down. A request without a deadline is sent without it. Default for a Transport: off. A
// Middleware reads it. Default for a Middleware: [TimeoutHeader].
//
// The pipeline's deadlines bound the time until the response headers arrive, so the server learns
// only that time. A handler that streams its body for longer must not use the request's ctx for
// that.
func WithTimeoutHeader(name string) Option {
	return func(o *options) { o.timeoutHeader = o.header("WithTimeoutHeader", name) }
}

// header returns the canonical form of name. It records an error if name is invalid.
func (o *options) header(option, name string) string {
	if !validName(name) {
		o.wrong.Fail(option, fmt.Sprintf("%q", name), "want the name of a header, such as %s", AttemptHeader)
	}
	return http.CanonicalHeaderKey(name)
}

// validName reports whether name is a token of RFC 9110.
func validName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return false
		}
	}
	return name != ""
}

func (o *options) clientOnly(option string) {
	if o.server {
		o.wrong.Fail(option, "given to Middleware", "leave it out: it is for a Transport")
	}
}
