package usual_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/usual"
)

const ms = mono.Time(time.Millisecond)

// successes tell Times how long successes took, one each step.
type successes struct {
	times usual.Times
	now   mono.Time
	step  mono.Time
	dice  *rand.Rand
}

func (s *successes) add(mean time.Duration) (late bool, usual time.Duration) {
	s.now += s.step
	return s.times.Add(time.Duration((0.5+s.dice.Float64())*float64(mean)), s.now, 2)
}

// However many successes there are in a second, it is soon noticed that they are late, and that
// does not soon become what is usual.
func TestWhatIsUsual(t *testing.T) {
	for name, step := range map[string]mono.Time{"1000 a second": ms, "100": 10 * ms, "10": 100 * ms, "1": 1000 * ms} {
		t.Run(name, func(t *testing.T) {
			s := &successes{step: step, dice: rand.New(rand.NewPCG(1, 2))}
			for i := range 1000 {
				late, usual := s.add(100 * time.Millisecond)
				require.False(t, late)
				if i > 100 {
					require.InDelta(t, 130, usual.Milliseconds(), 25, "four of five take less")
				}
			}
			n := 0
			for late := false; !late; n++ {
				late, _ = s.add(600 * time.Millisecond)
			}
			require.Less(t, n, 40, "it soon notices")
			for range 5 {
				late, usual := s.add(600 * time.Millisecond)
				require.True(t, late)
				require.Less(t, usual, 200*time.Millisecond)
			}
			n = 0
			for late := true; late; n++ {
				late, _ = s.add(100 * time.Millisecond)
			}
			require.Less(t, n, 40, "and that it is over")
		})
	}
}

// What creeps up is late as well, for most of a minute, also where there are many successes.
func TestWhatCreepsUp(t *testing.T) {
	s := &successes{step: ms, dice: rand.New(rand.NewPCG(1, 2))}
	for range 1000 {
		s.add(50 * time.Millisecond)
	}
	late := false
	for i := range 2000 { // two seconds
		late, _ = s.add(50*time.Millisecond + time.Duration(i)*time.Millisecond/4)
	}
	require.True(t, late)
	for range 10_000 {
		late, _ = s.add(550 * time.Millisecond)
		require.True(t, late)
	}
	for range 90_000 {
		late, _ = s.add(550 * time.Millisecond)
	}
	require.False(t, late, "at last it is what is usual")
}

func TestTooFewSuccessesSayNothing(t *testing.T) {
	var times usual.Times
	for i := range 11 {
		late, _ := times.Add(time.Duration(1)<<i*time.Millisecond, mono.Time(i)*1000*ms, 1)
		require.False(t, late)
	}
}

// A clock that stands still, or seems to go back between two processors, changes nothing for the
// worse.
func TestAClockThatDoesNotGoOn(t *testing.T) {
	var times usual.Times
	for i := range 1000 {
		_, usual := times.Add(time.Millisecond, mono.Time(1000-i), 2)
		require.InDelta(t, time.Millisecond, usual, float64(time.Millisecond)/2)
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	var times usual.Times
	require.Zero(t, testing.AllocsPerRun(100, func() { times.Add(time.Millisecond, 1, 2) }))
}
