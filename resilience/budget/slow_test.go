package budget_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestSlowCostOutOfBounds(t *testing.T) {
	for name, c := range map[string]struct {
		config budget.Config
		want   string
	}{
		"below 1":         {budget.Config{SlowCost: math.Nextafter(1, 0)}, "budget: SlowCost is 0.9999999999999999; want 1 to 1e+09, or 0 for the default (1)"},
		"off":             {budget.Config{SlowCost: -1}, "budget: SlowCost is -1; want 1 to 1e+09, or 0 for the default (1)"},
		"no number":       {budget.Config{SlowCost: math.NaN()}, "budget: SlowCost is NaN; want 1 to 1e+09, or 0 for the default (1)"},
		"more than Burst": {budget.Config{SlowCost: math.Nextafter(5, 6), Burst: 5}, "budget: SlowCost is 5.000000000000001; want at most Burst (5)"},
		"the default":     {budget.Config{SlowCost: 11}, "budget: SlowCost is 11; want at most Burst (10)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := budget.New(c.config)
			require.EqualError(t, err, c.want)
		})
	}
	for _, cost := range []float64{0, 1, math.Nextafter(1, 2), 2.5, 5} {
		require.Equal(t, max(1, cost), newBudget(t, budget.Config{SlowCost: cost, Burst: 5}).Config().SlowCost)
	}
	b := newBudget(t, budget.Config{SlowCost: 5, Burst: 5})
	_, _, err := b.Modify(func(c *budget.Config) { c.Burst = 4 })
	require.EqualError(t, err, "budget: SlowCost is 5; want at most Burst (4)", "such a retry could never be paid")
	require.Equal(t, 5, b.Config().Burst)
}

// What the bank holds when a slow retry is to be paid, and after it.
func TestTheBankPaysSlowRetries(t *testing.T) {
	const least = 1e-9 // the smallest part of a token
	for name, c := range map[string]struct {
		cost    float64
		holds   float64
		payer   budget.Payer
		remains float64
	}{
		"all of Burst":           {10, 10, budget.FromBank, 0},
		"exactly the price":      {2.5, 2.5, budget.FromBank, 0},
		"a hair less":            {2.5, 2.5 - least, budget.Refused, 2.5 - least},
		"a hair more":            {2.5, 2.5 + least, budget.FromBank, least},
		"as any other retry":     {1, 1, budget.FromBank, 0},
		"a hair above 1":         {1 + least, 1, budget.Refused, 1},
		"enough for a quick one": {5, 4, budget.Refused, 4},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBudget(t, budget.Config{Ratio: c.holds, Initial: -1, Floor: -1, SlowCost: c.cost})
			b.Deposit()
			p := b.WithdrawSlow()
			require.Equal(t, c.payer, p.Payer)
			require.InDelta(t, c.remains, b.Tokens(), least/10)
			if p.Allowed() {
				require.InDelta(t, c.cost, p.Tokens(), least/10)
			}
			require.InDelta(t, p.Tokens(), b.Stats().SlowTokens, least/10)
		})
	}
	b := newBudget(t, budget.Config{Burst: 5, Initial: 4, Floor: -1, SlowCost: 5})
	require.False(t, b.WithdrawSlow().Allowed())
	require.True(t, b.Allow(), "a quick retry is still paid for")
}

// A slow retry takes as much of the floor as of the bank.
func TestTheFloorPaysSlowRetries(t *testing.T) {
	for name, c := range map[string]struct {
		floor, cost float64
		after       time.Duration
		slow, quick int // how many are paid for, if all that are wanted are such
	}{
		"a second is too little": {1, 5, time.Second, 0, 1},
		"a moment too soon":      {1, 5, 5*time.Second - time.Millisecond, 0, 4},
		"saved for long enough":  {1, 5, 5 * time.Second, 1, 5},
		"it saves no more":       {1, 5, time.Hour, 1, 5},
		"part of a token":        {1, 2.5, 2500 * time.Millisecond, 1, 2},
		"a moment less":          {1, 2.5, 2500*time.Millisecond - 2, 0, 2},
		"a large floor":          {10, 5, time.Second, 2, 10},
		"a larger one than that": {10, 7, time.Second, 1, 10},
		"a small floor":          {0.2, 5, 25 * time.Second, 1, 5},
		"off":                    {-1, 5, time.Hour, 0, 0},
		"no price":               {0.2, 1, time.Hour, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := budget.Config{Floor: c.floor, Burst: 10, SlowCost: c.cost}
				bank := func() *budget.Budget {
					b := newBudget(t, config)
					require.Equal(t, 10, drain(b), "bank and floor together start with no more than Burst")
					return b
				}
				slow, quick := bank(), bank()
				time.Sleep(c.after)
				paid := 0
				for p := slow.WithdrawSlow(); p.Allowed(); p = slow.WithdrawSlow() {
					require.Equal(t, budget.FromFloor, p.Payer)
					require.InDelta(t, c.cost, p.Tokens(), 0)
					paid++
				}
				require.Equal(t, c.slow, paid)
				require.Equal(t, c.quick, drain(quick))
			})
		})
	}
}

// What comes back is what was taken: whoever paid, and whatever SlowCost is by then.
func TestWhatComesBack(t *testing.T) {
	for name, giveBack := range map[string]func(b *budget.Budget, p budget.Payment){
		"never made": (*budget.Budget).Refund,
		"succeeded":  (*budget.Budget).OnRetrySuccess,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := budget.Config{Burst: 5, Initial: 3, SlowCost: 2.5, RefundOnSuccess: true}
				b := newBudget(t, c)
				paid := b.WithdrawSlow()
				require.Equal(t, budget.FromBank, paid.Payer)
				c.SlowCost = 5
				require.NoError(t, b.Update(c))
				giveBack(b, paid)
				require.InDelta(t, 3, b.Tokens(), 0, "the price of then")

				time.Sleep(time.Minute)
				floor := b.WithdrawSlow()
				require.Equal(t, budget.FromFloor, floor.Payer)
				giveBack(b, floor)
				require.InDelta(t, 5, b.Tokens(), 0, "the floor's price goes to the bank, up to Burst")

				full := b.Tokens()
				giveBack(b, budget.Payment{})
				giveBack(b, budget.Payment{Payer: budget.InShadow})
				require.InDelta(t, full, b.Tokens(), 0, "nobody paid")
				s := b.Stats()
				require.InDelta(t, 2.5+2, s.RefundedTokens, 0)
				require.EqualValues(t, 2, s.Refunds+s.SuccessRefunds)
				require.EqualValues(t, 2, s.Slow)
				require.InDelta(t, 2.5+5, s.SlowTokens, 0)
			})
		})
	}
}

func TestWhatASuccessfulRetryEarns(t *testing.T) {
	for name, c := range map[string]struct {
		on      budget.DepositOn
		refunds bool
		want    float64 // of 10, of which 5 were taken
	}{
		"nothing":                      {budget.Success, false, 5},
		"a deposit":                    {budget.AnySuccess, false, 5.5},
		"its price":                    {budget.Success, true, 10},
		"its price and a deposit":      {budget.AnySuccess, true, 10},
		"arrivals have been paid for":  {budget.Arrival, false, 5},
		"its price, where all deposit": {budget.Arrival, true, 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBudget(t, budget.Config{Ratio: 0.5, Floor: -1, SlowCost: 5, DepositOn: c.on, RefundOnSuccess: c.refunds})
			b.OnRetrySuccess(b.WithdrawSlow())
			require.InDelta(t, c.want, b.Tokens(), 0)
			b.OnSuccess()
			if c.on != budget.Arrival {
				c.want = min(10, c.want+0.5)
			}
			require.InDelta(t, c.want, b.Tokens(), 0, "a first attempt deposits as before")
		})
	}
}

func TestAShadowTakesNothingForSlowRetries(t *testing.T) {
	b := newBudget(t, budget.Config{Initial: -1, Floor: -1, SlowCost: 5, Shadow: true, RefundOnSuccess: true})
	p := b.WithdrawSlow()
	require.Equal(t, budget.InShadow, p.Payer)
	require.True(t, p.Allowed())
	b.OnRetrySuccess(p)
	require.Equal(t, budget.Stats{Burst: 10, ShadowRefused: 1}, b.Stats())
}

func TestAZeroBudgetPaysForNoSlowRetry(t *testing.T) {
	var zero budget.Budget
	require.False(t, zero.PricesSlow())
	require.False(t, zero.WithdrawSlow().Allowed())
	zero.OnRetrySuccess(zero.WithdrawSlow())
	require.Equal(t, budget.Stats{Refused: 2}, zero.Stats())
}

func TestPricesSlow(t *testing.T) {
	b := newBudget(t, budget.Config{})
	require.False(t, b.PricesSlow())
	require.NoError(t, b.Update(budget.Config{SlowCost: 1 + 1e-9}))
	require.True(t, b.PricesSlow())
}

// Whether they are late still is looked at after each success, also while the bank is full: where
// few calls are made, one in 16 would take hours.
func TestLateSuccessesAreLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{SlowTimes: 3})
		add := func(n int, took time.Duration) {
			for range n {
				began := mono.At(mono.Now())
				time.Sleep(took)
				b.Succeeded(began)
			}
		}
		add(100, 100*time.Millisecond)
		for range 10 {
			time.Sleep(time.Second)
			b.Took(time.Second)
		}
		require.True(t, b.Slow())
		require.InDelta(t, float64(b.Config().Burst), b.Tokens(), 0)
		add(10, 100*time.Millisecond)
		require.False(t, b.Slow())
	})
}

// Whatever callers do at once: no token is spent twice, and none is lost.
func TestNoTokenIsLost(t *testing.T) {
	const burst = 1_000_000 // so that no deposit is cut
	b := newBudget(t, budget.Config{
		Ratio: 0.7, Burst: burst, Initial: 50, Floor: -1, SlowCost: 2.3, DepositOn: budget.AnySuccess, RefundOnSuccess: true,
	})
	const unit = 1_000_000_000
	var units atomic.Int64 // what the bank must hold
	units.Store(50 * unit)
	units64 := func(p budget.Payment) int64 { return int64(math.Round(p.Tokens() * unit)) }
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, worker))
			for range 2000 {
				p := b.Withdraw()
				if rng.IntN(2) == 0 {
					b.Refund(p)
					p = b.WithdrawSlow()
				}
				units.Add(-units64(p))
				switch rng.IntN(4) {
				case 0:
					b.Refund(p)
					units.Add(units64(p))
				case 1:
					b.OnRetrySuccess(p)
					units.Add(units64(p) + 700_000_000)
				case 2:
					b.OnSuccess()
					units.Add(700_000_000)
				}
				if b.Tokens() < 0 {
					t.Error("overspent")
				}
			}
		})
	}
	wg.Wait()
	require.InDelta(t, float64(units.Load())/unit, b.Tokens(), 0)
}
