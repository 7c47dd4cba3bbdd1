package holdfastdash

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pins: from a microsecond on, the middle of a bucket differs by at most 1/32 from the durations in
// it, and buckets are in order.
func TestBuckets(t *testing.T) {
	previous := 0
	for d := time.Duration(0); d < 73*time.Minute; d += 1 + d/100 {
		i := bucket(d)
		require.GreaterOrEqual(t, i, previous, "%v", d)
		require.LessOrEqual(t, i-previous, 1, "%v: no bucket is left out", d)
		previous = i
		off := math.Abs(float64(middle(i) - d))
		if d < time.Microsecond {
			require.LessOrEqual(t, off, 64.0, "%v", d)
		} else {
			require.LessOrEqual(t, off/float64(d), 1.0/32, "%v: %v", d, middle(i))
		}
	}
	for d, want := range map[time.Duration]int{-time.Second: 0, 0: 0, 63: 0, 64: 1, 2 * time.Hour: buckets - 1, math.MaxInt64: buckets - 1} {
		require.Equal(t, want, bucket(d), "%v", d)
	}
}

func TestQuantiles(t *testing.T) {
	var h histogram
	var c counts
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	since, total := c.advance(&h)
	require.EqualValues(t, 1000, total)
	for q, want := range map[float64]time.Duration{0.001: time.Millisecond, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		require.InEpsilon(t, want, since.quantile(q, total), 0.04, "%v", q)
	}

	_, total = c.advance(&h)
	require.Zero(t, total, "nothing came since")

	i := bucket(time.Second)
	h[i].Store(math.MaxUint32)
	c.advance(&h)
	h.add(time.Second) // the count starts anew
	h.add(time.Second)
	since, total = c.advance(&h)
	require.EqualValues(t, 2, total)
	require.EqualValues(t, 2, since[i])
}

func TestRound(t *testing.T) {
	for v, want := range map[float64]float64{
		0: 0, 1: 1, 0.016666666: 0.01667, 130.2468: 130.2, 9999.4: 9999, 123456.7: 123457, 0.0000123456: 0.00001235, 1e12: 1e12, -2.71828: -2.718,
	} {
		require.Equal(t, want, round(v), "%v", v)
	}
}
