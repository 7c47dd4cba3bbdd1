package holdfasthttp

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// count parses the number of a header. A very large number is reduced, so that as milliseconds it
// fits into a Duration.
func count(values []string) (int, bool) {
	if len(values) != 1 {
		return 0, false
	}
	const most = 1_000_000_000 // milliseconds: eleven days
	d, ok := whole(values[0], time.Second)
	return int(min(d/time.Second, most)), ok
}

type attemptKey struct{}

// Attempt returns the number of the client's attempt: 2 for the first retry. It returns 1 if the
// client does not say, or if there is no [Middleware]. ctx is the request's.
func Attempt(ctx context.Context) int {
	if n, ok := ctx.Value(attemptKey{}).(int); ok {
		return n
	}
	return 1
}

// WriteError writes the response to a request that failed with err. The status depends on err's
// verdict:
//
//	Rejected                503, with Retry-After: what err asks for, at least 1 s
//	Overload                429, with Retry-After if err asks for a pause
//	Transient               504 for a timeout, else 502
//	anything else           500
//
// If err must not be retried, its verdict about the dependency counts: a timeout of a payment is a
// 504 too. The response has a [GaveUpHeader] with the reason if a retry loop here gave up, or if
// another attempt could only do harm or not help (a call that may have been carried out, a
// Permanent error). A client's Transport ends its own retry loop when it receives that header.
//
// The body is the text of the status, not that of err, which may hold internal details. Call
// WriteError before anything else is written to w. A nil err writes nothing.
func WriteError(w http.ResponseWriter, err error) {
	if err == nil {
		return
	}
	verdict := resilience.Classify(err)
	if verdict == resilience.Permanent && resilience.NoRetry(err) {
		verdict = resilience.Judge(context.Background(), nil, err)
	}
	pause := resilience.RetryAfter(err)
	code := http.StatusInternalServerError
	switch verdict {
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
	setRetryAfter(w, pause)
	if reason := gaveUp(err); reason != resilience.ReasonNone {
		w.Header().Set(GaveUpHeader, reason.String())
	}
	fail(w, code)
}

// setRetryAfter asks the client to wait for pause, in seconds, rounded up. It does nothing if pause
// is 0.
func setRetryAfter(w http.ResponseWriter, pause time.Duration) {
	if pause > 0 {
		ceiling := (pause - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(ceiling)+1, 10))
	}
}

func fail(w http.ResponseWriter, code int) { http.Error(w, http.StatusText(code), code) }
