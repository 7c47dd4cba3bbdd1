package holdfasthttp_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// layer is a service that calls the next one through three retries. With tells, it answers a
// failure by WriteError, which says that it gave up; without, with a bare 502.
func layer(t *testing.T, method, next string, tells bool) *httptest.Server {
	t.Helper()
	client := &http.Client{Transport: newTransport(t, newPipeline(t, soon(3)), holdfasthttp.WithBase(&http.Transport{DisableKeepAlives: true}))}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := client.Do(must(http.NewRequestWithContext(r.Context(), method, next, nil)))
		if err == nil {
			_ = resp.Body.Close()
			err = holdfasthttp.Stopped(resp)
		}
		switch {
		case err == nil:
		case tells:
			holdfasthttp.WriteError(w, err)
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// In an outage, three layers with three retries each ask the last server 64 times for one call. If
// each says that it gave up, they ask it 4 times.
func TestThreeLayers(t *testing.T) {
	for _, method := range []string{"GET", "PUT"} {
		for _, tells := range []bool{false, true} {
			var asked atomic.Int32
			path := "/" + rand.Text()
			down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path { // and not of another program, which knew somebody else by this port
					asked.Add(1)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			defer down.Close()
			top := newPipeline(t, soon(3))
			client := &http.Client{Transport: newTransport(t, top)}
			url := layer(t, method, layer(t, method, down.URL+path, tells).URL, tells).URL
			const calls = 10
			for range calls {
				resp, err := client.Do(must(http.NewRequestWithContext(t.Context(), method, url, nil)))
				require.NoError(t, err)
				require.Equal(t, http.StatusBadGateway, resp.StatusCode)
				require.NoError(t, resp.Body.Close())
				if tells {
					why := holdfasthttp.Stopped(resp)
					require.Equal(t, resilience.ReasonExhausted, resilience.ReasonOf(why), "the reason of the innermost loop")
					require.ErrorContains(t, why, "the server's own retries gave up")
					require.Equal(t, method == "PUT", errors.Is(why, resilience.ErrOutcomeUnknown))
				}
			}
			t.Logf("tells: %v: %.1f attempts per call at the last server", tells, float64(asked.Load())/calls)
			want := 64
			if tells {
				want = 4
			}
			require.EqualValues(t, want*calls, asked.Load())
		}
	}
}

// What ends a Transport's loop, and what a breaker counts.
func TestAServerThatGaveUp(t *testing.T) {
	for name, c := range map[string]struct {
		header   []string
		code     int
		attempts int
		reason   resilience.Reason
		unknown  bool
	}{
		"a budget":            {[]string{holdfasthttp.GaveUpHeader, "budget_exhausted"}, 502, 1, resilience.ReasonBudget, false},
		"its outcome unknown": {[]string{holdfasthttp.GaveUpHeader, "outcome_unknown"}, 504, 1, resilience.ReasonOutcomeUnknown, true},
		"in newer words":      {[]string{holdfasthttp.GaveUpHeader, "tired"}, 503, 1, resilience.ReasonExhausted, false},
		"Envoy, full":         {[]string{"x-envoy-overloaded", "true"}, 503, 3, resilience.ReasonExhausted, false}, // envoyproxy/envoy#10706: another of its hosts may be well
		"blank":               {[]string{holdfasthttp.GaveUpHeader, " "}, 503, 3, resilience.ReasonExhausted, false},
		"nothing":             {nil, 503, 3, resilience.ReasonExhausted, false},
		"of a success":        {[]string{holdfasthttp.GaveUpHeader, "budget_exhausted"}, 200, 1, resilience.ReasonNone, false},
		"of a 404":            {[]string{holdfasthttp.GaveUpHeader, "budget_exhausted"}, 404, 1, resilience.ReasonNone, false},
	} {
		always := soon(2)
		always.RetryIf = func(err error) bool { return c.code >= 500 }
		server := newFaulty(t, nil, false, status(c.code, c.header...), status(c.code, c.header...), status(c.code, c.header...))
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		rt := newTransport(t, newPipeline(t, always, gate), holdfasthttp.WithBase(server.base(t, 0)))
		resp, err := rt.RoundTrip(must(http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, server.arrivals(), c.attempts, name)
		why := holdfasthttp.Stopped(resp)
		require.Equal(t, c.reason, resilience.ReasonOf(why), name)
		require.Equal(t, c.unknown, errors.Is(why, resilience.ErrOutcomeUnknown), name)
		require.Equal(t, c.code >= 500, gate.Counts().Failures > 0, name)
		var status *holdfasthttp.StatusError
		require.Equal(t, c.code >= 500, errors.As(why, &status), name)
	}
}

// WriteError tells a client what to do, and whether a retry can help.
func TestWhatWriteErrorSays(t *testing.T) {
	ended := func(stages []resilience.Stage, err error) error {
		return newPipeline(t, stages...).Do(t.Context(), func(context.Context) error { return err })
	}
	spent, err := budget.New(budget.Config{Initial: -1, Floor: -1})
	require.NoError(t, err)
	lost := func(method string, err error) error {
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) { return nil, err })))
		_, err = rt.RoundTrip(newRequest(t, method, strings.NewReader("10 EUR")))
		return err
	}
	for name, c := range map[string]struct {
		err    error
		code   int
		gaveUp string
	}{
		"a loop that ended":              {ended([]resilience.Stage{soon(1)}, io.ErrUnexpectedEOF), 502, "retries_exhausted"},
		"by timeouts":                    {ended([]resilience.Stage{soon(1)}, os.ErrDeadlineExceeded), 504, "retries_exhausted"},
		"a loop without a budget":        {ended([]resilience.Stage{spent, soon(1)}, io.ErrUnexpectedEOF), 503, "budget_exhausted"},
		"no loop":                        {ended([]resilience.Stage{breaker.Config{}}, io.ErrUnexpectedEOF), 502, ""},
		"a payment that timed out":       {lost("POST", os.ErrDeadlineExceeded), 504, "outcome_unknown"},
		"a payment whose answer is lost": {lost("POST", io.EOF), 502, "outcome_unknown"},
		"a GET that timed out":           {lost("GET", os.ErrDeadlineExceeded), 504, "retries_exhausted"},
		"not to be repeated":             {resilience.MarkNoRetry(os.ErrDeadlineExceeded, resilience.Transient), 504, "permanent"},
		"overload, not to be repeated":   {resilience.MarkNoRetry(errors.New("busy"), resilience.Overload), 429, "permanent"},
		"Permanent":                      {resilience.MarkPermanent(errors.New("declined")), 500, "permanent"},
		"nobody knows":                   {errors.New("bug"), 500, ""},
		"the client left":                {context.Canceled, 500, ""},
		"unknown to a client":            {resilience.ErrOutcomeUnknown, 500, "outcome_unknown"},
		"a nil retry.Error":              {(*retry.Error)(nil), 500, ""},
	} {
		w := httptest.NewRecorder()
		holdfasthttp.WriteError(w, c.err)
		require.Equal(t, c.code, w.Code, "%s: %v", name, c.err)
		require.Equal(t, c.gaveUp, w.Header().Get(holdfasthttp.GaveUpHeader), "%s: %v", name, c.err)
	}
}
