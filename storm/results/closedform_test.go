package results_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/storm"
)

var failureRatios = []float64{0.05, 0.1, 0.2, 0.5, 0.75}

// outcome is what became of many calls whose attempts fail independently.
type outcome struct {
	attempts  estimate // per call
	successes estimate // per call: 0 or 1
	wald      estimate // success - (1-f)·attempts of a call, 0 on average
	first     int      // calls whose first attempt succeeded
}

func independentFailures(t *testing.T, p storm.Doer, f float64, calls int, seed uint64) (o outcome) {
	t.Helper()
	draw := rand.New(rand.NewPCG(seed, math.Float64bits(f)))
	for range calls {
		attempts, success := 0, 0.0
		err := p.Do(t.Context(), func(context.Context) error {
			if attempts++; draw.Float64() < f {
				return errDown
			}
			return nil
		})
		if err == nil {
			success = 1
			if attempts == 1 {
				o.first++
			}
		}
		o.attempts.add(float64(attempts))
		o.successes.add(success)
		o.wald.add(success - (1-f)*float64(attempts))
	}
	return o
}

// Source: elementary; a call ends with its first success or its (R+1)th failure, so attempts
// are a geometric variable cut off at R+1, and S = (1-f)·A is Wald's identity. Trials: 20,000
// calls a cell. Band: 3 standard errors, of A, of S, and of S - (1-f)·A.
func TestClosedForms(t *testing.T) {
	t.Log("   f  R       A   found    ±SE       S   found    ±SE")
	for _, f := range failureRatios {
		for _, retries := range []int{1, 3, 5} {
			o := independentFailures(t, newPolicy(t, atOnce(retries)), f, trials(20_000), uint64(retries))
			lost := math.Pow(f, float64(retries)+1)
			attempts, success := (1-lost)/(1-f), 1-lost
			t.Logf("%4.2f %2d  %6.4f  %6.4f  %.4f  %6.4f  %6.4f  %.4f", f, retries,
				attempts, o.attempts.mean(), o.attempts.stdErr(), success, o.successes.mean(), o.successes.stdErr())
			require.InDelta(t, attempts, o.attempts.mean(), 3*o.attempts.stdErr(), "A at f %v, R %d", f, retries)
			// The SE of a share follows from the share; where hardly a call is lost the sample's
			// own would be 0.
			require.InDelta(t, success, o.successes.mean(), 3*math.Sqrt(success*lost/float64(o.successes.n)), "S at f %v, R %d", f, retries)
			require.InDelta(t, 0, o.wald.mean(), 3*o.wald.stdErr(), "S = (1-f)·A at f %v, R %d", f, retries)
		}
	}
}

// Source: the balance of a bank that is always nearly empty: what goes out has come in. If every
// success deposits, A = 1 + ratio·S. Here only a call whose first attempt succeeds deposits, so
// A = 1 + ratio·(1-f), which is less. Trials: 200,000 calls a cell, one after the other, from an
// empty bank of 1,000, which is never full. Band: 3 standard errors of what came in, and what is
// in the bank at the end. S = (1-f)·A holds as it does without a budget.
func TestSaturatedBudget(t *testing.T) {
	const ratio, burst = 0.1, 1000
	t.Log("   f  1+ratio·(1-f)   found  1+ratio·S  refused")
	for _, f := range failureRatios {
		bank, err := budget.New(budget.Config{Ratio: ratio, Floor: -1, Burst: burst, Initial: -1})
		require.NoError(t, err)
		n := trials(200_000)
		o := independentFailures(t, holdfast.Must(holdfast.New("saturated", bank, atOnce(3))), f, n, 7)
		want, ifAnySuccess := 1+ratio*(1-f), 1+ratio*o.successes.mean()
		t.Logf("%4.2f         %6.4f  %6.4f     %6.4f  %7d", f, want, o.attempts.mean(), ifAnySuccess, bank.Stats().Refused)
		require.InDelta(t, 0, o.wald.mean(), 3*o.wald.stdErr(), "S = (1-f)·A at f %v", f)
		if f/(1-f) < ratio*(1-f) { // less is asked for than comes in: the bank is full, and the budget does nothing
			require.InDelta(t, (1-math.Pow(f, 4))/(1-f), o.attempts.mean(), 3*o.attempts.stdErr(), "A at f %v", f)
			continue
		}
		band := 3*ratio*math.Sqrt(f*(1-f)/float64(n)) + bank.Tokens()/float64(n)
		require.InDelta(t, want, o.attempts.mean(), band, "A at f %v", f)
		require.LessOrEqual(t, o.attempts.sum-float64(n), ratio*float64(o.first)+1e-6, "no retry without a deposit")
	}
}
