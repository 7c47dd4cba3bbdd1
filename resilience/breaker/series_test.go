package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

const (
	leastPause = 100 * time.Millisecond
	mostPause  = 2 * time.Second
)

// following is a breaker whose pauses follow its failures, and that three of them open.
func following(c breaker.Config) breaker.Config {
	c.ConsecutiveFailures, c.FailureRatio = 3, 0.8
	c.MinOpenFor, c.OpenFor = leastPause, mostPause
	return c
}

// dueAgain waits until the next probe may pass.
func dueAgain(t *testing.T, b *breaker.Breaker) {
	t.Helper()
	time.Sleep(b.RetryAfter())
	require.Equal(t, breaker.StateHalfOpen, b.State())
}

// between is what a pause of so long may be.
func between(t *testing.T, least, most, is time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, is, least)
	require.LessOrEqual(t, is, most)
}

func TestThePauseIsAsLongAsTheFailuresTook(t *testing.T) {
	for name, c := range map[string]struct {
		min, max    time.Duration
		took        []time.Duration
		least, most time.Duration
	}{
		"at once":               {leastPause, mostPause, []time.Duration{0, 0, 0}, leastPause, 125 * time.Millisecond},
		"as the least pause":    {leastPause, mostPause, []time.Duration{leastPause, leastPause, leastPause}, leastPause, 125 * time.Millisecond},
		"a second":              {leastPause, mostPause, []time.Duration{time.Second, time.Second, time.Second}, time.Second, 1250 * time.Millisecond},
		"the mean":              {leastPause, mostPause, []time.Duration{0, time.Second, 500 * time.Millisecond}, 500 * time.Millisecond, 625 * time.Millisecond},
		"four fifths":           {leastPause, mostPause, []time.Duration{1600 * time.Millisecond, 1600 * time.Millisecond, 1600 * time.Millisecond}, 1600 * time.Millisecond, mostPause},
		"as the longest":        {leastPause, mostPause, []time.Duration{mostPause, mostPause, mostPause}, 1600 * time.Millisecond, mostPause},
		"longer than that":      {leastPause, mostPause, []time.Duration{time.Hour, time.Hour, time.Hour}, 1600 * time.Millisecond, mostPause},
		"min is max":            {mostPause, mostPause, []time.Duration{0, 0, 0}, mostPause, mostPause},
		"min is nearly max":     {mostPause - 1, mostPause, []time.Duration{0, 0, 0}, mostPause - 1, mostPause},
		"min is max, slowly":    {mostPause, mostPause, []time.Duration{time.Hour, time.Hour, time.Hour}, mostPause, mostPause},
		"both are a nanosecond": {1, 1, []time.Duration{0, 0, 0}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					config := following(breaker.Config{})
					config.MinOpenFor, config.OpenFor = c.min, c.max
					b := newBreaker(t, config)
					for _, took := range c.took {
						times(t, 1, b, taking(took, errDown))
					}
					require.Equal(t, breaker.StateOpen, b.State())
					between(t, c.least, c.most, b.RetryAfter())
				})
			}
		})
	}
}

// What took long before has no say in how long the latest failures are followed.
func TestThePauseForgetsOldFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 40, FailureRatio: -1, MinOpenFor: leastPause, OpenFor: mostPause})
		times(t, 20, b, taking(time.Hour, errDown))
		times(t, 20, b, failing)
		between(t, leastPause, 125*time.Millisecond, b.RetryAfter())
	})
}

// Slow calls that open a breaker count as failures do.
func TestThePauseAfterSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{SlowCallDuration: 300 * time.Millisecond, SlowCallRatio: 0.5, MinRequests: 3, MinOpenFor: leastPause, OpenFor: mostPause})
		times(t, 3, b, taking(time.Second, nil))
		require.ErrorContains(t, b.Why(), "longer than 300ms")
		between(t, time.Second, 1250*time.Millisecond, b.RetryAfter())
		dueAgain(t, b)
		times(t, 1, b, taking(400*time.Millisecond, nil))
		require.Equal(t, breaker.StateOpen, b.State(), "one that succeeds slowly does not close it")
		require.EqualValues(t, 1, b.Counts().Slow)
		for range 2 {
			dueAgain(t, b)
			times(t, 1, b, working)
		}
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// A probe that fails slowly makes the pauses longer, one that fails quickly makes them shorter.
// They count from when the probe began, so no failed probe makes them add up.
func TestProbesMakeThePauseLongerAndShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{}))
		times(t, 3, b, failing)
		for range 9 {
			dueAgain(t, b)
			began := time.Now()
			times(t, 1, b, taking(time.Second, errDown))
			require.LessOrEqual(t, time.Since(began)+b.RetryAfter(), 1250*time.Millisecond)
		}
		dueAgain(t, b)
		go func() { _ = b.Do(t.Context(), taking(time.Second, errDown)) }()
		synctest.Wait()
		between(t, 900*time.Millisecond, 1250*time.Millisecond, b.RetryAfter())
		time.Sleep(time.Second)
		synctest.Wait()
		for range 12 {
			dueAgain(t, b)
			times(t, 1, b, failing)
		}
		between(t, leastPause, 125*time.Millisecond, b.RetryAfter())
	})
}

// One probe goes each pause, and no other call passes, whatever becomes of it.
func TestOneProbeEachPause(t *testing.T) {
	for name, c := range map[string]struct {
		op   resilience.Func
		most int // probes in ten seconds
	}{
		"fails":           {failing, 100},
		"panics":          {func(context.Context) error { panic("boom") }, 100},
		"exits":           {func(context.Context) error { runtime.Goexit(); return nil }, 100},
		"no outcome":      {returning(resilience.MarkRejected(errDown)), 100},
		"fails in time":   {taking(50*time.Millisecond, errDown), 100},
		"fails in 300 ms": {taking(300*time.Millisecond, errDown), 40}, // the first ones overlap
		"hangs":           {nil, 11},
	} {
		t.Run(name, func(t *testing.T) {
			probes := 0
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				op := c.op
				if op == nil {
					op = func(context.Context) error { <-end; return errDown }
				}
				b := newBreaker(t, following(breaker.Config{}))
				times(t, 3, b, failing)
				for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
					for range 2 {
						go func() {
							defer func() { _ = recover() }()
							_ = b.Do(context.Background(), func(ctx context.Context) error { probes++; return op(ctx) })
						}()
						synctest.Wait()
					}
				}
				close(end)
				time.Sleep(time.Second)
			})
			require.LessOrEqual(t, probes, c.most)
			require.GreaterOrEqual(t, probes, c.most*3/4)
		})
	}
}

// The last HalfOpenProbes outcomes decide, probe by probe: S succeeds, F fails, s and f do so
// slowly, x ends without an outcome. It closes at the last letter or not at all.
func TestTheLatestOutcomesClose(t *testing.T) {
	slow := func(c breaker.Config) breaker.Config { c.SlowCallDuration = 50 * time.Millisecond; return c }
	for name, c := range map[string]struct {
		config breaker.Config
		probes string
		closes bool
	}{
		"one probe":                        {breaker.Config{HalfOpenProbes: 1}, "S", true},
		"one probe, after failures":        {breaker.Config{HalfOpenProbes: 1}, "FFFFS", true},
		"the missing ones failed":          {breaker.Config{FailureRatio: 0.5}, "S", false},
		"two of three":                     {breaker.Config{FailureRatio: 0.5}, "SS", true},
		"two of three, at last":            {breaker.Config{FailureRatio: 0.5}, "SFS", true},
		"no rounds":                        {breaker.Config{FailureRatio: 0.5}, "FFSS", true},
		"too long ago":                     {breaker.Config{FailureRatio: 0.5}, "SFFS", false},
		"exactly the ratio":                {breaker.Config{FailureRatio: 0.5, HalfOpenProbes: 4}, "FSS", false},
		"one below the ratio":              {breaker.Config{FailureRatio: 0.5, HalfOpenProbes: 4}, "FSSS", true},
		"four fifths: one of three":        {breaker.Config{FailureRatio: 0.8}, "FFFFS", true},
		"all must fail":                    {breaker.Config{FailureRatio: 1, HalfOpenProbes: 9}, "FFFFFFFFFFS", true},
		"no ratio: all succeed":            {breaker.Config{FailureRatio: -1}, "FSSS", true},
		"no ratio: not all":                {breaker.Config{FailureRatio: -1}, "SSFSS", false},
		"one in a row would open it":       {breaker.Config{ConsecutiveFailures: 1}, "SSFSS", false},
		"one in a row: all succeed":        {breaker.Config{ConsecutiveFailures: 1}, "SSFSSS", true},
		"no outcome changes nothing":       {breaker.Config{FailureRatio: 0.5}, "xSxxFxS", true},
		"only what has none":               {breaker.Config{HalfOpenProbes: 1}, "xxxx", false},
		"MinSuccesses: the first":          {breaker.Config{MinSuccesses: 1, HalfOpenProbes: 5, FailureRatio: 0.1}, "FS", true},
		"MinSuccesses: two of five":        {breaker.Config{MinSuccesses: 2, HalfOpenProbes: 5}, "SFFFS", true},
		"MinSuccesses: two of six":         {breaker.Config{MinSuccesses: 2, HalfOpenProbes: 5}, "SFFFFS", false},
		"MinSuccesses: all":                {breaker.Config{MinSuccesses: 2, HalfOpenProbes: 2}, "SFSS", true},
		"MinSuccesses beside one in a row": {breaker.Config{MinSuccesses: 1, HalfOpenProbes: 2, ConsecutiveFailures: 1}, "FS", true},
		"slow is no success":               {slow(breaker.Config{HalfOpenProbes: 1}), "ssss", false},
		"slow, then not":                   {slow(breaker.Config{HalfOpenProbes: 1}), "sS", true},
		"slow: below the ratio":            {slow(breaker.Config{FailureRatio: 0.5, SlowCallRatio: 0.7}), "sfsS", true},
		"slow: exactly the ratio":          {slow(breaker.Config{FailureRatio: 0.5, HalfOpenProbes: 4, SlowCallRatio: 0.5}), "sSsS", false},
		"slow: it has left":                {slow(breaker.Config{FailureRatio: 0.5, HalfOpenProbes: 4, SlowCallRatio: 0.5}), "sSsSS", true},
		"slow: MinSuccesses":               {slow(breaker.Config{MinSuccesses: 2, HalfOpenProbes: 3}), "sSsS", true},
		"a failure closes nothing":         {slow(breaker.Config{FailureRatio: 0.5, HalfOpenProbes: 4, SlowCallRatio: 0.5}), "fsSSF", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.config.MinOpenFor, c.config.OpenFor, c.config.MinRequests = leastPause, mostPause, 1
				b := newBreaker(t, c.config)
				for b.State() == breaker.StateClosed {
					times(t, 1, b, failing)
				}
				for i, probe := range c.probes {
					require.NotEqual(t, breaker.StateClosed, b.State(), "before probe %d", i+1)
					time.Sleep(mostPause)
					times(t, 1, b, map[rune]resilience.Func{
						'S': working, 'F': failing, 's': taking(60*time.Millisecond, nil), 'f': taking(60*time.Millisecond, errDown),
						'x': returning(resilience.MarkRejected(errDown)),
					}[probe])
				}
				require.Equal(t, c.closes, b.State() == breaker.StateClosed)
			})
		})
	}
}

// After a success the next probe comes soon, however long failures took.
func TestAfterASuccessTheNextProbeComesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{MinSuccesses: 3}))
		times(t, 3, b, taking(time.Hour, errDown))
		for range 2 {
			dueAgain(t, b)
			times(t, 1, b, working)
			between(t, leastPause, 125*time.Millisecond, b.RetryAfter())
		}
		dueAgain(t, b)
		times(t, 1, b, working)
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// A probe that hangs keeps none from passing, and the one that then succeeds closes the breaker.
// What comes of the other is of no consequence any more.
func TestAHungProbeKeepsNoneOut(t *testing.T) {
	for name, late := range map[string]error{"success": nil, "failure": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, following(breaker.Config{HalfOpenProbes: 1}))
				times(t, 3, b, failing)
				dueAgain(t, b)
				hang := make(chan struct{})
				go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return late }) }()
				synctest.Wait()
				require.Equal(t, breaker.StateOpen, b.State())
				between(t, leastPause, 125*time.Millisecond, b.RetryAfter())
				require.ErrorContains(t, b.Do(t.Context(), working), "circuit breaker is open; next probe in 1")
				dueAgain(t, b)
				require.NoError(t, b.Do(t.Context(), working))
				require.Equal(t, breaker.StateClosed, b.State())
				close(hang)
				synctest.Wait()
				require.Equal(t, breaker.StateClosed, b.State())
				require.Zero(t, b.Counts())
			})
		})
	}
}

// Where all probes hang, each pause is as long as the oldest has been under way: they double, up to
// OpenFor. ProbeTimeout makes failures of that time of them.
func TestHungProbesMakeThePausesDouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{ProbeTimeout: 10 * time.Second}))
		times(t, 3, b, failing)
		hang := make(chan struct{})
		var oldest time.Time
		for i := range 12 {
			dueAgain(t, b)
			if i == 0 {
				oldest = time.Now()
			}
			go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return nil }) }()
			synctest.Wait()
			least := max(leastPause, min(time.Since(oldest), mostPause*4/5))
			between(t, least, min(least*5/4, mostPause), b.RetryAfter())
		}
		require.Greater(t, time.Since(oldest), 10*time.Second)
		require.Positive(t, b.Counts().Failures)
		dueAgain(t, b)
		times(t, 1, b, failing)
		require.Greater(t, b.RetryAfter(), time.Second, "those that hung were failures of ten seconds")
		close(hang)
		synctest.Wait()
		require.Equal(t, breaker.StateClosed, b.State(), "some have not had their time, and succeed")
	})
}

// At the boundary: a probe that comes back in its last nanosecond counts, and a nanosecond later it
// has failed already.
func TestAHungProbesTimeEndsToTheNanosecond(t *testing.T) {
	for took, want := range map[time.Duration]breaker.State{
		5*time.Second - 1: breaker.StateClosed, 5 * time.Second: breaker.StateHalfOpen, 5*time.Second + 1: breaker.StateHalfOpen,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, following(breaker.Config{HalfOpenProbes: 1, ProbeTimeout: 5 * time.Second}))
			times(t, 3, b, failing)
			dueAgain(t, b)
			times(t, 1, b, taking(took, nil))
			require.Equal(t, want, b.State(), "%v", took)
			if want != breaker.StateClosed {
				require.EqualValues(t, 1, b.Counts().Failures)
			}
		})
	}
}

// Without a ProbeTimeout it may take as long as it likes.
func TestAProbeThatMayTakeForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{HalfOpenProbes: 1, ProbeTimeout: -1}))
		times(t, 3, b, failing)
		dueAgain(t, b)
		times(t, 1, b, taking(100*time.Hour, nil))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// A caller who gives up after longer than failures took makes the pause longer: nobody knows how
// long the dependency would have taken. One who gives up sooner changes nothing.
func TestACallerWhoGivesUpNeverMakesThePauseShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{}))
		giveUp := func(after time.Duration) {
			dueAgain(t, b)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			_ = b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		}
		times(t, 1, b, taking(900*time.Millisecond, nil)) // so 1 s is not clearly longer than a success takes
		times(t, 3, b, failing)
		giveUp(time.Second)
		require.Zero(t, b.Counts().Requests)
		between(t, 0, 250*time.Millisecond, b.RetryAfter()) // it counts from when the probe began
		giveUp(time.Millisecond)
		between(t, 999*time.Millisecond, 1250*time.Millisecond, b.RetryAfter())
	})
}

// A call inside of a probe is a part of it, though the breaker is open. Once the probe is over, its
// ctx is worth nothing.
func TestACallInsideAProbeOfASeries(t *testing.T) {
	for depth := 1; depth <= 4; depth++ {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, following(breaker.Config{MinSuccesses: 2}))
			times(t, 3, b, failing)
			dueAgain(t, b)
			require.ErrorIs(t, nested(b, depth, failing)(t.Context()), errDown)
			require.EqualValues(t, 1, b.Counts().Failures, "one outcome, however deep")
			var kept context.Context
			dueAgain(t, b)
			require.NoError(t, nested(b, depth, func(ctx context.Context) error { kept = ctx; return nil })(t.Context()))
			require.Equal(t, breaker.StateOpen, b.State())
			require.ErrorIs(t, b.Do(kept, working), breaker.ErrOpen)
			dueAgain(t, b)
			require.NoError(t, nested(b, depth, working)(t.Context()))
			require.Equal(t, breaker.StateClosed, b.State())
		})
	}
}

// A probe's outcome counts for its own series only.
func TestAProbeOfAnEarlierSeries(t *testing.T) {
	for name, late := range map[string]error{"success": nil, "failure": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, following(breaker.Config{HalfOpenProbes: 1}))
				times(t, 3, b, failing)
				dueAgain(t, b)
				hang := make(chan struct{})
				go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return late }) }()
				synctest.Wait()
				b.Isolate()
				time.Sleep(time.Hour)
				require.ErrorContains(t, b.Do(t.Context(), working), "isolated by hand")
				b.Reset()
				require.Equal(t, breaker.StateClosed, b.State())
				times(t, 3, b, failing)
				close(hang)
				synctest.Wait()
				require.Equal(t, breaker.StateOpen, b.State())
				require.Zero(t, b.Counts())
			})
		})
	}
}

// The second opening follows its own failures, and starts with no outcome of a probe.
func TestASecondOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{MinSuccesses: 2}))
		for _, took := range []time.Duration{time.Second, 0, 300 * time.Millisecond} {
			times(t, 3, b, taking(took, errDown))
			least := max(took, leastPause)
			between(t, least, least*5/4, b.RetryAfter())
			require.Zero(t, b.Counts())
			for range 2 {
				require.Equal(t, breaker.StateOpen, b.State())
				dueAgain(t, b)
				times(t, 1, b, working)
			}
			require.Equal(t, breaker.StateClosed, b.State())
		}
	})
}

// However often it probes in an outage, observers hear of one opening and one closing.
func TestASeriesTellsOfOneOpeningAndOneClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, following(breaker.Config{MinSuccesses: 2}))
		var told []breaker.State
		var why error
		linked := link(t, b, func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker {
				told = append(told, e.From, e.To)
				if e.To == breaker.StateOpen {
					why = e.Why
				}
			}
		})
		times(t, 3, linked, failing)
		for range 50 {
			dueAgain(t, b)
			times(t, 2, linked, failing)
			require.Equal(t, breaker.StateOpen, b.State())
			require.Same(t, why, b.Why())
			require.EqualError(t, b.Why(), "3 failures in a row (ConsecutiveFailures is 3)")
		}
		require.EqualValues(t, 3, b.Counts().Failures, "the latest HalfOpenProbes")
		require.EqualValues(t, 50, b.Counts().ConsecutiveFailures)
		for range 2 {
			dueAgain(t, b)
			times(t, 1, linked, working)
			require.Zero(t, b.Counts().ConsecutiveFailures)
		}
		require.Equal(t, []breaker.State{breaker.StateClosed, breaker.StateOpen, breaker.StateOpen, breaker.StateClosed}, told)
	})
}

// An observer that panics before a probe runs is no failed probe.
func TestAnObserverThatPanicsIsNoFailedProbeOfASeries(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("observer") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, following(breaker.Config{HalfOpenProbes: 1}))
				armed := false
				linked := link(t, b, func(_ context.Context, e resilience.Event) {
					if armed && e.Kind == resilience.EventBreaker {
						end()
					}
				})
				times(t, 3, b, failing)
				dueAgain(t, b)
				armed = true
				apart(func() { _ = linked.Do(t.Context(), func(context.Context) error { t.Error("it ran"); return nil }) })
				armed = false
				require.Zero(t, b.Counts())
				dueAgain(t, b)
				require.NoError(t, linked.Do(t.Context(), working))
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}

// Of a hundred breakers that open in one instant, and whose probes fail, no moment sees more than a
// few probe.
func TestAFleetThatFollowsItsFailuresDoesNotProbeInStep(t *testing.T) {
	const pods, pauses = 100, 10
	at := map[time.Duration]int{}
	synctest.Test(t, func(t *testing.T) {
		fleet := make([]*breaker.Breaker, pods)
		for i := range fleet {
			fleet[i] = newBreaker(t, following(breaker.Config{}))
			times(t, 3, fleet[i], failing)
		}
		began := time.Now()
		for range pauses * 100 {
			for _, b := range fleet {
				if b.State() == breaker.StateHalfOpen {
					times(t, 1, b, failing)
					at[time.Since(began)]++
				}
			}
			time.Sleep(leastPause / 100)
		}
	})
	total := 0
	for moment, n := range at {
		require.LessOrEqual(t, n, pods/6, "at %v", moment)
		total += n
	}
	require.Greater(t, total, pods*pauses*3/4)
}

// Nor do they where all failures took longer than OpenFor.
func TestAFleetThatWaitsForOpenForDoesNotProbeInStep(t *testing.T) {
	const pods = 200
	quarters := [4]int{}
	synctest.Test(t, func(t *testing.T) {
		for range pods {
			b := newBreaker(t, following(breaker.Config{}))
			times(t, 3, b, taking(time.Minute, errDown))
			between(t, mostPause*4/5, mostPause, b.RetryAfter())
			quarters[min(3, (b.RetryAfter()-mostPause*4/5)/(mostPause/20))]++
		}
	})
	for i, n := range quarters {
		require.Greater(t, n, pods/10, "quarter %d of %v", i, quarters)
	}
}

// Whoever looks and calls at the same time, there is one probe each pause.
func TestASeriesUnderManyCallers(t *testing.T) {
	b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 2, MinOpenFor: 1, OpenFor: time.Microsecond, ProbeTimeout: time.Millisecond})
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for j := range 2000 {
				err := errDown
				if (i+j)%3 == 0 {
					err = nil
				}
				if got := b.Do(context.Background(), returning(err)); !errors.Is(got, breaker.ErrOpen) && !errors.Is(got, err) {
					t.Errorf("%v, want %v", got, err)
				}
				_, _, _, _ = b.State(), b.Counts(), b.Ready(), b.RetryAfter()
				if j%500 == 0 {
					b.Isolate()
					b.Reset()
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
	b.Reset()
	require.Equal(t, breaker.StateClosed, b.State())
}

func TestMinOpenForIsAtMostOpenFor(t *testing.T) {
	_, err := breaker.New(breaker.Config{MinOpenFor: 2 * time.Second, OpenFor: time.Second})
	require.EqualError(t, err, "breaker: MinOpenFor is 2s; want at most OpenFor (1s)")
	_, err = breaker.New(breaker.Config{MinOpenFor: -2})
	require.ErrorContains(t, err, "breaker: MinOpenFor is -2ns; want a positive duration, such as 500ms, or 0 or -1 to turn it off")
	for is, want := range map[time.Duration]time.Duration{0: -1, -1: -1, 1: 1, 5 * time.Second: 5 * time.Second} {
		r, err := breaker.Config{MinOpenFor: is}.Resolve()
		require.NoError(t, err)
		require.Equal(t, want, r.MinOpenFor)
	}
	_, err = breaker.New(breaker.Config{MinOpenFor: 5*time.Second + 1})
	require.ErrorContains(t, err, "want at most OpenFor (5s)", "the default")
}
