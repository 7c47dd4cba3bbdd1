//go:build !race

package holdfast_test

import (
	"context"
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

// These are the promises of the package doc. (The race detector allocates by itself.)

type deaf struct{}

func (deaf) Observe(context.Context, resilience.Event) {}

func sixStages() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(3 * time.Hour), bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(2 * time.Hour),
	}
}

func TestNothingIsAllocatedWhenNothingGoesWrong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	quiet := newPipeline(t, sixStages()...)
	watched := newPipeline(t, append([]resilience.Stage{holdfast.Observe(deaf{})}, sixStages()...)...)
	guarded := newPipeline(t, resilience.Prebuilt(&open{}), retry.Config{})
	carried := newPipeline(t, resilience.Prebuilt(&carries{}), retry.Config{}, resilience.Prebuilt(&carries{}))
	for name, p := range map[string]*holdfast.Pipeline{"quiet": quiet, "watched": watched, "guarded": guarded, "carried": carried} {
		n := 0
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}), "Do, %s", name)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			v, _ := holdfast.Value(ctx, p, func(context.Context) (int, error) { n++; return n, nil })
			n += v
		}), "Value, %s", name)
	}
}

// carries is a TicketGuard that admits every call, with a Ticket that uses all its fields.
type carries struct{ open }

func (c *carries) Admit(context.Context) (resilience.Ticket, error) {
	return resilience.Ticket{Number: 1 << 40, Ref: c}, nil
}

func (*carries) Done(context.Context, resilience.Ticket, error) {}

func TestADeadlineAllocatesItsCtx(t *testing.T) {
	p := newPipeline(t, deadline.In(time.Hour))
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		_ = p.Do(context.Background(), func(context.Context) error { return nil })
	}), 1.0)
}

// The README's first example allocates one ctx, and more if the op asks that ctx for Done.
func TestWhatAPresetAllocates(t *testing.T) {
	request, cancel := context.WithCancel(context.Background())
	defer cancel()
	ignores := func(context.Context) {}
	asks := func(ctx context.Context) { ctx.Done() }
	derives := func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		ctx.Done()
		cancel()
	}
	for name, preset := range map[string]func() []resilience.Stage{
		"Critical": holdfast.Critical, "Standard": holdfast.Standard, "Background": holdfast.Background,
	} {
		for what, p := range map[string]*holdfast.Pipeline{
			"": newPipeline(t, preset()...), ", observed": newPipeline(t, append([]resilience.Stage{holdfast.Observe(deaf{})}, preset()...)...),
		} {
			for use, c := range map[string]struct {
				op           func(context.Context)
				bare, caller float64
			}{"ignores Done": {ignores, 1, 1}, "asks for Done": {asks, 2, 6}, "derives a child": {derives, 9, 11}} {
				most := map[context.Context]float64{context.Background(): c.bare, request: c.caller}
				for ctx, most := range most {
					require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
						_ = p.Do(ctx, func(ctx context.Context) error { c.op(ctx); return nil })
					}), most, "%s%s: an op that %s under %v", name, what, use, ctx)
				}
			}
		}
	}
}

// A retry under a call's deadline and an attempt's: a ctx for each attempt, and one for the call.
func TestWhatARetryAllocates(t *testing.T) {
	request, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := newPipeline(t, deadline.In(time.Hour), budget.Config{Burst: 1_000_000, Ratio: 100},
		retry.Config{MaxRetries: 50, BaseDelay: 1, MaxDelay: 1}, breaker.Config{ConsecutiveFailures: -1, FailureRatio: 1}, deadline.In(time.Minute))
	for _, ctx := range []context.Context{context.Background(), request} {
		require.NoError(t, p.Do(ctx, func(context.Context) error { return nil }))
		for _, retries := range []int{1, 5, 40} {
			require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
				n := 0
				_ = p.Do(ctx, func(context.Context) error {
					if n++; n <= retries {
						return errFlaky
					}
					return nil
				})
			}), float64(retries+2), "%d retries under %v", retries, ctx)
		}
	}
}

func TestARetryAllocatesNothing(t *testing.T) {
	calls := func(retries int) float64 {
		p := newPipeline(t, budget.Config{Burst: 1_000_000, Ratio: 100}, retry.Config{MaxRetries: 50, BaseDelay: 1, MaxDelay: 1}, breaker.Config{
			ConsecutiveFailures: -1, FailureRatio: 1,
		})
		require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
		return testing.AllocsPerRun(200, func() {
			n := 0
			_ = p.Do(context.Background(), func(context.Context) error {
				if n++; n <= retries {
					return errFlaky
				}
				return nil
			})
		})
	}
	require.Zero(t, calls(2))
	require.Zero(t, calls(40))
}

func TestARefusalAllocatesNothing(t *testing.T) {
	p := newPipeline(t, retry.Config{}, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
	_ = p.Do(t.Context(), func(context.Context) error { return errFlaky })
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_ = p.Do(context.Background(), func(context.Context) error { return nil })
	}))
}
