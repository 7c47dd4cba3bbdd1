package bulkhead

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
)

func settled(t *testing.T, a Adaptive) *Adaptive {
	t.Helper()
	c, err := Config{Adaptive: &a}.Resolve()
	require.NoError(t, err)
	return c.Adaptive
}

const (
	start = mono.Time(time.Hour)
	ms    = mono.Time(time.Millisecond)
)

func TestTheFirstCut(t *testing.T) {
	a := settled(t, Adaptive{})
	for _, c := range []struct {
		inUse, older int64
		want         int64 // in thousandths
	}{
		{10, 0, 7000},
		{3, 7, 7000},
		{0, 10, 7000},
		{1, 0, 1000}, // never below one
		{0, 0, 1000}, // whoever it was has left by now
		{2, 0, 1400},
		{math.MaxInt32, 0, 1503238552900},
	} {
		l := newLimiter(a, c.inUse, c.older, time.Second, &cause{row: 5}, start)
		require.InDelta(t, c.want, l.limit.Load(), float64(c.want)/1000, "%+v", c)
		require.EqualError(t, l.why.Load(), "5 slow failures in a row")
	}
}

func TestHowManyALimitAdmits(t *testing.T) {
	l := newLimiter(settled(t, Adaptive{}), 4, 0, time.Second, &cause{row: 5}, start) // 2.8
	require.Equal(t, 3, l.whole())
	for inUse, want := range []bool{true, true, true, false, false} {
		require.Equal(t, want, l.admits(int64(inUse)), "%d", inUse)
	}
	l.limit.Store(2000)
	require.Equal(t, 2, l.whole(), "a whole number is not rounded up")
	require.True(t, l.admits(1))
	require.False(t, l.admits(2))
	l.older.Store(9)
	require.True(t, l.admits(0), "one that is counted is always let in")
	require.False(t, l.admits(1))
}

func TestThoseThatBeganBeforeAnybodyCounted(t *testing.T) {
	a := settled(t, Adaptive{})
	l := newLimiter(a, 0, 2, time.Second, &cause{row: 5}, start)
	for _, left := range []int64{1, 0, 0} { // one more than was known of
		l.ended()
		require.Equal(t, left, l.older.Load())
	}
	for most, until := range map[time.Duration]mono.Time{time.Second: 1000 * ms, 0: 10_000 * ms} {
		l = newLimiter(a, 0, 2, most, &cause{row: 5}, start)
		l.tick(start + until)
		require.EqualValues(t, 2, l.older.Load())
		l.tick(start + until + 1)
		require.Zero(t, l.older.Load(), "all of them must have ended")
	}
}

func TestASuccessRaisesALimitInUse(t *testing.T) {
	l := newLimiter(settled(t, Adaptive{}), 1, 0, time.Second, &cause{row: 5}, start)
	for _, c := range []struct{ limit, inUse, older, want int64 }{
		{4000, 1, 0, 4000},
		{4000, 2, 0, 4250}, // just half
		{4000, 1, 1, 4250},
		{4001, 2, 0, 4001}, // not quite half
		{1000, 1, 0, 2000},
		{2_000_000_000, math.MaxInt32, 0, 2_000_000_001}, // it goes on growing, however large it is
	} {
		l.limit.Store(c.limit)
		l.older.Store(c.older)
		l.succeeded(c.inUse)
		require.Equal(t, c.want, l.limit.Load(), "%+v", c)
	}
}

func TestWhenACutIsDue(t *testing.T) {
	a := settled(t, Adaptive{})
	l := newLimiter(a, 100, 0, time.Second, &cause{row: 5}, start)
	require.False(t, l.congested(a, 50, &cause{row: 6}, start+499*ms))
	require.EqualValues(t, 70_000, l.limit.Load())
	require.True(t, l.congested(a, 50, &cause{row: 7}, start+500*ms))
	require.EqualValues(t, 35_000, l.limit.Load(), "of what is in flight, where that is less")
	require.False(t, l.congested(a, 50, &cause{row: 8}, start+500*ms))
	require.EqualError(t, l.why.Load(), "7 slow failures in a row")
	require.True(t, l.congested(a, 50, &cause{row: 9}, start+1000*ms))
	require.EqualValues(t, 24_500, l.limit.Load(), "of the limit, where that is less")
	require.True(t, l.congested(a, 0, &cause{row: 10}, start+1500*ms))
	require.EqualValues(t, 1000, l.limit.Load())
}

func TestWhenALimitIsNotNeededAnyMore(t *testing.T) {
	a := settled(t, Adaptive{CalmFor: time.Second})
	l := newLimiter(a, 100, 0, time.Second, &cause{row: 5}, start)
	require.False(t, l.calm(a, start+1000*ms))
	require.True(t, l.calm(a, start+1000*ms+1))
	l.binds(start + 500*ms)
	require.False(t, l.calm(a, start+1500*ms))
	require.True(t, l.calm(a, start+1500*ms+1))
	stays := settled(t, Adaptive{CalmFor: -1})
	require.False(t, l.calm(stays, start+1e9*ms))
}

// Whatever happens, a limit is at least one, and lets one in where none is.
func TestALimitIsNeverBelowOne(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		a := settled(t, Adaptive{CutTo: math.Nextafter(0, 1) + dice.Float64()*mostCutTo, CutEvery: 1 + time.Duration(dice.IntN(100))})
		now := start
		l := newLimiter(a, dice.Int64N(10), dice.Int64N(10), time.Second, &cause{row: 5}, now)
		for range 200 {
			now += mono.Time(dice.IntN(100))
			before := l.limit.Load()
			switch dice.IntN(4) {
			case 0:
				if l.congested(a, dice.Int64N(200), &cause{row: 5}, now) {
					require.LessOrEqual(t, l.limit.Load(), before)
				}
			case 1:
				l.ended()
			default:
				l.succeeded(dice.Int64N(200))
				require.GreaterOrEqual(t, l.limit.Load(), before)
			}
			require.GreaterOrEqual(t, l.limit.Load(), int64(milli))
			require.GreaterOrEqual(t, l.older.Load(), int64(0))
			require.True(t, l.admits(0))
		}
	}
}

func TestCausesInWords(t *testing.T) {
	require.EqualError(t, &cause{row: 1}, "1 slow failure")
	require.EqualError(t, &cause{row: 5}, "5 slow failures in a row")
	require.EqualError(t, &cause{times: 2.5, usual: 80 * time.Millisecond}, "most successes took more than 2.5 times as long as usual (80ms)")
	require.NotErrorIs(t, &cause{row: 1}, errors.ErrUnsupported)
}
