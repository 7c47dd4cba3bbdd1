package lint_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// What the linter promises about breakers: see promises_test.go.

func state(p *holdfast.Pipeline) breaker.State { return p.Snapshot().Breakers[0].State }

func TestPromiseWindowShorterThanAttempt(t *testing.T) {
	const service = "\tpayments: {template: none, deadline: 5s, breaker: {window: 5s, failure_ratio: 0.5, min_requests: 1, consecutive_failures: ROW}}"
	alone, both := parse(t, strings.Replace(service, "ROW", "off", 1)), parse(t, strings.Replace(service, "ROW", "20", 1))
	f := says(t, alone, lint.Options{}, "HF030",
		"error: an attempt may take 5 s and the window is 5 s: the outcome of one that hangs is forgotten before it is known, so hanging never opens the breaker")
	require.Equal(t, "breaker.window: 10s", f.Fix.String())
	f = says(t, both, lint.Options{}, "HF028",
		"warning: an attempt may take 5 s and the window is 5 s: failure_ratio never counts one that hangs, and only 20 failures in a row open the breaker")
	require.Equal(t, "breaker.window: 10s", f.Fix.String())
	opens := func(c *config.Config, succeeds int) (after int) {
		synctest.Test(t, func(t *testing.T) {
			p := pipeline(t, c, "payments")
			for after < 1000 && state(p) == breaker.StateClosed {
				after++
				_ = p.Do(t.Context(), func(ctx context.Context) error {
					if succeeds > 0 && after%succeeds == 0 {
						return nil
					}
					return hang(ctx)
				})
			}
		})
		return after
	}
	require.Equal(t, 1000, opens(alone, 0), "never")
	require.Equal(t, 20, opens(both, 0))
	require.Equal(t, 1000, opens(both, 5), "four fifths hang, and the ratio does not see it")
	mended := parse(t, strings.Replace(strings.Replace(service, "ROW", "20", 1), "window: 5s", "window: 10s", 1))
	silent(t, mended, "HF028")
	require.Equal(t, 1, opens(mended, 5))
}

func TestPromiseMinRequestsNeverReached(t *testing.T) {
	const service = "\tpayments: {template: none, deadline: 1s, rps: 0.2, breaker: {failure_ratio: 0.5, consecutive_failures: ROW, open_for: 24h, max_open_for: 24h}}"
	alone, five, many := parse(t, strings.Replace(service, "ROW", "off", 1)), parse(t, strings.Replace(service, "ROW", "5", 1)), parse(t, strings.Replace(service, "ROW", "20", 1))
	f := says(t, alone, lint.Options{}, "HF031",
		"warning: at 0.2/s the window of 10 s holds at most 2 outcomes of an outage on average; failure_ratio counts from 20 on, so the breaker practically never opens")
	require.Equal(t, "breaker.consecutive_failures: 5", f.Fix.String())
	f = says(t, five, lint.Options{}, "HF032",
		"info: at 0.2/s the window of 10 s holds at most 2 outcomes of an outage on average; failure_ratio counts from 20 on, so only 5 failures in a row open the breaker")
	require.Equal(t, "breaker.failure_ratio: off", f.Fix.String())
	f = says(t, many, lint.Options{}, "HF029",
		"info: at 0.2/s the window of 10 s holds at most 2 outcomes, of which failure_ratio needs 20, and it takes about 100 s of an outage until 20 failures in a row open the breaker")
	require.Equal(t, "breaker.consecutive_failures: 10", f.Fix.String())
	opens := func(c *config.Config) (after time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p, began := pipeline(t, c, "payments"), time.Now()
			for time.Since(began) < 10*time.Hour && state(p) == breaker.StateClosed {
				pass(5 * time.Second)
				_ = p.Do(t.Context(), func(context.Context) error { return errDown })
			}
			after = time.Since(began)
		})
		return after
	}
	require.Equal(t, 10*time.Hour, opens(alone), "never")
	require.Equal(t, 25*time.Second, opens(five))
	require.Equal(t, 100*time.Second, opens(many))
}

func TestPromiseFailuresInARowByChance(t *testing.T) {
	c := parse(t, "\tpayments: {template: critical, rps: 200, breaker: {consecutive_failures: 3}}")
	f := says(t, c, lint.Options{}, "HF034",
		"warning: where 10 % of the attempts fail, 3 failures in a row come about once in 1100 attempts (5.5 s at 200/s): an ordinary bad day opens the breaker")
	require.Equal(t, "breaker.consecutive_failures: 6", f.Fix.String())
	require.Equal(t, "(f⁻ᵏ - 1) / (1 - f) with f = 0.1, k = 3, if failures are independent", f.Arithmetic)
	// A window does not help: they count over any time.
	f = says(t, parse(t, "\tpayments: {template: critical, rps: 0.1, breaker: {consecutive_failures: 2}}"), lint.Options{}, "HF034",
		"warning: where 10 % of the attempts fail, 2 failures in a row come about once in 110 attempts (18 min at 0.1/s): an ordinary bad day opens the breaker")
	require.Equal(t, "breaker.consecutive_failures: 3", f.Fix.String())
	f = says(t, parse(t, "\tpayments: {template: critical, breaker: {consecutive_failures: 1}}"), lint.Options{}, "HF034",
		"warning: where 10 % of the attempts fail, 1 failure, which is enough, comes about once in 10 attempts: an ordinary bad day opens the breaker")
	require.Equal(t, "breaker.consecutive_failures: 4", f.Fix.String())
	says(t, parse(t, "\tpayments: {template: critical, rps: 200, breaker: {consecutive_failures: 10}}"), lint.Options{}, "HF035",
		"info: where 50 % of the attempts fail, 10 failures in a row come about once in 2000 attempts (10 s at 200/s) and open the breaker, though failure_ratio bears 95 %")
} // how often a real breaker does so: TestRunLengthIsWhatABreakerDoes of internal/plan
