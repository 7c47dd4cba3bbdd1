package mono

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDialShowsTheWallClock(t *testing.T) {
	before := time.Now()
	at := Now()
	d := DialNow()
	shown := d.Date(at)
	require.True(t, HasReading(shown))
	require.WithinDuration(t, before.Round(0), shown.Round(0), 2*maxSkew)
	require.False(t, shown.Before(before), "by the monotonic clock, to the nanosecond")
	require.Equal(t, shown, d.Date(at))
	require.Equal(t, shown.Add(time.Hour), d.Date(at.Add(time.Hour)))
}

func TestOneDialServesUntilTheClockIsSet(t *testing.T) {
	first := DialNow()
	for range 100 {
		require.Same(t, first, DialNow())
	}
	for _, set := range []time.Duration{-time.Hour, 2 * maxSkew} {
		wall := first.date.Round(0).Add(set)
		latest.Store(&Dial{at: first.at, date: wall})
		require.NotEqual(t, wall, DialNow().date, "one without a monotonic reading")
		d := DialNow()
		require.True(t, (&Dial{at: d.at, date: d.date}).shows(d.at, d.date.Add(maxSkew/2)))
		require.False(t, d.shows(d.at+Time(maxSkew), d.date), "the wall clock was set back")
		require.False(t, d.shows(d.at-Time(maxSkew), d.date), "it was set forward")
	}
}

func TestDialInABubble(t *testing.T) {
	for range 2 { // from outside to inside, and back
		outside := DialNow()
		require.True(t, HasReading(outside.Date(Now())))
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour)
			require.Equal(t, time.Now(), DialNow().Date(Now()))
			require.Equal(t, time.Now().Add(time.Minute), DialNow().Date(Now().Add(time.Minute)))
		})
	}
}

func TestAddDoesNotOverflow(t *testing.T) {
	const most = time.Duration(1<<63 - 1)
	for _, now := range []Time{0, Now(), -Time(100 * 365 * 24 * time.Hour), Time(100 * 365 * 24 * time.Hour)} {
		far := now.Add(most)
		require.Greater(t, far, now)
		require.Greater(t, far-now, Time(140*365*24*time.Hour))
		require.Equal(t, now+Time(time.Hour), now.Add(time.Hour))
	}
}
