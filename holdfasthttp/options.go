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

// The headers that Transport and Middleware agree on, unless an option names others. A Transport
// sends them only if WithAttemptHeader or WithTimeoutHeader tells it to.
const (
	// AttemptHeader says which attempt a request is: 2 for the first retry. A first attempt has
	// none.
	AttemptHeader = "Holdfast-Attempt"
	// TimeoutHeader says for how many milliseconds more the client waits for the response's
	// headers.
	TimeoutHeader = "Holdfast-Timeout-Ms"
)

// Option changes what NewTransport, NewClient or Middleware makes.
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
	wrong            *adapter.Check
}

// WithBase sets the RoundTripper that sends the requests. Default: http.DefaultTransport. For a
// Transport.
func WithBase(base http.RoundTripper) Option {
	return func(o *options) {
		o.clientOnly("WithBase")
		o.wrong.NotNil("WithBase", base, "want a RoundTripper; leave the option out for http.DefaultTransport")
		o.base = base
	}
}

// WithPipelines chooses the pipeline of each request, by its host for one. Where choose returns
// nil, the pipeline given to NewTransport is used; if that is nil too, the request fails. A request
// for which choose returns [holdfast.None] goes straight to the base. choose is called from many
// goroutines at once, and has to return the same pipeline for the same dependency: one that is made
// per request remembers nothing. For a Transport.
func WithPipelines(choose func(*http.Request) *holdfast.Pipeline) Option {
	return func(o *options) {
		o.clientOnly("WithPipelines")
		o.wrong.NotNil("WithPipelines", choose, "want a function that returns a request's pipeline")
		o.pipelines.Choose = choose
	}
}

// WithRetryStatuses sets the statuses that are retried, from 400 to 599; none, if none is given.
// Default: 408, 425, 429, 500, 502, 503, 504, 529. For a Transport.
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

// WithIdempotent replaces the rule for which requests may be sent twice: by default, those whose
// method is idempotent by RFC 9110 (GET, HEAD, OPTIONS, TRACE, PUT, DELETE), and those with an
// Idempotency-Key that is not blank. It is asked only when a request has failed, from many
// goroutines at once, and must not change the request. resilience.MarkIdempotent and MarkOnce
// overrule it. For a Transport.
func WithIdempotent(idempotent func(*http.Request) bool) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotent")
		o.wrong.NotNil("WithIdempotent", idempotent, "want a function that says whether a request may be sent twice")
		o.idempotent = idempotent
	}
}

// WithIdempotencyHeader sets the name of the header by which the server recognizes a request that
// it has seen: a request that has it may be sent twice. Default: Idempotency-Key. For a Transport.
func WithIdempotencyHeader(name string) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotencyHeader")
		o.idempotencyKey = o.header("WithIdempotencyHeader", name)
	}
}

// WithClassifyResponse sets what each response means, also one with status 200, before its status
// is looked at: a service may answer 403 where it means 429, or 200 with errors inside. If classify
// returns Success, the response is one, whatever its status. Transient, Overload and Permanent mean
// what they mean for errors, with the pause that the headers ask for. For any other verdict the
// status decides.
//
// classify may read up to 64 KiB of the body, for as long as the attempt may take; the caller gets
// the body whole. It must not keep or change the response. It is called from many goroutines at
// once. For a Transport.
func WithClassifyResponse(classify func(*http.Response) resilience.Verdict) Option {
	return func(o *options) {
		o.clientOnly("WithClassifyResponse")
		o.wrong.NotNil("WithClassifyResponse", classify, "want a function that returns a response's verdict")
		o.classifyResponse = classify
	}
}

// WithBodyBuffer keeps request bodies that have no GetBody in memory, up to n bytes each, so that
// they can be sent again. Such a body is read before the first attempt is sent. A longer one is
// sent once, as without this option. Do not use it for a body that is written while the response is
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

// WithBeforeAttempt calls before for each attempt, which counts from 1, with a copy of the request
// that it may change: for a signature or a token that must be new each time. It must not touch the
// body. If it returns an error, nothing is sent, and the server is not blamed. The call is retried
// if the error is Transient or Overload; otherwise it ends. before is called from many goroutines
// at once. For a Transport.
func WithBeforeAttempt(before func(req *http.Request, attempt int) error) Option {
	return func(o *options) {
		o.clientOnly("WithBeforeAttempt")
		o.wrong.NotNil("WithBeforeAttempt", before, "want a function that may change a request")
		o.beforeAttempt = before
	}
}

// WithUploadStall lets an upload that makes progress take longer than the pipeline's deadlines.
// While the request's body is sent, they end an attempt only if the base has read nothing of it for
// stall. When the body has been sent, the response has as long as the attempt had at first. The
// request's ctx and the http.Client's Timeout still bound all of it. Default: off; a deadline of
// the pipeline covers the upload. For a Transport.
func WithUploadStall(stall time.Duration) Option {
	return func(o *options) {
		o.clientOnly("WithUploadStall")
		if stall <= 0 {
			o.wrong.Fail("WithUploadStall", stall, "want a positive duration, such as 5s; leave the option out for deadlines that cover uploads")
		}
		o.uploadStall = stall
	}
}

// WithAttemptHeader makes a Transport send the number of the attempt in the header of that name, on
// every retry: 2, 3, and so on. A first attempt is sent without it. Default: off. A Middleware
// reads the header of that name; default: AttemptHeader.
func WithAttemptHeader(name string) Option {
	return func(o *options) { o.attemptHeader = o.header("WithAttemptHeader", name) }
}

// WithTimeoutHeader makes a Transport send the time until the attempt's deadline, or the call's if
// that is nearer, in the header of that name: in whole milliseconds, rounded down. A request
// without a deadline is sent without it. Default: off. A Middleware reads the header of that name;
// default: TimeoutHeader.
//
// The pipeline's deadlines bound the time until the headers, so that is what the server is told. A
// handler that streams its body for longer must not do so under the request's ctx.
func WithTimeoutHeader(name string) Option {
	return func(o *options) { o.timeoutHeader = o.header("WithTimeoutHeader", name) }
}

// header returns name as it stands in a Header.
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
