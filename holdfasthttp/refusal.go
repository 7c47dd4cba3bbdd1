package holdfasthttp

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// refuse answers a request whose handler did not run, because of err.
func (m *middleware) refuse(rec *recorder, r *http.Request, err error) {
	code, pause := refusal(r.Context(), err)
	if code == http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), "holdfasthttp: a request was not served", "path", r.URL.Path, "error", err)
	}
	setRetryAfter(rec.w, pause)
	m.answer(rec, r, code, err)
}

// answer writes a response by WithRefusal's func, or the text of the status. Nothing may follow it:
// echo, for one, writes the error of a handler when the Middleware has returned.
func (m *middleware) answer(rec *recorder, r *http.Request, code int, err error) {
	defer func() { rec.closed = true }()
	if m.refusal != nil {
		m.refusal(rec.writer(), r, code, err)
		if !rec.untouched() {
			return
		}
	}
	fail(rec.w, code)
}

// refusal returns the status for a request whose handler did not run, and when the client may come
// back: 0 if it is not told. ctx is the request's.
func refusal(ctx context.Context, err error) (code int, pause time.Duration) {
	pause = max(resilience.RetryAfter(err), time.Second)
	switch {
	case ctx.Err() == context.DeadlineExceeded: //nolint:errorlint // Err documents these very values
		return http.StatusGatewayTimeout, 0
	case resilience.ReasonOf(err) == resilience.ReasonRateLimited:
		return http.StatusTooManyRequests, pause
	case resilience.Unasked(err):
		return http.StatusServiceUnavailable, pause
	}
	return http.StatusInternalServerError, 0 // there is no pipeline for it
}
