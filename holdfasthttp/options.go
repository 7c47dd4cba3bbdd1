package holdfasthttp

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/check"
)

// The headers that Transport and Middleware agree on, unless an option names others. A Transport sends
// them only if WithAttemptHeader or WithTimeoutHeader tells it to.
const (
	// AttemptHeader says which attempt a request is: 2 for the first retry. A first attempt has none.
	AttemptHeader = "Holdfast-Attempt"
	// TimeoutHeader says for how many milliseconds more the client waits for the response's headers.
	TimeoutHeader = "Holdfast-Timeout-Ms"
)

// Option changes what NewTransport, NewClient or Middleware makes.
type Option func(*options)

type options struct {
	base           http.RoundTripper
	choose         func(*http.Request) *holdfast.Pipeline
	retried        statuses
	idempotent     func(*http.Request) bool
	idempotencyKey string // canonical
	attemptHeader  string // canonical; "" if it is not sent
	timeoutHeader  string // canonical; "" if it is not sent
	server         bool   // the options are Middleware's
	wrong          *check.Check
}

// WithBase sets the RoundTripper that sends the requests. Default: http.DefaultTransport. For a Transport.
func WithBase(base http.RoundTripper) Option {
	return func(o *options) {
		o.clientOnly("WithBase")
		if base == nil {
			o.wrong.Fail("WithBase", "nil", "want a RoundTripper; leave the option out for http.DefaultTransport")
		}
		o.base = base
	}
}

// WithPipelines chooses the pipeline of each request, by its host for one; the pipeline given
// to NewTransport is then nil. A request for which choose returns nil goes straight to the base. choose is
// called from many goroutines at once, and has to return the same pipeline for the same
// dependency: one that is made per request remembers nothing. For a Transport.
func WithPipelines(choose func(*http.Request) *holdfast.Pipeline) Option {
	return func(o *options) {
		o.clientOnly("WithPipelines")
		if choose == nil {
			o.wrong.Fail("WithPipelines", "nil", "want a function that returns a request's pipeline")
		}
		o.choose = choose
	}
}

// WithRetryStatuses sets the statuses that are retried, from 400 to 599; none, if none is given.
// Default: 408, 429, 500, 502, 503, 504. For a Transport.
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

// WithIdempotent replaces the rule for which requests may be sent twice: by default, those
// whose method is idempotent by RFC 9110 (GET, HEAD, OPTIONS, TRACE, PUT, DELETE), and those with
// an Idempotency-Key. It is asked only when a request has failed, from many goroutines at once,
// and must not change the request. MarkIdempotent overrules it. For a Transport.
func WithIdempotent(idempotent func(*http.Request) bool) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotent")
		if idempotent == nil {
			o.wrong.Fail("WithIdempotent", "nil", "want a function that says whether a request may be sent twice")
		}
		o.idempotent = idempotent
	}
}

// WithIdempotencyHeader sets the name of the header that makes any request safe to be sent twice, since
// the server knows it again by it. Default: Idempotency-Key. For a Transport.
func WithIdempotencyHeader(name string) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotencyHeader")
		o.idempotencyKey = o.header("WithIdempotencyHeader", name)
	}
}

// WithAttemptHeader makes a Transport put the number of the attempt into the header so named on every
// retry: 2, 3, and so on. A first attempt is sent as it is. Default: off. It tells a Middleware which
// header to read; default: AttemptHeader.
func WithAttemptHeader(name string) Option {
	return func(o *options) { o.attemptHeader = o.header("WithAttemptHeader", name) }
}

// WithTimeoutHeader makes a Transport put the time that is left until the attempt's deadline, or
// the call's, whichever is nearer, into the header so named, in whole milliseconds, rounded down. A request without
// any deadline is sent as it is. Default: off. It tells a Middleware which header to read; default:
// TimeoutHeader.
//
// The pipeline's deadlines bound the headers, so that is what the server is told. A handler that streams
// its body for longer than that must not do so under the request's ctx.
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

// apply applies all of opts.
func (o *options) apply(opts []Option) {
	for i, opt := range opts {
		if opt == nil {
			o.wrong.Fail(fmt.Sprintf("option %d", i+1), "nil", "leave it out")
			continue
		}
		opt(o)
	}
}
