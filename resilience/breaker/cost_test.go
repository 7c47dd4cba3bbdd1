package breaker

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The first four count alike, and each later one for a quarter.
func TestCostIsTheMeanOfAboutTheLastFour(t *testing.T) {
	var c cost
	for i, step := range []struct{ took, mean time.Duration }{
		{8 * time.Second, 8 * time.Second}, {0, 4 * time.Second}, {1 * time.Second, 3 * time.Second}, {7 * time.Second, 4 * time.Second},
		{8 * time.Second, 5 * time.Second}, {1 * time.Second, 4 * time.Second}, {time.Hour, 7 * time.Second}, // counts as 16 s
	} {
		c.add(step.took, 16*time.Second)
		require.Equal(t, step.mean, c.mean, "after %d", i+1)
	}
}

// At the ends of the numbers there is no overflow, and a clock that went back counts as nothing.
func TestCostOfAnything(t *testing.T) {
	for _, took := range []time.Duration{math.MinInt64, -1, 0, 1, math.MaxInt64} {
		for _, most := range []time.Duration{1, time.Second, math.MaxInt64} {
			var c cost
			for range 10 {
				c.add(took, most)
				require.GreaterOrEqual(t, c.mean, time.Duration(0))
				require.LessOrEqual(t, c.mean, most)
				c.add(0, most)
			}
		}
	}
}

// A call that was given up raises it, and never lowers it.
func TestCostIsAtLeast(t *testing.T) {
	c := cost{mean: time.Second, seen: 4}
	for took, mean := range map[time.Duration]time.Duration{
		0: time.Second, time.Second: time.Second, time.Second + 1: time.Second + 1, time.Minute: 10 * time.Second,
	} {
		c := c
		require.Equal(t, mean > time.Second, c.atLeast(took, 10*time.Second), "%v", took)
		require.Equal(t, mean, c.mean)
	}
}

// A pause fits on the clock, and between the two, however they and the failures are.
func TestPauseStaysBetweenTheTwo(t *testing.T) {
	for _, least := range []time.Duration{1, 2, time.Second, math.MaxInt64 - 1, math.MaxInt64} {
		for _, most := range []time.Duration{1, 4, time.Second, math.MaxInt64} {
			for _, took := range []time.Duration{0, 1, time.Second, math.MaxInt64} {
				if least > most {
					continue
				}
				n := numbers{minOpenFor: least, openFor: most}
				for range 20 {
					pause := n.pause(took)
					require.GreaterOrEqual(t, pause, min(least, forever))
					require.LessOrEqual(t, pause, min(most, forever))
				}
			}
		}
	}
}
