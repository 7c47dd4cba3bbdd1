package traps_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: a Config that makes no sense is an error that names the stage, the field, its value
// and what would be right, from Build and from New; it never panics.
func TestNonsenseIsAClearError(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		stage resilience.Stage
		field string
		value string
	}{
		{retry.Config{MaxRetries: -2}, "MaxRetries", "-2"},
		{retry.Config{BaseDelay: -time.Second}, "BaseDelay", "-1s"},
		{retry.Config{BaseDelay: -1}, "BaseDelay", "-1ns"},
		{retry.Config{MaxDelay: -time.Second}, "MaxDelay", "-1s"},
		{retry.Config{BaseDelay: time.Second, MaxDelay: time.Millisecond}, "MaxDelay", "1ms"},
		{retry.Config{Multiplier: 0.5}, "Multiplier", "0.5"},
		{retry.Config{Multiplier: -1}, "Multiplier", "-1"},
		{retry.Config{Multiplier: nan}, "Multiplier", "NaN"},
		{retry.Config{Multiplier: inf}, "Multiplier", "+Inf"},
		{retry.Config{Jitter: retry.AdditiveJitter(0)}, "Jitter", "AdditiveJitter(0)"},
		{retry.Config{Jitter: retry.AdditiveJitter(-0.3)}, "Jitter", "AdditiveJitter(-0.3)"},
		{retry.Config{Jitter: retry.AdditiveJitter(nan)}, "Jitter", "AdditiveJitter(NaN)"},
		{retry.Config{Jitter: retry.ProportionalJitter(inf)}, "Jitter", "ProportionalJitter(+Inf)"},
		{retry.Config{Jitter: retry.ProportionalJitter(1.5)}, "Jitter", "ProportionalJitter(1.5)"},
		{retry.Config{Jitter: retry.StandardJitter(99)}, "Jitter", "99"},
		{retry.Config{Jitter: retry.StandardJitter(0)}, "Jitter", "0"},
		{retry.Config{Backoff: retry.StandardBackoff(99)}, "Backoff", "99"},
		{retry.Config{Backoff: retry.BackoffFunc(nil)}, "Backoff", "nil"},
		{retry.Config{MinAttempt: -time.Second}, "MinAttempt", "-1s"},
		{retry.Config{MaxRetryAfter: -time.Second}, "MaxRetryAfter", "-1s"},
		{budget.Config{Ratio: nan}, "Ratio", "NaN"},
		{budget.Config{Ratio: inf}, "Ratio", "+Inf"},
		{budget.Config{Ratio: -0.1}, "Ratio", "-0.1"},
		{budget.Config{Floor: nan}, "Floor", "NaN"},
		{budget.Config{Floor: inf}, "Floor", "+Inf"},
		{budget.Config{Floor: -2}, "Floor", "-2"},
		{budget.Config{Burst: -1}, "Burst", "-1"},
		{budget.Config{Initial: -2}, "Initial", "-2"},
		{budget.Config{Initial: 11}, "Initial", "11"},
		{budget.Config{DepositOn: 9}, "DepositOn", "9"},
		{breaker.Config{FailureRatio: nan}, "FailureRatio", "NaN"},
		{breaker.Config{FailureRatio: inf}, "FailureRatio", "+Inf"},
		{breaker.Config{FailureRatio: 1.1}, "FailureRatio", "1.1"},
		{breaker.Config{FailureRatio: -0.5}, "FailureRatio", "-0.5"},
		{breaker.Config{FailureRatio: -1, ConsecutiveFailures: -1}, "FailureRatio", "-1"},
		{breaker.Config{MinRequests: -1}, "MinRequests", "-1"},
		{breaker.Config{ConsecutiveFailures: -2}, "ConsecutiveFailures", "-2"},
		{breaker.Config{Window: -time.Second}, "Window", "-1s"},
		{breaker.Config{Window: 5}, "Window", "5ns"},
		{breaker.Config{Buckets: -1}, "Buckets", "-1"},
		{breaker.Config{OpenFor: -1}, "OpenFor", "-1ns"},
		{breaker.Config{OpenFor: time.Minute, MaxOpenFor: time.Second}, "MaxOpenFor", "1s"},
		{breaker.Config{HalfOpenProbes: -1}, "HalfOpenProbes", "-1"},
		{breaker.Config{ProbeTimeout: -2}, "ProbeTimeout", "-2ns"},
		{bulkhead.Config{MaxConcurrent: -1}, "MaxConcurrent", "-1"},
		{bulkhead.Config{MaxWait: -2}, "MaxWait", "-2ns"},
		{deadline.Config{}, "Limit", "0s"},
		{deadline.In(-time.Second), "Limit", "-1s"},
		{deadline.In(-1), "Limit", "-1ns"},
	} {
		t.Run(fmt.Sprintf("%T %s %s", c.stage, c.field, c.value), func(t *testing.T) {
			policy, err := c.stage.Build()
			require.Nil(t, policy)
			var wrong *resilience.FieldError
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, c.field, wrong.Field)
			require.Contains(t, fmt.Sprint(wrong.Value), c.value)
			require.NotEmpty(t, wrong.Want)

			_, err = holdfast.New("payments", budget.Config{}, retry.Config{}, c.stage)
			require.ErrorContains(t, err, wrong.Error())
		})
	}
}

// Pins: MaxRetries 0 is the default in a Config, and no retry in Custom.
func TestZeroRetries(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		var stop *retry.Error
		require.ErrorAs(t, assemble(retry.Config{}).Wrap(failing)(t.Context()), &stop)
		require.Equal(t, 4, stop.Attempts)
		require.ErrorAs(t, assemble(retry.Custom(0, time.Second, time.Second, true)).Wrap(failing)(t.Context()), &stop)
		require.Equal(t, 1, stop.Attempts)
	})
}
