package peers

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
)

// A GET through a preset's RoundTripper, in a handler: under a request's ctx, whose response is
// read and closed. The baseline is the same GET by the base transport alone.
var httpPreset = scenario{attempts: 1, ctx: served, candidates: []candidate{
	{"plain transport", func(tb testing.TB) call {
		s := newWriter(nil)
		return fetched(tb, s, s)
	}},
	{"holdfast Critical", func(tb testing.TB) call { return holdfastPreset(tb, newWriter(nil)) }},
	{"holdfast Critical, Done", func(tb testing.TB) call { return holdfastPreset(tb, newWriter(askDone)) }},
	{"failsafehttp", func(tb testing.TB) call {
		s := newWriter(nil)
		return fetched(tb, s, failsafehttp.NewRoundTripper(s,
			fstimeout.New[*http.Response](presetLimit),
			failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(presetRetries).WithBackoff(baseDelay, maxDelay).WithBudget(fsbudget.New()).Build(),
			newFailsafeBreaker[*http.Response](failureRatio, openFor),
			fstimeout.New[*http.Response](presetAttempt),
		))
	}},

	// Retries are all that it has.
	{"retryablehttp", func(tb testing.TB) call {
		s := newWriter(nil)
		return fetched(tb, s, retryable(s, baseDelay, maxDelay))
	}},
}}

func BenchmarkHTTPPreset(b *testing.B) { httpPreset.run(b) }

func holdfastPreset(tb testing.TB, w *writer) call {
	rt, err := holdfasthttp.NewTransport(newPipeline(tb, holdfast.Critical()...), holdfasthttp.WithBase(w))
	require.NoError(tb, err)
	return fetched(tb, w, rt)
}

// writer is a base transport whose every answer has a body of its own. ask is what it does with
// the ctx, nil for nothing.
type writer struct {
	ask      func(context.Context) error
	attempts int
	header   http.Header
}

func newWriter(ask func(context.Context) error) *writer {
	return &writer{ask: ask, header: http.Header{}}
}

func (w *writer) RoundTrip(r *http.Request) (*http.Response, error) {
	w.attempts++
	if w.ask != nil {
		if err := w.ask(r.Context()); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: w.header, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)),
	}, nil
}

const answer = "paid"

// fetched makes requests by rt, which was built around w, and reads and closes what comes back. The
// request is made once for each ctx, as no row has to do with that.
func fetched(tb testing.TB, w *writer, rt http.RoundTripper) call {
	var req *http.Request
	var text [len(answer)]byte
	return func(ctx context.Context) (attempts int, err error) {
		if req == nil || req.Context() != ctx {
			if req, err = http.NewRequestWithContext(ctx, http.MethodGet, "http://peer.example/", http.NoBody); err != nil {
				tb.Fatal(err)
			}
		}
		w.attempts = 0
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return w.attempts, err
		}
		_, err = io.ReadFull(resp.Body, text[:])
		if closed := resp.Body.Close(); err == nil {
			err = closed
		}
		if err == nil && resp.StatusCode != http.StatusOK {
			err = errStatus
		}
		return w.attempts, err
	}
}
