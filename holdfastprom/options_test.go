package holdfastprom_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
)

func TestOptionsThatAreWrong(t *testing.T) {
	const (
		buckets = "holdfastprom: WithBuckets is "
		native  = "holdfastprom: WithNativeHistograms is "
		rising  = "; want rising bounds above 0, in seconds"
		factor  = "; want a factor above 1 and up to 16, such as 1.1, or 0 for none"
	)
	for want, opts := range map[string][]holdfastprom.Option{
		buckets + "[1 1]" + rising:   {holdfastprom.WithBuckets(1, 1)},
		buckets + "[2 1]" + rising:   {holdfastprom.WithBuckets(2, 1)},
		buckets + "[0 1]" + rising:   {holdfastprom.WithBuckets(0, 1)},
		buckets + "[-1 1]" + rising:  {holdfastprom.WithBuckets(-1, 1)},
		buckets + "[1 NaN]" + rising: {holdfastprom.WithBuckets(1, math.NaN())},
		buckets + "[NaN 1]" + rising: {holdfastprom.WithBuckets(math.NaN(), 1)},
		native + "1" + factor:        {holdfastprom.WithNativeHistograms(1)},
		native + "-1" + factor:       {holdfastprom.WithNativeHistograms(-1)},
		native + "16.5" + factor:     {holdfastprom.WithNativeHistograms(16.5)},
		native + "NaN" + factor:      {holdfastprom.WithNativeHistograms(math.NaN())},
		native + "+Inf" + factor:     {holdfastprom.WithNativeHistograms(math.Inf(1))},
		buckets + "[]; want at least one bound, or WithNativeHistograms as well": {holdfastprom.WithBuckets()},
		buckets + "[2 1]" + rising + "\n" + native + "1" + factor:                {holdfastprom.WithBuckets(2, 1), holdfastprom.WithNativeHistograms(1)},
	} {
		t.Run(want, func(t *testing.T) {
			m, err := holdfastprom.New(opts...)
			require.EqualError(t, err, want)
			require.Nil(t, m)
			var field *resilience.FieldError
			require.ErrorAs(t, err, &field)
		})
	}
}

func TestOptionsThatAreRight(t *testing.T) {
	bounds := []float64{1, math.Inf(1)}
	opts := []holdfastprom.Option{nil, holdfastprom.WithBuckets(bounds...), holdfastprom.WithNativeHistograms(0), holdfastprom.WithExemplars(nil)}
	bounds[0] = 99 // is not the option's any more
	m, r := newMetrics(t, opts...)
	m.Observe(t.Context(), resilience.Event{Kind: resilience.EventAttempt, Attempt: 1, Pipeline: "payments"})
	require.Equal(t, []string{`attempt_duration_seconds_bucket{le="1"} 1`, `attempt_duration_seconds_bucket{le="+Inf"} 1`},
		shown(t, r, "attempt_duration_seconds_bucket"))
}
