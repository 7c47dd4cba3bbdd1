package model_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// fixed is a user's Jitter that makes the same pause of everything.
type fixed time.Duration

func (f fixed) Jitter(retry.Step) time.Duration { return time.Duration(f) }

// The model compares each pause with its bounds. That the pauses are spread evenly between them is
// compared here: each tenth holds a tenth of them.
func TestPausesAreSpreadEvenly(t *testing.T) {
	const ms = time.Millisecond
	within := func(least, most time.Duration) func(time.Duration) (time.Duration, time.Duration) {
		return func(time.Duration) (time.Duration, time.Duration) { return least, most }
	}
	for name, c := range map[string]struct {
		jitter retry.Jitter
		hint   time.Duration
		left   time.Duration                                        // to the deadline, when the attempt fails; 0: there is none
		bounds func(prev time.Duration) (least, most time.Duration) // of a backoff of 100 ms
	}{
		"additive":                   {retry.AdditiveJitter(0.3), 0, 0, within(100*ms, 130*ms)},
		"proportional":               {retry.ProportionalJitter(0.2), 0, 0, within(80*ms, 120*ms)},
		"full":                       {retry.FullJitter, 0, 0, within(0, 100*ms)},
		"equal":                      {retry.EqualJitter, 0, 0, within(50*ms, 100*ms)},
		"decorrelated":               {retry.DecorrelatedJitter, 0, 0, func(prev time.Duration) (time.Duration, time.Duration) { return 100 * ms, 3 * max(100*ms, prev) }},
		"a hint":                     {fixed(100 * ms), time.Second, 0, within(1000*ms, 1500*ms)},
		"a short hint":               {fixed(100 * ms), 10 * ms, 0, within(10*ms, 110*ms)},
		"a hint before the deadline": {fixed(100 * ms), time.Second, 1200 * ms, within(1000*ms, 1200*ms)},
	} {
		t.Run(name, func(t *testing.T) {
			defer chance.Seed(seed(t), 1)()
			synctest.Test(t, func(t *testing.T) {
				p, err := retry.New(retry.Config{MaxRetries: 5, MaxDelay: time.Hour, Backoff: retry.Constant, Jitter: c.jitter})
				require.NoError(t, err)
				var positions []float64
				for range 2000 {
					var failed time.Time
					var prev time.Duration
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if c.left > 0 {
						ctx, cancel = context.WithTimeout(ctx, c.left)
					}
					_ = p.Do(ctx, func(context.Context) error {
						if !failed.IsZero() {
							pause := time.Since(failed)
							least, most := c.bounds(prev)
							positions = append(positions, float64(pause-least)/float64(most-least))
							prev = pause
						}
						failed = time.Now()
						return resilience.MarkOverload(errPlain, c.hint)
					})
					cancel()
				}
				requireEven(t, positions)
			})
		})
	}
}

// requireEven requires that each tenth from 0 to 1 holds a tenth of the numbers, but for six
// standard deviations: once in half a billion.
func requireEven(t *testing.T, numbers []float64) {
	t.Helper()
	var tenths [10]int
	for _, x := range numbers {
		require.True(t, x >= 0 && x <= 1, "%v", x)
		tenths[min(9, int(10*x))]++
	}
	even := float64(len(numbers)) / 10
	for i, is := range tenths {
		require.InDelta(t, even, is, 6*math.Sqrt(even*0.9), "tenth %d of %v", i, tenths)
	}
}
