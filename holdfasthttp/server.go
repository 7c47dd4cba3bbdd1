package holdfasthttp

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Middleware returns what a server puts around its handlers to know about its clients' attempts:
//
//   - The timeout header (TimeoutHeader) ends the request's ctx when the client stops waiting. It can only
//     shorten what the ctx has; what is no count of milliseconds is not heeded.
//   - A request whose time is over when it comes is answered with 504, and the handler does not run.
//   - [Attempt] tells the handler which attempt it is (AttemptHeader).
//
// WithTimeoutHeader and WithAttemptHeader name other headers. No other option is for Middleware; its
// error names every one that is wrong. A panic of the handler passes through.
//
// Both headers are the client's word. At the edge, where clients are not trusted, the worst that they can
// do is to end their own request early, and to call it a retry.
func Middleware(opts ...Option) (func(http.Handler) http.Handler, error) {
	o := options{attemptHeader: AttemptHeader, timeoutHeader: TimeoutHeader, server: true, wrong: check.Stage("holdfasthttp")}
	o.apply(opts)
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			attempt, again := count(r.Header[o.attemptHeader])
			if again = again && attempt > 1; again {
				ctx = context.WithValue(ctx, attemptKey{}, attempt)
			}
			ms, limited := count(r.Header[o.timeoutHeader])
			if limited {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
				defer cancel()
			}
			if ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // Err documents these very values
				fail(w, http.StatusGatewayTimeout)
				return
			}
			if again || limited {
				r = r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// count reads a header's number. One that is very large is cut to what fits into a Duration as milliseconds.
func count(values []string) (int, bool) {
	if len(values) != 1 {
		return 0, false
	}
	const most = 1_000_000_000 // milliseconds: eleven days
	d, ok := seconds(values[0])
	return int(min(d/time.Second, most)), ok
}

type attemptKey struct{}

// Attempt returns which attempt of the client's a request is, 2 being the first retry. It is 1
// if the client does not say, or if no Middleware has read what it says. ctx is the request's.
func Attempt(ctx context.Context) int {
	if n, ok := ctx.Value(attemptKey{}).(int); ok {
		return n
	}
	return 1
}

// WriteError answers a request that failed with err, as its verdict asks:
//
//	Rejected                503, with Retry-After: what err asks for, at least 1 s
//	Overload                429, with Retry-After if err asks for a pause
//	Transient               504 for a timeout, else 502
//	anything else           500
//
// The body is the status's text; err's own is not for clients to read. Nothing must have been
// written before. A nil err writes nothing.
func WriteError(w http.ResponseWriter, err error) {
	if err == nil {
		return
	}
	pause := resilience.RetryAfter(err)
	code := http.StatusInternalServerError
	switch resilience.Classify(err) {
	case resilience.Rejected:
		code, pause = http.StatusServiceUnavailable, max(pause, time.Second)
	case resilience.Overload:
		code = http.StatusTooManyRequests
	case resilience.Transient:
		code, pause = http.StatusBadGateway, 0
		if isTimeout(err) {
			code = http.StatusGatewayTimeout
		}
	default:
		pause = 0
	}
	if pause > 0 {
		ceiling := (pause - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(ceiling)+1, 10))
	}
	fail(w, code)
}

func fail(w http.ResponseWriter, code int) { http.Error(w, http.StatusText(code), code) }
