package holdfasthttp

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Middleware returns a wrapper for a server's handlers that runs each of them in p: use bulkheads,
// adaptive ones too, rate limits, deadlines, a breaker, your own guards. A request that p refuses
// does not reach the handler. It is answered with 429 if a rate limit refused it, else with 503.
// Both have a Retry-After: the seconds until it may work, as far as p knows, and at least 1. See
// [WithRefusal].
//
// p must have no retry loop, since a handler cannot run twice. p may be nil if [WithPipelines]
// chooses a pipeline for every request. With [holdfast.None] only the headers below are read. The
// error names every problem.
//
// The handler runs in the goroutine of its request, with p's ctx as that of the request. A deadline
// of p ends the ctx, and nothing else: no handler is left behind. If the handler returns after the
// deadline and has written nothing, the response is 504. The writer that the handler gets has
// the optional methods of the server's own (Flush, Hijack, ReadFrom, Push, CloseNotify), and Unwrap
// for an http.ResponseController. A place in a bulkhead is taken until the handler returns, even if
// it took over the connection.
//
// To p's stages, a handler has failed if its status is 500 or more, but not 501 or 505; if it
// returned after p's deadline; or if it panicked. A panic passes through. If the client has left,
// or its own time is over, before p's deadline, the call counts as nothing. See
// [WithClassifyStatus].
//
// Middleware also reads what clients say about their attempts:
//
//   - The timeout header (TimeoutHeader) ends the request's ctx when the client stops waiting. It
//     can only shorten the time that the ctx has. A value that is not a number of milliseconds is
//     ignored.
//   - If a request's time is over when it arrives, the answer is 504, and the handler does not run.
//   - [Attempt] tells the handler which attempt it is: the larger of AttemptHeader and Envoy's
//     x-envoy-attempt-count.
//
// WithTimeoutHeader and WithAttemptHeader set other names. Clients that are not trusted can set
// both headers. At worst they end their own request early, or make it look like a retry.
//
// A request allocates once more than in the handler alone, unless p derives a ctx for a deadline.
// The wrapper, and the handlers that it returns, are safe for concurrent use.
func Middleware(p *holdfast.Pipeline, opts ...Option) (func(http.Handler) http.Handler, error) {
	m := &middleware{options{
		attemptHeader: AttemptHeader, timeoutHeader: TimeoutHeader, server: true, wrong: &adapter.Check{Package: "holdfasthttp"},
	}}
	adapter.Apply(m.wrong, &m.options, opts)
	m.pipelines.Default = p
	m.pipelines.Check(m.wrong)
	m.runsOnce(p)
	if err := m.wrong.Err(); err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, next) })
	}, nil
}

type middleware struct{ options }

// runsOnce records an error if p may run a handler twice.
func (o *options) runsOnce(p *holdfast.Pipeline) {
	for i, stage := range p.Stages() {
		if c, ok := stage.(retry.Config); ok && c.MaxRetries != retry.None {
			o.wrong.Fail("pipeline", fmt.Sprintf("%q, which has a retry loop (stage %d)", p.Name(), i+1),
				"want one without, since a handler cannot run twice: leave retry.Config and budget.Config out")
		}
	}
}

func (m *middleware) serve(w http.ResponseWriter, original *http.Request, next http.Handler) {
	r, cancel := m.heard(original)
	if cancel != nil {
		defer cancel()
	}
	if r.Context().Err() == context.DeadlineExceeded { //nolint:errorlint // Err documents these very values
		m.refuse(&recorder{w: w}, r, r.Context().Err())
		return
	}
	p, err := m.pipelines.For(r)
	switch {
	case err != nil:
		m.refuse(&recorder{w: w}, r, err)
		return
	case p == nil:
		defer returned(original, r)
		next.ServeHTTP(w, r)
		return
	}
	s := &served{recorder: recorder{w: w}, middleware: m, next: next, original: original, r: r}
	err = p.Do(r.Context(), s.run)
	switch {
	case s.aborted:
		panic(http.ErrAbortHandler)
	case !s.ran:
		m.refuse(&s.recorder, r, err)
	case s.late != nil && s.untouched():
		m.answer(&s.recorder, r, http.StatusGatewayTimeout, s.late)
	}
}

// heard returns r with what its client says in its ctx, and what to call at the end, or nil.
func (m *middleware) heard(r *http.Request) (*http.Request, context.CancelFunc) {
	attempt, _ := count(r.Header[m.attemptHeader])
	if n, ok := count(r.Header["X-Envoy-Attempt-Count"]); ok {
		attempt = max(attempt, n)
	}
	ms, limited := count(r.Header[m.timeoutHeader])
	if attempt <= 1 && !limited {
		return r, nil
	}
	ctx := r.Context()
	if attempt > 1 {
		ctx = context.WithValue(ctx, attemptKey{}, attempt)
	}
	var cancel context.CancelFunc
	if limited {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
	}
	return r.WithContext(ctx), cancel
}

// returned gives the original request what a handler has found out about its copy r. net/http
// removes the temporary files of the original's form, and loggers look at its pattern.
func returned(original, r *http.Request) {
	if original == r {
		return
	}
	if original.MultipartForm == nil {
		original.MultipartForm = r.MultipartForm
	}
	if original.Pattern == "" {
		original.Pattern = r.Pattern
	}
}
