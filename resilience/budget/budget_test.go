package budget_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newBudget(t *testing.T, c budget.Config) *budget.Budget {
	t.Helper()
	b, err := budget.New(c)
	require.NoError(t, err)
	return b
}

// drain withdraws until the budget refuses, and returns how often it paid.
func drain(b *budget.Budget) (paid int) {
	for b.Allow() {
		paid++
	}
	return paid
}

// Pins: from an empty bank, n deposits of a ratio make exactly floor(n·ratio) tokens.
func TestExactRatio(t *testing.T) {
	for _, percent := range []int{1, 3, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99, 100, 110, 250, 10_000} {
		for _, n := range []int{1, 2, 3, 7, 9, 10, 11, 99, 100, 101, 1000} {
			b := newBudget(t, budget.Config{Ratio: float64(percent) / 100, Initial: -1, Floor: -1, Burst: 1_000_000})
			for range n {
				b.OnSuccess()
			}
			require.Equal(t, n*percent/100, drain(b), "%d successes at %d %%", n, percent)
		}
	}
}

func TestDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{})
		require.Equal(t, budget.Config{Ratio: 0.1, Floor: 1, Burst: 10, Initial: 10, SlowCost: 1, SlowTimes: -1}, b.Config())
		require.Equal(t, "budget 10%+1/s", b.String())
		require.Equal(t, 10, drain(b))
		time.Sleep(time.Second)
		require.Equal(t, 1, drain(b), "the floor")
	})
}

func TestConfigResolvesToItself(t *testing.T) {
	for _, c := range []budget.Config{
		{}, {Ratio: -1, Floor: -1, Initial: -1}, {Ratio: 0.25, Floor: 2.5, Burst: 7, Initial: 3, DepositOn: budget.Arrival, Shadow: true},
		{SlowCost: 2.5, DepositOn: budget.AnySuccess, RefundOnSuccess: true},
	} {
		r, err := c.Resolve()
		require.NoError(t, err)
		again, err := r.Resolve()
		require.NoError(t, err)
		require.Equal(t, r, again)
		require.Equal(t, r, newBudget(t, r).Config())
	}
}

func TestInitial(t *testing.T) {
	for name, c := range map[string]struct {
		config budget.Config
		paid   int
	}{
		"full":  {budget.Config{Burst: 5, Floor: -1}, 5},
		"some":  {budget.Config{Burst: 5, Initial: 2, Floor: -1}, 2},
		"empty": {budget.Config{Burst: 5, Initial: -1, Floor: -1}, 0},
	} {
		require.Equal(t, c.paid, drain(newBudget(t, c.config)), name)
	}
}

func TestRatioOff(t *testing.T) {
	b := newBudget(t, budget.Config{Ratio: -1, Initial: -1, Floor: -1})
	for range 100 {
		b.OnSuccess()
	}
	require.Zero(t, b.Tokens())
}

// Pins: a deposit never lifts the bank above Burst.
func TestBurst(t *testing.T) {
	b := newBudget(t, budget.Config{Ratio: 0.7, Burst: 3, Initial: -1, Floor: -1})
	for range 100 {
		b.Deposit()
	}
	require.InDelta(t, 3, b.Tokens(), 0)
	p := b.Withdraw()
	b.Deposit()
	b.Refund(p)
	require.InDelta(t, 3, b.Tokens(), 0)
	require.InDelta(t, 0.3, b.Stats().RefundedTokens, 1e-9, "what there was room for")
}

func TestFloor(t *testing.T) {
	for name, c := range map[string]struct {
		floor float64
		after time.Duration
		paid  int
	}{
		"one a second":     {1, time.Second, 1},
		"saves one second": {1, time.Hour, 1},
		"ten a second":     {10, time.Second, 10},
		"part of a second": {10, 300 * time.Millisecond, 3},
		"one in two":       {0.5, time.Second, 0},
		"one in two, then": {0.5, 2 * time.Second, 1},
		"off":              {-1, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBudget(t, budget.Config{Floor: c.floor, Burst: 2})
				require.Equal(t, 2, drain(b), "bank and floor together start with no more than Burst")
				time.Sleep(c.after)
				require.Equal(t, c.paid, drain(b))
				require.EqualValues(t, c.paid, b.Stats().FloorPaid)
			})
		})
	}
}

func TestWhoPays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Burst: 1})
		withdraw := func(by budget.Payer, allowed bool, tokens float64) {
			t.Helper()
			p := b.Withdraw()
			require.Equal(t, []any{by, allowed, tokens}, []any{p.Payer, p.Allowed(), p.Tokens()})
		}
		withdraw(budget.FromBank, true, 1)
		time.Sleep(time.Second)
		withdraw(budget.FromFloor, true, 1)
		withdraw(budget.Refused, false, 0)
		require.NoError(t, b.Update(budget.Config{Burst: 1, Shadow: true}))
		withdraw(budget.InShadow, true, 0)
		require.Equal(t, budget.Stats{Burst: 1, Withdrawals: 1, FloorPaid: 1, Refused: 1, ShadowRefused: 1}, b.Stats())
	})
}

func TestNoOverspend(t *testing.T) {
	b := newBudget(t, budget.Config{Burst: 500, Floor: -1, Ratio: 0.5, Initial: 250})
	var paid atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 200 {
				if i%4 == 0 {
					b.Deposit() // 16·50 of them: 400 tokens, some of them above Burst
				}
				if b.Allow() {
					paid.Add(1)
				}
			}
		})
	}
	wg.Wait()
	stats := b.Stats()
	require.EqualValues(t, paid.Load(), stats.Withdrawals)
	require.LessOrEqual(t, float64(paid.Load())+b.Tokens(), 250+0.5*float64(stats.Deposits))
	require.GreaterOrEqual(t, b.Tokens(), 0.0)
}

func TestArrival(t *testing.T) {
	b := newBudget(t, budget.Config{Ratio: 0.5, DepositOn: budget.Arrival, Initial: -1, Floor: -1})
	b.OnSuccess()
	require.Zero(t, b.Tokens())
	b.OnArrival()
	require.InDelta(t, 0.5, b.Tokens(), 0)

	b = newBudget(t, budget.Config{Ratio: 0.5, Initial: -1, Floor: -1})
	b.OnArrival()
	require.Zero(t, b.Tokens())
	b.OnSuccess()
	require.InDelta(t, 0.5, b.Tokens(), 0)
}

func TestUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Burst: 10, Initial: 8, Floor: -1})
		require.NoError(t, b.Update(budget.Config{Burst: 100, Ratio: 0.5, Floor: -1}))
		require.InDelta(t, 8, b.Tokens(), 0, "raising Burst does not fill the bank")
		b.OnSuccess()
		require.InDelta(t, 8.5, b.Tokens(), 0)
		require.NoError(t, b.Update(budget.Config{Burst: 5, Floor: -1}))
		require.InDelta(t, 5, b.Tokens(), 0, "lowering it cuts")
		require.NoError(t, b.Update(budget.Config{Burst: 5, Initial: 1, Floor: 2}))
		require.InDelta(t, 5, b.Tokens(), 0, "Initial is for the start")

		drain(b)
		time.Sleep(time.Minute)
		require.Equal(t, 2, drain(b), "the new floor")

		before := b.Config()
		var wrong *resilience.FieldError
		require.ErrorAs(t, b.Update(budget.Config{Ratio: -3}), &wrong)
		require.Equal(t, before, b.Config())
	})
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := budget.New(budget.Config{Ratio: -0.5, Floor: -2, Burst: -1, Initial: -2, DepositOn: 7, SlowCost: 0.5})
	require.EqualError(t, err, `budget: Ratio is -0.5; want a number above 0 and up to 1000, 0 for the default (0.1), or -1 to turn it off
budget: Floor is -2; want a number above 0 and up to 1e+06, 0 for the default (1), or -1 to turn it off
budget: Burst is -1; want 1 to 1000000000, or 0 for the default (10)
budget: Initial is -2; want 1 to 1000000000, 0 for the default (10), or -1 to start empty
budget: DepositOn is 7; want budget.Success, budget.Arrival or budget.AnySuccess
budget: SlowCost is 0.5; want 1 to 1e+09, or 0 for the default (1)`)
}

func TestString(t *testing.T) {
	for want, c := range map[string]budget.Config{
		"budget 20%+2/s":                       {Ratio: 0.2, Floor: 2},
		"budget 5%":                            {Ratio: 0.05, Floor: -1},
		"budget 10%+1/s (shadow)":              {Shadow: true},
		"budget 10% of arrivals":               {Floor: -1, DepositOn: budget.Arrival},
		"budget 0.1%+0.5/s":                    {Ratio: 0.001, Floor: 0.5},
		"budget 0%+1/s":                        {Ratio: -1},
		"budget 10%+1/s, pooled":               {Fleet: true},
		"budget 10%, refunds, pooled (shadow)": {Floor: -1, RefundOnSuccess: true, Fleet: true, Shadow: true},
		"budget 300% of any success, slow 2.5×, refunds (shadow)": {
			Ratio: 3, Floor: -1, DepositOn: budget.AnySuccess, SlowCost: 2.5, RefundOnSuccess: true, Shadow: true,
		},
	} {
		require.Equal(t, want, newBudget(t, c).String())
	}
}

func TestWhatFeedsABudgetInWords(t *testing.T) {
	require.Equal(t, "success", budget.Success.String())
	require.Equal(t, "arrival", budget.Arrival.String())
	require.Equal(t, "any_success", budget.AnySuccess.String())
}

func TestBuildOfNil(t *testing.T) {
	var b *budget.Budget
	_, err := b.Build()
	require.Error(t, err)
}

// In a Chain a retry loop is told of the budget outside of it, and a call deposits once.
func TestChain(t *testing.T) {
	down := resilience.MarkTransient(errors.New("down"))
	for name, wrap := range map[string]func(b *budget.Budget, p *retry.Policy, op resilience.Func) resilience.Func{
		"chain": func(b *budget.Budget, p *retry.Policy, op resilience.Func) resilience.Func {
			return resilience.Chain(b, p).Wrap(op)
		},
		"chain in a chain": func(b *budget.Budget, p *retry.Policy, op resilience.Func) resilience.Func {
			return resilience.Chain(b, resilience.Chain(p)).Wrap(op)
		},
	} {
		for _, on := range []budget.DepositOn{budget.Success, budget.Arrival, budget.AnySuccess} {
			t.Run(fmt.Sprintf("%s on %v", name, on), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBudget(t, budget.Config{Ratio: 0.5, Initial: 2, Floor: -1, DepositOn: on})
					p, err := retry.New(retry.Config{})
					require.NoError(t, err)
					failures := 0
					op := wrap(b, p, func(context.Context) error {
						if failures--; failures >= 0 {
							return down
						}
						return nil
					})
					require.NoError(t, op(t.Context()))
					require.InDelta(t, 2.5, b.Tokens(), 0, "one call, one deposit")
					failures = 1
					require.NoError(t, op(t.Context()))
					after := map[budget.DepositOn]float64{budget.Success: 1.5, budget.Arrival: 2, budget.AnySuccess: 2}[on]
					require.InDelta(t, after, b.Tokens(), 0, "a retry was paid for; its success deposits only on any success")
					failures = 100
					require.ErrorIs(t, op(t.Context()), budget.ErrExhausted)
				})
			})
		}
	}
}

// A budget that no loop knows of would bound nothing: the call fails, and the op does not run.
func TestABudgetWithoutALoop(t *testing.T) {
	b := newBudget(t, budget.Config{})
	p, err := retry.New(retry.Config{})
	require.NoError(t, err)
	op := func(context.Context) error { t.Error("it ran"); return nil }
	for name, call := range map[string]resilience.Func{
		"by itself":          b.Wrap(op),
		"by hand":            b.Wrap(p.Wrap(op)),
		"alone in a chain":   resilience.Chain(b).Wrap(op),
		"inside of the loop": resilience.Chain(p, b).Wrap(op),
		"hidden by a policy": resilience.Chain(b, resilience.PolicyFunc(p.Wrap)).Wrap(op),
	} {
		require.ErrorContains(t, call(t.Context()), "budget: no retry loop stands inside it", name)
	}
	require.InDelta(t, 10, b.Tokens(), 0)
}

func TestModify(t *testing.T) {
	b := newBudget(t, budget.Config{Burst: 10, Initial: 8, Floor: -1})
	from, to, err := b.Modify(func(c *budget.Config) { c.Burst = 5 })
	require.NoError(t, err)
	require.Equal(t, 10, from.Burst)
	require.Equal(t, 5, to.Burst)
	require.Equal(t, to, b.Config())
	require.Equal(t, -1.0, to.Floor, "what change leaves alone stays")
	require.InDelta(t, 5, b.Tokens(), 0)

	from, to, err = b.Modify(func(c *budget.Config) { c.Ratio, c.Burst = math.NaN(), -2 })
	require.ErrorContains(t, err, "Ratio is NaN")
	require.ErrorContains(t, err, "Burst is -2")
	require.Equal(t, from, to)
	require.Equal(t, from, b.Config())
}
