package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newBudget(t *testing.T, c budget.Config) *budget.Budget {
	t.Helper()
	b, err := budget.New(c)
	require.NoError(t, err)
	return b
}

// paid is a loop with a budget outside of it.
type paid struct{ resilience.Policy }

func (p paid) Do(ctx context.Context, op resilience.Func) error { return p.Wrap(op)(ctx) }

func paying(t *testing.T, bank *budget.Budget, c retry.Config) paid {
	t.Helper()
	return paid{resilience.Chain(bank, newPolicy(t, c))}
}

func TestBudgetPays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Floor: -1, Burst: 4})
		p := paying(t, bank, retry.Config{MaxRetries: 3})

		require.NoError(t, p.Do(t.Context(), play().op))
		require.InDelta(t, 4, bank.Tokens(), 0, "full already")
		require.NoError(t, p.Do(t.Context(), play(errDown, errDown).op))
		require.InDelta(t, 2, bank.Tokens(), 0, "a success after a retry deposits nothing")
		require.NoError(t, p.Do(t.Context(), play().op))
		require.InDelta(t, 2.1, bank.Tokens(), 1e-9, "a first attempt's success does")

		s := play(errDown, errDown, errDown, errDown)
		require.ErrorIs(t, p.Do(t.Context(), s.op), budget.ErrExhausted)
		require.Equal(t, 3, s.attempts)
		require.InDelta(t, 0.1, bank.Tokens(), 1e-9)
	})
}

// Pins: the budget is asked last: what would not be made anyway is not paid for.
func TestBudgetIsAskedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Floor: -1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_ = paying(t, bank, retry.Config{}).Do(ctx, failing)
		_ = paying(t, bank, retry.Config{MaxRetries: retry.None}).Do(t.Context(), failing)
		_ = paying(t, bank, retry.Config{MaxRetryAfter: 1}).Do(t.Context(), func(context.Context) error {
			return resilience.MarkOverload(errRefused, 2)
		})
		require.InDelta(t, 10, bank.Tokens(), 0)
		require.Zero(t, bank.Stats().Withdrawals)
		require.Zero(t, bank.Stats().Refused)
	})
}

// Pins: a token is given back if the attempt that it paid for is never made.
func TestRefund(t *testing.T) {
	t.Run("the caller gives up during the pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			require.ErrorIs(t, paying(t, bank, retry.Config{}).Do(ctx, failing), retry.ErrCanceled)
			require.InDelta(t, 10, bank.Tokens(), 0)
			require.EqualValues(t, 1, bank.Stats().Refunds)
		})
	})
	t.Run("a breaker's probes are all under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1})
			b, err := breaker.New(breaker.Config{ConsecutiveFailures: 5, HalfOpenProbes: 1, OpenFor: 50 * time.Millisecond})
			require.NoError(t, err)
			time.AfterFunc(10*time.Millisecond, func() { // during the pause the breaker opens
				for range 5 {
					_ = b.Do(t.Context(), failing)
				}
			})
			time.AfterFunc(80*time.Millisecond, func() { // is half-open, and its only probe hangs
				_ = b.Do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil })
			})
			err = resilience.Chain(bank, newPolicy(t, withoutJitter(retry.Config{})), b).Wrap(failing)(t.Context())
			require.ErrorIs(t, err, breaker.ErrOpen)
			require.Equal(t, breaker.StateHalfOpen, b.State())
			require.InDelta(t, 10, bank.Tokens(), 0)
			time.Sleep(time.Second)
		})
	})
	t.Run("a bulkhead refuses the second attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1})
			gate, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
			require.NoError(t, err)
			attempts := 0
			err = resilience.Chain(bank, newPolicy(t, retry.Config{}), gate).Wrap(func(ctx context.Context) error {
				attempts++
				time.AfterFunc(time.Millisecond, func() { _ = gate.Acquire(ctx) }) // somebody else was faster
				return errDown
			})(t.Context())
			require.ErrorIs(t, err, bulkhead.ErrFull)
			require.ErrorIs(t, err, errRefused)
			require.Equal(t, resilience.ReasonBulkheadFull, resilience.ReasonOf(err))
			var stop *retry.Error
			require.ErrorAs(t, err, &stop)
			require.Equal(t, 1, stop.Attempts, "those that reached the dependency")
			require.Equal(t, 1, attempts)
			require.InDelta(t, 10, bank.Tokens(), 0)
		})
	})
	t.Run("a breaker opens during the pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1})
			b, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			time.AfterFunc(time.Millisecond, b.Isolate)
			require.ErrorIs(t, resilience.Chain(bank, newPolicy(t, retry.Config{}), b).Wrap(failing)(t.Context()), breaker.ErrOpen)
			require.InDelta(t, 10, bank.Tokens(), 0)
		})
	})
	t.Run("not if the attempt was made", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1})
			_ = paying(t, bank, retry.Config{}).Do(t.Context(), play(errDown, resilience.MarkPermanent(errRefused)).op)
			require.InDelta(t, 9, bank.Tokens(), 0)
			func() {
				defer func() { _ = recover() }()
				attempts := 0
				_ = paying(t, bank, retry.Config{}).Do(t.Context(), func(context.Context) error {
					if attempts++; attempts == 2 {
						panic("boom")
					}
					return errDown
				})
			}()
			require.InDelta(t, 8, bank.Tokens(), 0)
		})
	})
}

func TestShadowBudgetLetsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Shadow: true})
		ctx, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, paying(t, bank, retry.Config{}).Do(ctx, failing), retry.ErrExhausted)
		require.EqualValues(t, 3, bank.Stats().ShadowRefused)
		time.AfterFunc(time.Millisecond, cancel)
		_ = paying(t, bank, retry.Config{}).Do(ctx, failing)
		require.Zero(t, bank.Tokens(), "nothing was taken, so nothing is given back")
	})
}
