package budget_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

// The promise: whatever callers do at once, there are never more retries since the budget was made
// than burst + ratio · successes + floor · time.
func TestRetriesStayWithinTheBudget(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				c := budget.Config{Ratio: 0.05 + rng.Float64(), Floor: 0.5 + 5*rng.Float64(), Burst: 1 + rng.IntN(20)}
				switch rng.IntN(3) {
				case 0:
					c.Initial = -1
				case 1:
					c.Initial = 1 + rng.IntN(c.Burst)
				}
				if rng.IntN(4) == 0 {
					c.Floor = -1
				}
				bank := newBudget(t, c)
				loop, err := retry.New(retry.Config{MaxRetries: 5, BaseDelay: 10 * time.Millisecond, MaxDelay: time.Second})
				require.NoError(t, err)
				p := resilience.Chain(bank, loop)

				var calls, attempts, successes atomic.Int64
				start := time.Now()
				check := func() {
					retries := attempts.Load() - calls.Load() // attempts first: calls may grow meanwhile
					bound := float64(c.Burst) + c.Ratio*float64(successes.Load()) + max(0, c.Floor)*time.Since(start).Seconds()
					if float64(retries) > bound+1e-6 {
						t.Errorf("%d retries after %v; at most %.2f are paid for (%+v)", retries, time.Since(start), bound, c)
					}
				}
				down := resilience.MarkTransient(errors.New("down"))
				var wg sync.WaitGroup
				for worker := range uint64(12) {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(seed, 100+worker))
						for range 40 {
							ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(2000))*time.Millisecond)
							if rng.IntN(3) == 0 {
								time.AfterFunc(time.Duration(rng.IntN(300))*time.Millisecond, cancel)
							}
							healthy := rng.IntN(4)
							n := 0
							_ = p.Wrap(func(context.Context) error {
								if n++; n == 1 {
									calls.Add(1)
								}
								attempts.Add(1)
								if rng.IntN(4) < healthy {
									if n == 1 {
										successes.Add(1)
									}
									return nil
								}
								return down
							})(ctx)
							cancel()
							check()
							time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
						}
					})
				}
				wg.Wait()
				check()
			})
		})
	}
}

// In a window that begins later, what the floor has saved up comes on top, max(⌈floor⌉, slow
// cost): never more, and as much where the bank and the floor are both full. A retry counts with
// its price.
func TestPaymentsOfAnyWindowStayWithinTheBudget(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 2))
				c := budget.Config{Ratio: 0.05 + rng.Float64(), Floor: 0.1 + 5*rng.Float64(), Burst: 1 + rng.IntN(20)}
				c.SlowCost = 1 + rng.Float64()*float64(c.Burst-1)*float64(rng.IntN(2))
				saved := max(c.SlowCost, math.Ceil(c.Floor))
				if rng.IntN(4) == 0 {
					c.Floor, saved = -1, 0
				}
				bank := newBudget(t, c)
				perSecond := max(0, c.Floor)

				<-time.After(time.Minute) // all is full
				require.Equal(t, c.Burst+int(saved), drain(bank), "the bound is reached")

				start := time.Now()
				over := math.Inf(-1) // the most by which the payments since any moment so far exceed the rest of the bound
				var since float64    // the start: payments, less deposits and what the floor made by the second
				last := start
				for range 2000 {
					now := time.Now()
					since -= perSecond * now.Sub(last).Seconds()
					last = now
					over = max(over, -since) // a window may begin here
					switch rng.IntN(4) {
					case 0:
						bank.OnSuccess()
						since -= c.Ratio
					case 1:
						if bank.Allow() {
							since++
						}
					case 2:
						since += bank.WithdrawSlow().Tokens()
					case 3:
						<-time.After(time.Duration(rng.IntN(1000)) * time.Millisecond * time.Duration(rng.IntN(2)))
					}
					require.LessOrEqual(t, since+over, float64(c.Burst)+saved+1e-6, "%+v", c)
				}
			})
		})
	}
}
