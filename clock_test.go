package holdfast_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A pipeline saves a look at the clock where an earlier one proves that the caller's ctx ends
// first. A bubble's deadlines cannot be compared, so it does that outside of bubbles only. In every
// case an op gets the deadline that ends first.
func TestASavedLookAtTheClockLosesNoDeadline(t *testing.T) {
	const limit = 10 * time.Minute
	for name, stages := range map[string][]resilience.Stage{
		"for the call":    {deadline.In(limit), retry.Config{}},
		"for the attempt": {retry.Config{}, deadline.In(limit)},
		"for both":        {deadline.In(2 * limit), retry.Config{}, deadline.In(limit)},
	} {
		p := newPipeline(t, stages...)
		for i, left := range []time.Duration{
			time.Minute, 5 * time.Hour, time.Minute, limit / 2, 0, 5 * time.Hour, 5 * time.Hour, limit - time.Minute, 2 * limit, 0, time.Minute,
		} {
			ctx, cancel := context.WithCancel(t.Context())
			if left > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), left)
			}
			callers, _ := ctx.Deadline()
			before := time.Now()
			require.NoError(t, p.Do(ctx, func(ctx context.Context) error {
				got, ok := ctx.Deadline()
				require.True(t, ok, "%s, call %d", name, i)
				if left > 0 && left < limit {
					require.Equal(t, callers, got, "%s, call %d: the caller's ends first", name, i)
					return nil
				}
				require.False(t, got.Before(before.Add(limit)), "%s, call %d", name, i)
				require.False(t, got.After(time.Now().Add(limit)), "%s, call %d: the stage's ends first", name, i)
				return nil
			}))
			cancel()
		}
	}
}

// Outside of a bubble, a call may use an earlier look at the clock: a bubble's deadlines cannot be
// compared. For all stages and ctxs, the reported time is at least what the op measured, and not
// absurdly long.
func TestElapsedOnTheRealClock(t *testing.T) {
	unbounded := func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
	within := func(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
	}
	// As made from a header: without a monotonic reading.
	absolute := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, time.Now().Round(0).Add(20*time.Minute))
	}
	quick := retry.Custom(3, time.Nanosecond, time.Nanosecond, false)
	for name, newCtx := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"no deadline": unbounded, "ends before all": within(20 * time.Minute), "ends between": within(40 * time.Minute),
		"ends after all": within(3 * time.Hour), "without a monotonic reading": absolute,
	} {
		for words, stages := range map[string][]resilience.Stage{
			"a loop":                 {quick},
			"a deadline and a loop":  {deadline.In(time.Hour), quick},
			"two deadlines":          {deadline.In(time.Hour), quick, deadline.In(30 * time.Minute)},
			"an attempt's deadline":  {quick, deadline.In(30 * time.Minute)},
			"a bulkhead":             {bulkhead.Config{}},
			"a bulkhead with a wait": {bulkhead.Config{MaxWait: time.Hour}, deadline.In(time.Hour), quick},
		} {
			t.Run(name+", "+words, func(t *testing.T) {
				seen := elapsed{}
				watched := newPipeline(t, append([]resilience.Stage{holdfast.Observe(seen)}, stages...)...)
				bare := newPipeline(t, stages...)
				for range 3 { // from the second on an earlier look at the clock may serve
					ctx, cancel := newCtx(t.Context())
					least := time.Duration(0)
					op := func(context.Context) error { least = aMoment(); return nil }
					require.NoError(t, watched.Do(ctx, op))
					requireSane(t, least, seen[resilience.EventAttempt])
					requireSane(t, seen[resilience.EventAttempt], seen[resilience.EventCall])

					failed := resilience.MarkPermanent(errFlaky)
					for _, p := range []*holdfast.Pipeline{bare, watched} {
						attempts, began, all := 0, time.Time{}, time.Duration(0)
						err := p.Do(ctx, func(context.Context) error {
							if attempts == 0 {
								began = time.Now()
							}
							least = aMoment()
							all = time.Since(began)
							if attempts++; attempts == 1 {
								return errFlaky
							}
							return failed
						})
						var stop *retry.Error
						if require.Error(t, err); attempts > 1 {
							require.ErrorAs(t, err, &stop)
							requireSane(t, least, stop.Elapsed)
							// See retry.Error.
							if p == watched || name == "no deadline" || name == "ends after all" {
								requireSane(t, all, stop.Elapsed)
							}
						}
					}
					requireSane(t, least, seen[resilience.EventAttempt])
					requireSane(t, seen[resilience.EventAttempt], seen[resilience.EventCall])
					cancel()
				}
			})
		}
	}
}

// aMoment returns a moment later, and says how much later. The moment is longer than what a
// pipeline does after an op.
func aMoment() time.Duration {
	start := time.Now()
	for {
		if d := time.Since(start); d > 50*time.Microsecond {
			return d
		}
	}
}

func requireSane(t *testing.T, least, took time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, took, least)
	require.Less(t, took, time.Hour, "a call that takes a moment does not take an hour")
}
