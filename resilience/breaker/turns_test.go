package breaker

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A turn is the time that has passed, times Buckets, divided by Window, to the nanosecond.
func TestTurnsAreExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 16))
	for _, window := range []time.Duration{1, 2, 7, 11, 1000, time.Millisecond, 3 * time.Second, 10 * time.Second, time.Hour + 1, 1<<63 - 1} {
		for _, buckets := range []int{1, 2, 3, 7, 10, 64, 10_000} {
			if int64(buckets) > int64(window) {
				continue
			}
			turns := newTurns(window, buckets)
			begins := func(turn uint64) uint64 { // the first nanosecond of it
				n := new(big.Int).Mul(new(big.Int).SetUint64(turn), big.NewInt(int64(window)))
				n.Add(n, big.NewInt(int64(buckets)-1))
				return n.Div(n, big.NewInt(int64(buckets))).Uint64()
			}
			check := func(passed uint64) {
				if passed > 1<<63-1 {
					return
				}
				n := new(big.Int).Mul(new(big.Int).SetUint64(passed), big.NewInt(int64(buckets)))
				want := n.Div(n, big.NewInt(int64(window))).Uint64()
				turn, bucket := turns.of(passed)
				require.Equal(t, want, turn, "%v/%d after %d", window, buckets, passed)
				require.Equal(t, want%uint64(buckets), bucket, "%v/%d after %d", window, buckets, passed)
			}
			for turn := range uint64(300) {
				check(begins(turn))
				check(begins(turn) - min(1, begins(turn)))
			}
			for range 2000 {
				passed := rng.Uint64N(1<<63) >> rng.IntN(63)
				check(passed)
				turn, _ := turns.of(passed)
				check(begins(turn))
				check(begins(turn+1) - 1)
			}
		}
	}
}

// A word tells the turns of a century apart, or 2⁴⁰ of them, and counts three successes in each
// nanosecond of one.
func TestAWordHasRoom(t *testing.T) {
	for _, window := range []time.Duration{1, time.Microsecond, 30 * time.Millisecond, time.Second, 10 * time.Second, time.Hour, 200 * 365 * 24 * time.Hour} {
		for _, buckets := range []int{1, 10, 10_000} {
			if int64(buckets) > int64(window) {
				continue
			}
			turns := newTurns(window, buckets)
			last, _ := turns.of(century)
			tellsApart := uint64(1)<<(64-turns.shift) - 1
			require.GreaterOrEqual(t, tellsApart, min(last, 1<<40-1), "%v/%d", window, buckets)
			nanoseconds := float64(window) / float64(buckets)
			require.GreaterOrEqual(t, float64(turns.count(1<<64-1)), min(2.9*nanoseconds, 1<<62), "%v/%d", window, buckets)
		}
	}
}
