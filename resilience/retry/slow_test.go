package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// taking is an op whose attempts take so long, one after the other, and fail with err. One more
// succeeds.
func taking(err error, each ...time.Duration) resilience.Func {
	n := 0
	return func(ctx context.Context) error {
		if n == len(each) {
			return nil
		}
		n++
		select {
		case <-time.After(each[n-1]):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// What a retry costs, by how its attempt failed: 5 if slowly. Two retries, of a bank of 20.
func TestASlowFailureMakesTheRetryDearer(t *testing.T) {
	const ms = time.Millisecond
	inner := []resilience.Policy{prebuilt(t, deadline.In(time.Second))}
	waiting := []resilience.Policy{prebuilt(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute}), inner[0]}
	overload := resilience.MarkOverload(errDown, 0)
	timeout := resilience.MarkTransient(context.DeadlineExceeded)
	for name, c := range map[string]struct {
		inside  []resilience.Policy
		timeout time.Duration // of the call; 0: none
		err     error
		each    []time.Duration
		want    float64
	}{
		"quick":                             {inner, 0, errDown, []time.Duration{ms, ms}, 2},
		"half of the limit":                 {inner, 0, errDown, []time.Duration{500 * ms, 500 * ms}, 2},
		"more than half of it":              {inner, 0, errDown, []time.Duration{500*ms + 1, 500*ms + 1}, 10},
		"the first":                         {inner, 0, errDown, []time.Duration{900 * ms, ms}, 6},
		"the second":                        {inner, 0, errDown, []time.Duration{ms, 900 * ms}, 6},
		"the limit itself":                  {inner, 0, errDown, []time.Duration{time.Minute, ms}, 6},
		"overload, at once":                 {inner, 0, overload, []time.Duration{0, 0}, 10},
		"a client's timeout, at once":       {nil, 0, timeout, []time.Duration{0, 0}, 10},
		"no limit is known":                 {nil, 0, errDown, []time.Duration{time.Hour, time.Hour}, 2},
		"the call's limit, half":            {nil, 10 * time.Second, errDown, []time.Duration{5 * time.Second, ms}, 2},
		"the call's limit, more than half":  {nil, 10 * time.Second, errDown, []time.Duration{5*time.Second + 1, ms}, 6},
		"what was left of the call's limit": {nil, 10 * time.Second, errDown, []time.Duration{ms, 6 * time.Second}, 6},
		"a far limit":                       {nil, 290 * 365 * 24 * time.Hour, errDown, []time.Duration{time.Hour, time.Hour}, 2},
		"a wait before the limit":           {waiting, 0, errDown, []time.Duration{900 * ms, 900 * ms}, 2},
		"the inner limit, not the call's":   {inner, time.Hour, errDown, []time.Duration{900 * ms, ms}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for cost, want := range map[float64]float64{5: c.want, 1: 2} {
					bank := newBudget(t, budget.Config{Burst: 20, Floor: -1, SlowCost: cost})
					loop := newPolicy(t, retry.Config{BaseDelay: ms, Jitter: retry.NoJitter})
					ctx := t.Context()
					if c.timeout > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, c.timeout)
						defer cancel()
					}
					p := resilience.Chain(append([]resilience.Policy{bank, loop}, c.inside...)...)
					require.NoError(t, p.Wrap(taking(c.err, c.each...))(ctx))
					require.InDelta(t, want, 20-bank.Tokens(), 0, "slow cost %v", cost)
					require.EqualValues(t, 2, bank.Stats().Withdrawals)
				}
			})
		})
	}
}

func prebuilt(t *testing.T, s resilience.Stage) resilience.Policy {
	t.Helper()
	p, err := s.Build()
	require.NoError(t, err)
	return p
}

// The clock is read outside of a bubble as well.
func TestASlowFailureOnTheRealClock(t *testing.T) {
	bank := newBudget(t, budget.Config{Burst: 20, Floor: -1, SlowCost: 5})
	p := resilience.Chain(bank, newPolicy(t, retry.Config{BaseDelay: 1, MaxDelay: 1}), prebuilt(t, deadline.In(time.Nanosecond)))
	require.ErrorIs(t, p.Wrap(func(ctx context.Context) error { <-ctx.Done(); return errDown })(t.Context()), retry.ErrExhausted)
	require.InDelta(t, 5, bank.Tokens(), 0)
}

func TestARetryThatSucceeds(t *testing.T) {
	for name, c := range map[string]struct {
		config budget.Config
		tokens float64
	}{
		"deposits":             {budget.Config{DepositOn: budget.AnySuccess}, 8.1},
		"gets its price back":  {budget.Config{RefundOnSuccess: true}, 9},
		"both":                 {budget.Config{DepositOn: budget.AnySuccess, RefundOnSuccess: true}, 9.1},
		"neither":              {budget.Config{}, 8},
		"a slow one":           {budget.Config{RefundOnSuccess: true, SlowCost: 5}, 5},
		"in shadow":            {budget.Config{RefundOnSuccess: true, Initial: -1, Shadow: true}, 0},
		"in shadow, a deposit": {budget.Config{DepositOn: budget.AnySuccess, Initial: -1, Shadow: true}, 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.config.Floor = -1
				bank := newBudget(t, c.config)
				failure := errDown
				if c.config.SlowCost > 1 {
					failure = resilience.MarkOverload(errDown, 0)
				}
				require.NoError(t, paying(t, bank, retry.Config{}).Do(t.Context(), play(failure, failure).op))
				require.InDelta(t, c.tokens, bank.Tokens(), 1e-9, "the last of two retries succeeded")
			})
		})
	}
}

// A price is given back in full if the attempt never began, and not at all if it panicked.
func TestTheSlowPriceComesBack(t *testing.T) {
	overload := resilience.MarkOverload(errDown, 0)
	t.Run("the caller gives up during the pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1, SlowCost: 2.5})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			require.ErrorIs(t, paying(t, bank, retry.Config{}).Do(ctx, play(overload).op), retry.ErrCanceled)
			require.InDelta(t, 10, bank.Tokens(), 0)
			require.InDelta(t, 2.5, bank.Stats().RefundedTokens, 0)
		})
	})
	t.Run("a stage refuses the retry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bank := newBudget(t, budget.Config{Floor: -1, SlowCost: 2.5, RefundOnSuccess: true})
			_ = paying(t, bank, retry.Config{}).Do(t.Context(), play(overload, resilience.MarkRejected(errRefused)).op)
			require.InDelta(t, 10, bank.Tokens(), 0)
		})
	})
	t.Run("the loop panics before the attempt", func(t *testing.T) {
		bank := newBudget(t, budget.Config{Floor: -1, SlowCost: 2.5})
		require.Panics(t, func() {
			_ = paying(t, bank, retry.Config{}).Do(panicsOncePaid{t.Context(), bank}, play(overload).op)
		})
		require.InDelta(t, 10, bank.Tokens(), 0)
		require.EqualValues(t, 1, bank.Stats().Refunds)
	})
	t.Run("not if the attempt panics", func(t *testing.T) {
		bank := newBudget(t, budget.Config{Floor: -1, SlowCost: 2.5, RefundOnSuccess: true})
		attempts := 0
		require.Panics(t, func() {
			_ = paying(t, bank, retry.Config{BaseDelay: 1}).Do(t.Context(), func(context.Context) error {
				if attempts++; attempts == 2 {
					panic("boom")
				}
				return overload
			})
		})
		require.InDelta(t, 7.5, bank.Tokens(), 0)
	})
}

// panicsOncePaid is a ctx that panics once the bank has paid.
type panicsOncePaid struct {
	context.Context
	bank *budget.Budget
}

func (c panicsOncePaid) Err() error {
	if c.bank.Stats().Withdrawals > 0 && c.bank.Stats().Refunds == 0 {
		panic(errors.New("boom"))
	}
	return c.Context.Err()
}

// A bank that cannot pay for a slow retry ends the call; a quick failure would be retried.
func TestABankTooPoorForASlowRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: 4, Floor: -1, SlowCost: 5})
		require.ErrorIs(t, paying(t, bank, retry.Config{}).Do(t.Context(), play(resilience.MarkOverload(errDown, 0)).op), budget.ErrExhausted)
		require.NoError(t, paying(t, bank, retry.Config{}).Do(t.Context(), play(errDown).op))
		require.InDelta(t, 3, bank.Tokens(), 0)
	})
}
