package storm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// brittle is a client that breaks for good as soon as calls have failed for longer than it bears.
func brittle(bears time.Duration) func() storm.Doer {
	return func() storm.Doer {
		var since time.Time // of the first failure in a row
		broken := false
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			err := op(ctx)
			switch now := time.Now(); {
			case broken:
				return errors.New("broken")
			case err == nil:
				since = time.Time{}
			case since.IsZero():
				since = now
			default:
				broken = now.Sub(since) > bears
			}
			return err
		})
	}
}

// even begins a call each 50 ms, for 10 s beside the trouble.
var (
	even = storm.Scenario{Load: storm.Constant(20), For: 10 * time.Second}
	down = storm.Trigger{At: 2 * time.Second, ErrorRatio: 1}
)

// D* is exact to the Step, and says so where it is less than one or more than Max. Of a trouble of
// n seconds, the calls that fail begin 50 ms apart, so that the last is n s - 50 ms after the
// first.
func TestCriticalDurationIsExact(t *testing.T) {
	b := storm.Bisection{Step: 500 * time.Millisecond, Max: 32 * time.Second, Seeds: 1}
	for _, c := range []struct {
		bears, want time.Duration
		saturated   bool
	}{
		{0, 0, false},
		{400 * time.Millisecond, 0, false},
		{475 * time.Millisecond, 500 * time.Millisecond, false},
		{15_425 * time.Millisecond, 15 * time.Second, false},
		{15_475 * time.Millisecond, 15_500 * time.Millisecond, false},
		{15_500 * time.Millisecond, 15_500 * time.Millisecond, false},
		{31_925 * time.Millisecond, 31_500 * time.Millisecond, false},
		{31_975 * time.Millisecond, 32 * time.Second, true},
		{time.Hour, 32 * time.Second, true},
	} {
		found, err := b.CriticalDuration(even, down, brittle(c.bears))
		require.NoError(t, err)
		require.Equal(t, storm.Critical{
			Max: b.Max, Seeds: []storm.CriticalSeed{{Duration: c.want, Saturated: c.saturated}},
		}, found, "bears %v", c.bears)
	}
}

// A Max that is no power of two of Steps, and none at all of them, is a bound all the same.
func TestCriticalDurationHeedsMax(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 100 * time.Millisecond, 199 * time.Millisecond: 100 * time.Millisecond, 700 * time.Millisecond: 700 * time.Millisecond,
	} {
		found, err := storm.Bisection{Step: 100 * time.Millisecond, Max: limit, Seeds: 2}.CriticalDuration(even, down, brittle(time.Hour))
		require.NoError(t, err)
		require.Equal(t, want, found.Max)
		require.Equal(t, fmt.Sprintf("> %v (> %v to > %v in 2 seeds), back after 0s", want, want, want), found.String())
	}
}

// Where longer troubles do no harm, the shorter one that does is found.
func TestCriticalDurationFindsTheShorterHarm(t *testing.T) {
	start := func() storm.Doer {
		failed := 0 // in a row; of 30 to 50, it takes harm
		broken := false
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			err := op(ctx)
			if err != nil {
				failed++
				return err
			}
			broken = broken || failed >= 30 && failed <= 50
			failed = 0
			if broken {
				return errors.New("broken")
			}
			return nil
		})
	}
	found, err := storm.Bisection{Step: 100 * time.Millisecond, Max: 6400 * time.Millisecond, Seeds: 1}.CriticalDuration(even, down, start)
	require.NoError(t, err)
	require.Equal(t, 1400*time.Millisecond, found.Median().Duration)
}

func TestCriticalDurationSaysWhatIsWrong(t *testing.T) {
	_, err := storm.Bisection{Step: -1, Seeds: 1001}.CriticalDuration(storm.Scenario{}, storm.Trigger{For: 1}, bare)
	for _, want := range []string{
		"storm: Bisection.Step is -1ns", "storm: Bisection.Seeds is 1001; want", "storm: Trigger.For is 1ns; want 0: it is what is looked for", "storm: Load is missing",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = storm.Bisection{Step: time.Second, Max: time.Millisecond}.CriticalDuration(even, down, bare)
	require.EqualError(t, err, "storm: Bisection.Max is 1ms; want at least Step (1s)")
	_, err = storm.CriticalDuration(even, down, nil)
	require.EqualError(t, err, "storm: newDoer is nil; want a function that makes a Doer")
	s := even
	s.Load = storm.Constant(2)
	_, err = storm.CriticalDuration(s, down, bare)
	require.EqualError(t, err, "storm: CriticalDuration: cannot tell whether the calls came back after 250ms of trouble (seed 0), by 16 calls in 8s; want a longer For or more load")
	require.Equal(t, "not tried", storm.Critical{}.String())
	require.Zero(t, storm.Critical{}.Median())
}

func ExampleCriticalDuration() {
	// However long it is down: who does not retry is well as soon as it is up again.
	d, err := storm.CriticalDuration(storm.Scenario{
		Load: storm.Constant(10), For: 20 * time.Second,
	}, storm.Trigger{At: 5 * time.Second, ErrorRatio: 1}, func() storm.Doer { return storm.Bare })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d)
	// Output: > 32s (> 32s to > 32s in 5 seeds), back after 0s
}

func ExampleBisection_CriticalDuration() {
	// Ten workers of 250 ms can do 40 calls a second, and 32 come, each of which gives up after 1
	// s. How long may all workers stand still, if all is to be well 15 s later? A call then has to
	// wait for 0.8 of the time that they stood, and 0.2 s less each second. 0.75 s of waiting will
	// do, so that it is (0.75 s + 15 × 0.2 s) / 0.8 = 4.7 s.
	b := storm.Bisection{Step: time.Second, Max: 8 * time.Second, Seeds: 1}
	d, err := b.CriticalDuration(storm.Scenario{
		Load: storm.Constant(32), For: 30 * time.Second, Deadline: time.Second,
		Server: storm.Server{Workers: 10, Service: storm.Fixed(250 * time.Millisecond)},
	}, storm.Trigger{At: 10 * time.Second, CapacityLoss: 1}, func() storm.Doer { return storm.Bare })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Median().Duration)
	// Output: 4s
}

// A trouble that even the shortest try cannot play is refused before any is, and so is one that
// leaves no time to come back; and the field that is named is the caller's.
func TestTroublesThatCannotBeTried(t *testing.T) {
	s := storm.Scenario{Load: storm.Constant(50), For: 10 * time.Second}
	for want, trouble := range map[string]storm.Trigger{
		"storm: Trigger.Ramp is 251ms; want at most Step (250ms), the shortest trouble that is tried":            {ErrorRatio: 1, Ramp: 251 * ms},
		"storm: Trigger.At is 10s; want a time before the scenario's For (10s), so that the calls can come back": {ErrorRatio: 1, At: 10 * time.Second},
	} {
		_, err := storm.CriticalDuration(s, trouble, bare)
		require.EqualError(t, err, want)
	}
	c, err := storm.Bisection{Seeds: 1, Max: time.Second}.CriticalDuration(s, storm.Trigger{ErrorRatio: 1, Ramp: 250 * ms}, bare)
	require.NoError(t, err)
	require.Equal(t, "> 1s (> 1s to > 1s in 1 seeds), back after 0s", c.String())
}
