package breaker

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A count of faults stays at its greatest: from 0 on it would say that all is well.
func TestACountDoesNotOverflow(t *testing.T) {
	c := count(math.MaxUint32 - 1)
	for range 3 {
		c.add()
		require.Equal(t, count(math.MaxUint32), c)
	}
}

// Whoever ranges over the outcomes gets them in order, and may stop after any of them.
func TestOutcomesUpToWhereTheReaderStops(t *testing.T) {
	counts := Counts{Successes: 1, Failures: 2, Unclassified: 3, Slow: 4, Excluded: 5}
	names := []string{"success", "failure", "unclassified", "slow", "excluded"}
	for most := range len(names) + 1 {
		var got []string
		for name, n := range counts.ByOutcome() {
			got = append(got, name)
			require.EqualValues(t, len(got), n, name)
			if len(got) == most {
				break
			}
		}
		want := names
		if most > 0 {
			want = names[:most]
		}
		require.Equal(t, want, got)
	}
}
