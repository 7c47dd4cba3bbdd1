//go:build !race

package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The promise: nothing is allocated where nothing goes wrong, nothing per retry, and only the
// final error where it does.

func allocs(t *testing.T, want float64, f func()) {
	t.Helper()
	require.Equal(t, want, testing.AllocsPerRun(200, f))
}

func TestSuccessAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	bounded, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	bank, err := budget.New(budget.Config{})
	require.NoError(t, err)
	n := 0
	op := func(context.Context) error { n++; return nil }

	t.Run("Policy", func(t *testing.T) {
		p, err := retry.New(retry.Aggressive())
		require.NoError(t, err)
		allocs(t, 0, func() { _ = p.Do(ctx, op) })
		allocs(t, 0, func() { _ = p.Do(bounded, op) })
		for _, wrapped := range []resilience.Func{p.Wrap(op), resilience.Chain(bank, p).Wrap(op)} {
			allocs(t, 0, func() { _ = wrapped(ctx) })
		}
	})
	t.Run("Do", func(t *testing.T) {
		c := retry.Aggressive()
		allocs(t, 0, func() { _ = retry.Do(ctx, c, op) })
		allocs(t, 0, func() { _ = retry.Do(bounded, c, func(context.Context) error { n++; return nil }) })
	})
	t.Run("Value", func(t *testing.T) {
		c := retry.Aggressive()
		allocs(t, 0, func() {
			v, _ := retry.Value(ctx, c, func(context.Context) (int, error) { n++; return n, nil })
			n = v
		})
	})
}

func TestRetriesAllocateNothing(t *testing.T) {
	ctx := context.Background()
	failure := resilience.MarkTransient(errors.New("down"))
	bank, err := budget.New(budget.Config{Burst: 1_000_000_000, Floor: -1})
	require.NoError(t, err)

	for name, c := range map[string]retry.Config{
		"timer":        {BaseDelay: 1, Jitter: retry.NoJitter},
		"jitter":       {BaseDelay: 1},
		"budget":       {BaseDelay: 1},
		"decorrelated": {BaseDelay: 1, MaxDelay: 2, Jitter: retry.DecorrelatedJitter},
		"predicate":    {BaseDelay: 1, RetryIf: func(error) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(retries int) float64 {
				c := c
				c.MaxRetries = 20
				c.Backoff = retry.Constant
				p, err := retry.New(c)
				require.NoError(t, err)
				left := 0
				op := func(context.Context) error {
					if left--; left >= 0 {
						return failure
					}
					return nil
				}
				do := p.Wrap(op)
				if name == "budget" {
					do = resilience.Chain(bank, p).Wrap(op)
				}
				return testing.AllocsPerRun(200, func() {
					left = retries
					_ = do(ctx)
				})
			}
			require.Equal(t, with(2), with(12))
			require.Zero(t, with(12))
		})
	}
}
