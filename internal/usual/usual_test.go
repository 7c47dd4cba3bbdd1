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

// One quick answer at the start, such as that of a call that only opens the connection, is not
// what is usual: the calls after it are not late for minutes. But if there were several of them
// first, those that take longer are late.
func TestTheFirstOfAll(t *testing.T) {
	for quick, want := range map[int]bool{1: false, 2: false, 4: false, 11: true} {
		s := &successes{step: 100 * ms, dice: rand.New(rand.NewPCG(1, 2))}
		for range quick {
			s.add(time.Millisecond)
		}
		ever := false
		for range 100 {
			late, _ := s.add(200 * time.Millisecond)
			ever = ever || late
		}
		require.Equal(t, want, ever, "%d quick ones", quick)
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

// A clock may tick slower than a success takes. What was 0 once is not what is usual for ever.
func TestSuccessesThatTookNoTime(t *testing.T) {
	for _, first := range []time.Duration{-time.Second, 0, 1, time.Microsecond} {
		var times usual.Times
		now := mono.Time(0)
		for range 100 {
			now += 10 * ms
			late, _ := times.Add(first, now, 3)
			require.False(t, late)
		}
		for range 2000 { // after 200 s a tenth of a second is usual
			now += 100 * ms
			times.Add(100*time.Millisecond, now, 3)
		}
		late, usual := times.Add(100*time.Millisecond, now, 3)
		require.False(t, late, "%v", first)
		require.Greater(t, usual, 30*time.Millisecond)
	}
	var times usual.Times
	for i := range 100 {
		late, _ := times.Add(time.Duration(i%2)*time.Millisecond, mono.Time(i)*ms, 3)
		require.False(t, late, "a tick of the clock is not late")
	}
}

// Successes that were late before a long pause say nothing of now.
func TestLateOnesAreForgotten(t *testing.T) {
	for pause, want := range map[time.Duration]bool{5 * time.Minute: true, 5*time.Minute + 1: false} {
		s := &successes{step: 100 * ms, dice: rand.New(rand.NewPCG(1, 2))}
		for range 100 {
			s.add(100 * time.Millisecond)
		}
		for range 40 {
			s.add(time.Second)
		}
		s.now += mono.Time(pause) - s.step
		late, _ := s.add(time.Second)
		require.Equal(t, want, late, "%v", pause)
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	var times usual.Times
	require.Zero(t, testing.AllocsPerRun(100, func() { times.Add(time.Millisecond, 1, 2) }))
}
