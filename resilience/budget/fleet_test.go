package budget_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func bankOf(t *testing.T, p resilience.Policy) advice.Bank {
	t.Helper()
	bank, ok := advice.BankOf(p)
	require.True(t, ok)
	return bank
}

func TestBankOf(t *testing.T) {
	b := newBudget(t, budget.Config{})
	first, second := bankOf(t, b), bankOf(t, b)
	require.Same(t, first, second)
	require.NotSame(t, bankOf(t, b), bankOf(t, newBudget(t, budget.Config{})))
	for name, none := range map[string]resilience.Policy{
		"nil": nil, "a nil budget": (*budget.Budget)(nil), "a zero one": &budget.Budget{},
		"another policy": resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next }),
	} {
		_, ok := advice.BankOf(none)
		require.False(t, ok, name)
	}
}

func TestAFleetMovesWholeTokens(t *testing.T) {
	b := newBudget(t, budget.Config{Ratio: 0.25, Burst: 10, Initial: -1, Floor: -1})
	bank := bankOf(t, b)
	require.Zero(t, bank.Take(1), "an empty bank has none")
	require.Equal(t, int64(3), bank.Put(3))
	b.Deposit()
	require.Equal(t, 3.25, b.Tokens())
	for _, none := range []int64{0, -1, math.MinInt64} {
		require.Zero(t, bank.Put(none))
		require.Zero(t, bank.Take(none))
	}
	require.Equal(t, 3.25, b.Tokens())
	require.Equal(t, int64(3), bank.Take(math.MaxInt64), "whole ones only")
	require.Equal(t, 0.25, b.Tokens())
	require.Equal(t, int64(9), bank.Put(math.MaxInt64), "never above Burst")
	require.Equal(t, 9.25, b.Tokens())
	require.Zero(t, bank.Put(1), "no room for a whole one")

	_, _, err := b.Modify(func(c *budget.Config) { c.Burst = 2 })
	require.NoError(t, err)
	require.Equal(t, 2.0, b.Tokens())
	require.Zero(t, bank.Put(1))
	require.Equal(t, int64(1), bank.Take(1))
	require.Equal(t, int64(1), bank.Put(10))
}

// floorPays counts for how many retries the floor pays in a while, in which somebody asks all the
// time.
func floorPays(b *budget.Budget, during time.Duration) (n int) {
	for end := time.Now().Add(during); time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		if b.Withdraw().Payer == budget.FromFloor {
			n++
		}
	}
	return n
}

func TestAFloorIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Ratio: -1, Floor: 10, Burst: 1, Initial: -1, Fleet: true})
		bank := bankOf(t, b)
		drain(b)
		require.Equal(t, 100, floorPays(b, 10*time.Second), "whole")
		bank.ShareFloor(1)
		require.Equal(t, 100, floorPays(b, 10*time.Second), "the only one")
		bank.ShareFloor(4)
		require.Equal(t, 25, floorPays(b, 10*time.Second), "one of four")
		require.Equal(t, "budget 0%+10/s", b.String()[:len("budget 0%+10/s")], "the words are of the settings")
		require.Equal(t, 10.0, b.Config().Floor)

		// A floor that rests pays from what it has saved, and no more.
		time.Sleep(time.Minute)
		bank.ShareFloor(0)
		time.Sleep(time.Hour)
		require.Equal(t, 1, floorPays(b, 10*time.Second), "the price of one retry")
		require.Zero(t, floorPays(b, time.Minute))

		bank.ShareFloor(math.MaxUint64)
		require.Zero(t, floorPays(b, time.Minute))
		bank.ShareFloor(1)
		require.Equal(t, 100, floorPays(b, 10*time.Second), "whole again")
	})
}

// An Update keeps the share while Fleet is set, and ends it when that is not.
func TestAnUpdateKeepsTheShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Ratio: -1, Floor: 10, Burst: 1, Initial: -1, Fleet: true})
		bank := bankOf(t, b)
		bank.ShareFloor(10)
		drain(b)
		require.NoError(t, b.Update(budget.Config{Ratio: -1, Floor: 20, Burst: 1, Fleet: true}))
		require.Equal(t, 20, floorPays(b, 10*time.Second), "a tenth of the new floor")
		require.NoError(t, b.Update(budget.Config{Ratio: -1, Floor: 20, Burst: 1}))
		require.Equal(t, 200, floorPays(b, 10*time.Second), "no fleet")

		bank.ShareFloor(10)
		require.NoError(t, b.Update(budget.Config{Ratio: -1, Floor: -1, Burst: 1, Fleet: true}))
		bank.ShareFloor(2)
		drain(b)
		require.Zero(t, floorPays(b, 10*time.Second), "a floor that is off stays off")
		bank.ShareFloor(0)
		require.Zero(t, floorPays(b, 10*time.Second))
	})
}

// A fleet does not wait for who changes the settings, and what it does is kept.
func TestAFleetDoesNotWaitForAHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Ratio: 0.5, Floor: 8, Burst: 1, Fleet: true})
		bank, knob := bankOf(t, b), knobOf(t, b)
		var by any
		set := func(ratio float64) (err error) { by, err = knob.Set(ratio); return err }
		_, to, err := b.Modify(func(c *budget.Config) {
			bank.ShareFloor(2)
			require.NoError(t, set(0.25))
			c.Burst = 3
		})
		require.NoError(t, err)
		require.Equal(t, 3, to.Burst)
		require.Equal(t, 0.25, to.Ratio)
		require.True(t, knob.Ours(by), "the order came while somebody changed something else")
		drain(b)
		require.Equal(t, 40, floorPays(b, 10*time.Second), "one of two")

		_, to, err = b.Modify(func(c *budget.Config) {
			ratio, ok := knob.Restore(by)
			require.True(t, ok)
			require.Equal(t, 0.5, ratio)
			c.Burst = 4
		})
		require.NoError(t, err)
		require.Equal(t, 0.5, to.Ratio, "the order ended meanwhile")

		_, to, err = b.Modify(func(c *budget.Config) {
			require.NoError(t, set(0.25))
			c.Ratio = 0.75
		})
		require.NoError(t, err)
		require.Equal(t, 0.75, to.Ratio, "a hand stands above an order")
		require.False(t, knob.Ours(by))
		_, ok := knob.Restore(by)
		require.False(t, ok)
	})
}

// An order for a fleet is the order still when the floor is divided anew. And it does not change
// how the floor is divided.
func TestAnOrderAndAShareLeaveEachOtherAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Ratio: 0.5, Floor: 10, Burst: 1, Initial: -1, Fleet: true})
		bank := bankOf(t, b)
		knob, ok := advice.KnobOf(b)
		require.True(t, ok)
		bank.ShareFloor(2)
		by, err := knob.Set(0.25)
		require.NoError(t, err)
		drain(b)
		require.Equal(t, 50, floorPays(b, 10*time.Second))
		bank.ShareFloor(5)
		require.True(t, knob.Ours(by))
		require.Equal(t, 20, floorPays(b, 10*time.Second))
		ratio, ok := knob.Restore(by)
		require.True(t, ok)
		require.Equal(t, 0.5, ratio)
		require.Equal(t, 0.5, b.Config().Ratio)
		require.Equal(t, 20, floorPays(b, 10*time.Second))
		require.False(t, knob.Ours(by))
		require.False(t, knob.Ours(nil))

		by, err = knob.Set(0.25)
		require.NoError(t, err)
		another, err := knob.Set(0.25)
		require.NoError(t, err)
		require.False(t, knob.Ours(by))
		require.True(t, knob.Ours(another))
	})
}

// Whatever happens at once, no token is made and none is lost.
func TestAFleetMakesNoToken(t *testing.T) {
	const burst, each = 50, 2000
	b := newBudget(t, budget.Config{Ratio: 1, Burst: burst, Initial: 20, Floor: -1})
	bank := bankOf(t, b)
	var all sync.WaitGroup
	var mu sync.Mutex
	sum := 20.0 // of what came, less of what went
	for worker := range uint64(4) {
		all.Go(func() {
			r := rand.New(rand.NewPCG(worker, 31))
			balance := 0.0
			for range each {
				switch r.IntN(3) {
				case 0:
					balance += float64(bank.Put(r.Int64N(70)))
				case 1:
					balance -= float64(bank.Take(r.Int64N(70)))
				case 2:
					balance -= b.Withdraw().Tokens()
				}
				if tokens := b.Tokens(); tokens < 0 || tokens > burst {
					t.Errorf("%v tokens", tokens)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			sum += balance
		})
	}
	all.Wait()
	require.Equal(t, sum, b.Tokens())
}
