package chance_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func some() (floats []float64, ints []uint64) {
	for range 10 {
		floats = append(floats, chance.Float64())
		ints = append(ints, chance.Uint64N(1<<60))
	}
	return floats, ints
}

func TestASeedRulesInBubbles(t *testing.T) {
	inBubble := func(seed uint64) (floats []float64, ints []uint64) {
		defer chance.Seed(seed, 1)()
		synctest.Test(t, func(*testing.T) { floats, ints = some() })
		return floats, ints
	}
	floats, ints := inBubble(7)
	sameFloats, sameInts := inBubble(7)
	require.Equal(t, floats, sameFloats)
	require.Equal(t, ints, sameInts)
	otherFloats, otherInts := inBubble(8)
	require.NotEqual(t, floats, otherFloats)
	require.NotEqual(t, ints, otherInts)
}

func TestASeedIsOverWhenRestored(t *testing.T) {
	draw := func() (floats []float64) {
		chance.Seed(7, 1)()
		synctest.Test(t, func(*testing.T) { floats, _ = some() })
		return floats
	}
	first, second := draw(), draw()
	require.NotEqual(t, first, second)
}

func TestNothingIsSeededOutsideOfBubbles(t *testing.T) {
	draw := func() []float64 {
		defer chance.Seed(7, 1)()
		floats, _ := some()
		return floats
	}
	first, second := draw(), draw()
	require.NotEqual(t, first, second)
}

func TestNumbersAreInRange(t *testing.T) {
	defer chance.Seed(7, 1)()
	check := func() {
		for range 1000 {
			f := chance.Float64()
			require.True(t, f >= 0 && f < 1, f)
			require.Less(t, chance.Uint64N(3), uint64(3))
		}
	}
	check()
	synctest.Test(t, func(*testing.T) { check() })
}

func TestManyMayDrawAtOnce(t *testing.T) {
	defer chance.Seed(7, 1)()
	synctest.Test(t, func(*testing.T) {
		var draws sync.WaitGroup
		for range 8 {
			draws.Go(func() { some() })
		}
		draws.Wait()
	})
}

func TestAStormMovesPauses(t *testing.T) {
	inBubble := func() (d time.Duration) {
		synctest.Test(t, func(*testing.T) { d = chance.Pause(time.Second) })
		return d
	}
	restore := chance.MovePauses(func(d time.Duration) time.Duration { return d + 3 })
	require.Equal(t, time.Second+3, inBubble())
	require.Equal(t, time.Second, chance.Pause(time.Second), "not outside of bubbles")
	restore()
	require.Equal(t, time.Second, inBubble())
}

// What production pays: compare with BenchmarkGlobal.
func BenchmarkFloat64(b *testing.B) {
	for b.Loop() {
		chance.Float64()
	}
}

func BenchmarkGlobal(b *testing.B) {
	for b.Loop() {
		rand.Float64()
	}
}

func BenchmarkUint64N(b *testing.B) {
	for b.Loop() {
		chance.Uint64N(12345)
	}
}

func BenchmarkGlobalUint64N(b *testing.B) {
	for b.Loop() {
		rand.Uint64N(12345)
	}
}

// Outside of storms it goes by the clock, whatever its steps are; in one by the seed.
func TestOneIn16(t *testing.T) {
	share := func(start, step mono.Time) float64 {
		const n, n16 = 16_000, 1_000.
		hits, longest, since := 0., 0, 0
		for at := start; at < start+n*step; at += step {
			if since++; chance.OneIn16(at) {
				hits, longest, since = hits+1, max(longest, since), 0
			}
		}
		require.Less(t, max(longest, since), 250, step)
		return hits / n16
	}
	for _, step := range []mono.Time{1, 16, 41, 97, 100, 144, 1000, 15_625, 1e6, 1e8, 1e9, 1 << 20, 1 << 40} {
		require.InDelta(t, 1, share(0, step), 0.15, step)
		require.InDelta(t, 1, share(-1e17, step), 0.15, step)
	}
	draws := func(seed uint64) (draws []bool) {
		defer chance.Seed(seed, 1)()
		synctest.Test(t, func(*testing.T) {
			for range 1000 {
				draws = append(draws, chance.OneIn16(7))
			}
		})
		return draws
	}
	first := draws(7)
	require.Equal(t, first, draws(7))
	require.NotEqual(t, draws(7), draws(8))
	require.Contains(t, draws(7), true)
	require.Contains(t, draws(7), false)
}
