package holdfasthttp_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A server may say itself whether another attempt helps. Its no is final, whatever RetryIf says;
// its yes makes a request that may be sent twice worth another attempt, and no other. To a breaker
// the status counts.
func TestAServerThatSaysWhetherToRetry(t *testing.T) {
	const openAI, stripe = "X-Should-Retry", "Stripe-Should-Retry"
	for name, c := range map[string]struct {
		method     string
		code       int
		header     []string
		classified resilience.Verdict
		attempts   int
		failures   int
	}{
		"no, of a failure":            {"GET", 503, []string{openAI, "false"}, 0, 1, 1},
		"Stripe's no":                 {"GET", 503, []string{stripe, "false"}, 0, 1, 1},
		"no, and when to come back":   {"GET", 429, []string{openAI, "false", "Retry-After", "0"}, 0, 1, 1},
		"yes, of a conflict":          {"GET", 409, []string{openAI, "true"}, 0, 3, 0},
		"Stripe's yes":                {"GET", 409, []string{stripe, "true"}, 0, 3, 0},
		"yes, but it cannot be again": {"POST", 409, []string{openAI, "true"}, 0, 1, 0},
		"yes, of a failure":           {"GET", 503, []string{openAI, "true"}, 0, 3, 3},
		"yes, of a 501":               {"GET", 501, []string{openAI, "true"}, 0, 3, 0},
		"neither":                     {"GET", 503, []string{openAI, "perhaps"}, 0, 3, 3},
		"neither, of a conflict":      {"GET", 409, []string{openAI, "1"}, 0, 1, 0},
		"nothing":                     {"GET", 409, nil, 0, 1, 0},
		"no, of a success":            {"GET", 200, []string{openAI, "false"}, 0, 1, 0},
		"the classifier goes first":   {"GET", 503, []string{openAI, "false"}, resilience.Transient, 3, 3},
	} {
		always := soon(2)
		if c.attempts == 1 && c.code >= 500 {
			always.RetryIf = func(error) bool { return true }
		}
		answer := status(c.code, c.header...)
		server := newFaulty(t, nil, false, answer, answer, answer)
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		opts := []holdfasthttp.Option{holdfasthttp.WithBase(server.base(t, 0))}
		if c.classified != 0 {
			opts = append(opts, holdfasthttp.WithClassifyResponse(func(*http.Response) resilience.Verdict { return c.classified }))
		}
		rt := newTransport(t, newPipeline(t, always, gate), opts...)
		resp, err := rt.RoundTrip(must(http.NewRequestWithContext(t.Context(), c.method, server.URL, nil)))
		require.NoError(t, err, name)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, c.code, resp.StatusCode, name)
		require.Len(t, server.arrivals(), c.attempts, name)
		require.EqualValues(t, c.failures, gate.Stats().Counts.Failures, name)
		if c.attempts == 1 && c.failures == 1 {
			require.ErrorContains(t, holdfasthttp.Stopped(resp), "another attempt does not help", name)
		}
	}
}
