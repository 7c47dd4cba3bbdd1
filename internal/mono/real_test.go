package mono_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
)

// These run outside of a bubble on purpose. A bubble's clock has no monotonic reading, so that
// half of the package works on another clock there.

// sane requires a time that has passed in this test: some, and not an hour.
func sane(t *testing.T, passed time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, passed, time.Duration(0))
	require.Less(t, passed, time.Hour)
}

func TestNowOnTheRealClock(t *testing.T) {
	first := mono.Now()
	sane(t, mono.Since(first))
	require.Positive(t, first, "it counts from when the process began")
	for mono.Now() == first { // the clock moves
		continue
	}
	require.Greater(t, mono.Now(), first)
	require.Positive(t, mono.Since(first))
}

func TestLeftOnTheRealClock(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	before := mono.Now()
	for name, deadline := range map[string]time.Time{"comparable": soon, "a wall clock's time": soon.Round(0)} {
		left := mono.Left(deadline, before)
		sane(t, time.Hour+time.Second-left) // the wall clock may be set meanwhile, but not by much
		require.Negative(t, mono.Left(deadline.Add(-2*time.Hour), before), name)
	}
	later := before + mono.Time(time.Minute)
	require.Equal(t, time.Minute, mono.Left(soon, before)-mono.Left(soon, later))
}

func TestBeganOnTheRealClock(t *testing.T) {
	before := mono.Now()
	now := mono.Began{}.OrNow()
	require.GreaterOrEqual(t, now, before)
	sane(t, mono.Since(now))
	require.Equal(t, before, mono.At(before).OrNow())
}

func TestAtMostOnTheRealClock(t *testing.T) {
	earlier := mono.Now()
	deadline := time.Now().Add(time.Hour)
	most, ok := mono.AtMost(deadline, earlier)
	require.True(t, ok)
	require.GreaterOrEqual(t, most, time.Hour)
	require.GreaterOrEqual(t, most, time.Until(deadline), "no less than is left")
	sane(t, most-time.Hour)

	later := earlier + mono.Time(time.Minute)
	less, ok := mono.AtMost(deadline, later)
	require.True(t, ok)
	require.Equal(t, time.Minute, most-less, "the more time has passed, the less is left")
	past, ok := mono.AtMost(deadline.Add(-2*time.Hour), earlier)
	require.True(t, ok)
	require.Equal(t, 2*time.Hour, most-past)

	_, ok = mono.AtMost(deadline.Round(0), earlier)
	require.False(t, ok, "a wall clock's time cannot be compared")
}
