package breaker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// probing begins a call that ends when the returned func is called, with its error.
func probing(t *testing.T, b *breaker.Breaker) (end func(error)) {
	t.Helper()
	ends, over := make(chan error), make(chan struct{})
	go func() {
		defer close(over)
		_ = b.Do(context.WithoutCancel(t.Context()), func(context.Context) error { return <-ends })
	}()
	synctest.Wait()
	return func(err error) { ends <- err; <-over }
}

// A closed breaker keeps what it counted, and the next outcome decides by the new numbers.
func TestNewNumbersDecideAtTheNextOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{MinRequests: 4, FailureRatio: 0.9, ConsecutiveFailures: -1})
		times(t, 3, b, failing)
		times(t, 3, b, working)
		b, _ = renewed(t, b, breaker.Config{MinRequests: 4, FailureRatio: 0.4, ConsecutiveFailures: -1})
		require.Equal(t, breaker.StateClosed, b.State(), "the change itself opens nothing")
		require.EqualValues(t, 6, b.Counts().Requests)
		times(t, 1, b, working)
		require.Equal(t, breaker.StateOpen, b.State(), "3 of 7 are more than 0.4")
		require.EqualError(t, b.Why(), "3 of 7 outcomes in 10s failed (42.9%; FailureRatio is 40%)")

		b = newBreaker(t, breaker.Config{ConsecutiveFailures: 9})
		times(t, 4, b, failing)
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 5})
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateOpen, b.State(), "the row goes on")
	})
}

// With another Window there is another window, and what has been learned is in it: how many calls
// were slow, whether the next success may open the breaker, and how long failures take.
func TestANewWindowKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := breaker.Config{FailureRatio: -1, ConsecutiveFailures: -1, MinRequests: 100, SlowCallDuration: time.Second}
		b := newBreaker(t, c)
		times(t, 3, b, taking(2*time.Second, nil))
		require.EqualValues(t, 3, b.Counts().Slow)
		c.Window, c.Buckets = 20*time.Second, 2
		b, _ = renewed(t, b, c)
		require.EqualValues(t, 3, b.Counts().Slow, "those of several parts are in one now")

		b = newBreaker(t, breaker.Config{})
		times(t, 3, b, func(context.Context) error { return resilience.MarkRejected(errDown) })
		b, _ = renewed(t, b, breaker.Config{Buckets: 3})
		require.EqualValues(t, 3, b.Counts().Excluded)

		b = newBreaker(t, breaker.Config{MinRequests: 4, FailureRatio: 0.9, ConsecutiveFailures: -1})
		times(t, 3, b, failing)
		times(t, 3, b, working)
		b, _ = renewed(t, b, breaker.Config{MinRequests: 4, FailureRatio: 0.4, ConsecutiveFailures: -1, Buckets: 3})
		require.Equal(t, breaker.StateClosed, b.State(), "the change itself opens nothing")
		times(t, 1, b, working)
		require.Equal(t, breaker.StateOpen, b.State(), "3 of 7 are more than 0.4")

		b = newBreaker(t, breaker.Config{OpenFor: 10 * time.Second, Window: time.Minute})
		times(t, 4, b, taking(4*time.Second, errDown))
		b, _ = renewed(t, b, breaker.Config{OpenFor: 10 * time.Second, MinOpenFor: time.Second})
		hook, _ := advice.Of(b)
		require.True(t, hook.Open(errDown))
		between(t, 4*time.Second, 5*time.Second, b.RetryAfter())

		b = newBreaker(t, breaker.Config{ConsecutiveFailures: 3})
		times(t, 2, b, func(context.Context) error { return &decline{code: "x"} })
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 3, Buckets: 3})
		times(t, 1, b, failing)
		require.EqualError(t, b.Why(), "3 failures in a row, 2 unclassified: *breaker_test.decline (ConsecutiveFailures is 3)")
	})
}

// What was counted moves to the part in which its own part began, to the nanosecond.
func TestANewWindowWhosePartsBeginTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Window: 10 * time.Second, Buckets: 3})
		time.Sleep(4 * time.Second)
		times(t, 1, b, failing)                                                 // in the part from 3.333333334s on
		b, _ = renewed(t, b, breaker.Config{Window: 6_666_666_668, Buckets: 2}) // the same part begins then
		time.Sleep(6*time.Second + 1)
		require.EqualValues(t, 1, b.Counts().Failures)
		time.Sleep(1)
		require.Zero(t, b.Counts().Failures)
	})
}

// A breaker that gets another name, and nothing else, opens under that.
func TestARenamedBreaker(t *testing.T) {
	b := newBreaker(t, breaker.Config{Name: "old", ConsecutiveFailures: 2})
	times(t, 1, b, failing)
	b, _ = renewed(t, b, breaker.Config{Name: "new", ConsecutiveFailures: 2})
	times(t, 1, b, failing)
	require.ErrorContains(t, b.Ready(), "new: circuit breaker is open")
}

// Another Window or other Buckets keep the outcomes that are not too old for it, the row, and the
// calls in flight.
func TestANewWindowKeepsTheOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Window: 10 * time.Second, MinRequests: 100})
		hook, _ := advice.Of(b)
		reader := hook.Reader()
		for range 10 { // one failure and two successes in each turn
			times(t, 1, b, failing)
			times(t, 2, b, working)
			time.Sleep(time.Second)
		}
		require.EqualValues(t, 27, b.Counts().Requests)
		end, endWell := probing(t, b), probing(t, b)
		require.EqualValues(t, 9, reader.Read().Failures)
		times(t, 2, b, failing)

		var failures, successes uint64
		for _, c := range []struct {
			config   breaker.Config
			requests uint64
		}{
			{breaker.Config{Window: 20 * time.Second, Buckets: 40, MinRequests: 100}, 29},
			{breaker.Config{Window: 5 * time.Second, Buckets: 5, MinRequests: 100}, 2 + 3*4},
			{breaker.Config{Window: 20 * time.Second, Buckets: 3, MinRequests: 100}, 2 + 3*4},
		} {
			b, _ = renewed(t, b, c.config)
			require.Equal(t, c.requests, b.Counts().Requests, "%v/%d", c.config.Window, c.config.Buckets)
			require.EqualValues(t, 2, b.Counts().ConsecutiveFailures)
			read := reader.Read()
			failures, successes = failures+read.Failures, successes+read.Successes
		}
		require.EqualValues(t, 2, failures)
		require.Zero(t, successes, "nothing is read twice")
		end(errDown)
		endWell(nil)
		require.EqualValues(t, 2+3*4+2, b.Counts().Requests, "those that began before the change")
		require.Zero(t, b.Counts().ConsecutiveFailures, "a success ends the row, also where it is counted in an older window")
		read := reader.Read()
		require.EqualValues(t, 1, read.Successes)
		require.EqualValues(t, 1, read.Failures)
		time.Sleep(20 * time.Second)
		require.Zero(t, b.Counts().Requests, "nothing counts for longer than the new Window")
	})
}

// Whoever counts while the window is replaced again and again is counted, once.
func TestNoOutcomeIsLostWhileTheWindowChanges(t *testing.T) {
	b := newBreaker(t, breaker.Config{Window: time.Hour, MinRequests: 1 << 30, ConsecutiveFailures: -1})
	hook, _ := advice.Of(b)
	reader := hook.Reader()
	const callers, each = 8, 2000
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			for n := range each {
				op := working
				if (n+i)%5 == 0 {
					op = failing
				}
				_ = b.Do(t.Context(), op)
			}
		})
	}
	var successes, failures uint64
	for n := range 300 {
		_, _ = renewed(t, b, breaker.Config{Window: time.Hour + time.Duration(n%7)*time.Minute, Buckets: 1 + n%9, MinRequests: 1 << 30, ConsecutiveFailures: -1})
		read := reader.Read()
		successes, failures = successes+read.Successes, failures+read.Failures
	}
	calls.Wait()
	read := reader.Read()
	counts := b.Counts()
	require.EqualValues(t, callers*each, counts.Requests)
	require.EqualValues(t, callers*each/5, counts.Failures)
	require.Equal(t, counts.Successes, successes+read.Successes, "the reader of a fleet has seen each once")
	require.Equal(t, counts.Failures, failures+read.Failures)
}

// An open breaker stays open for its reason, and for no longer than the new numbers say.
func TestAnOpenBreakerStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 2, OpenFor: time.Hour})
		times(t, 2, b, failing)
		left := b.RetryAfter()
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 9, OpenFor: time.Hour})
		require.Equal(t, left, b.RetryAfter(), "a number that has nothing to do with it changes nothing")
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 9, OpenFor: 2 * time.Hour})
		require.Equal(t, left, b.RetryAfter(), "a longer time is for the next opening")
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 9, OpenFor: time.Minute, HalfOpenProbes: 1})
		require.GreaterOrEqual(t, b.RetryAfter(), time.Minute)
		require.LessOrEqual(t, b.RetryAfter(), 75*time.Second)
		require.EqualError(t, b.Why(), "2 failures in a row (ConsecutiveFailures is 2)", "as it was then")
		time.Sleep(75 * time.Second)
		require.Equal(t, breaker.StateHalfOpen, b.State())
		times(t, 1, b, working)
		require.Equal(t, breaker.StateClosed, b.State(), "one probe is enough now")
	})
}

// An opening ends as it began: in rounds, or in a series, whatever becomes of MinOpenFor.
func TestMinOpenForIsForTheNextOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, MinOpenFor: time.Second, OpenFor: 10 * time.Second, HalfOpenProbes: 2})
		times(t, 1, b, failing)
		time.Sleep(2 * time.Second)
		end := probing(t, b)
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 1, OpenFor: 10 * time.Second, HalfOpenProbes: 1})
		require.NotEqual(t, breaker.StateClosed, b.State())
		end(nil)
		require.Equal(t, breaker.StateClosed, b.State(), "the probe under way counts, and one is enough")
		times(t, 1, b, failing)
		require.GreaterOrEqual(t, b.RetryAfter(), 10*time.Second)

		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 1, MinOpenFor: time.Second, OpenFor: 2 * time.Second, HalfOpenProbes: 1})
		require.LessOrEqual(t, b.RetryAfter(), 12500*time.Millisecond)
		time.Sleep(13 * time.Second)
		require.Equal(t, breaker.StateHalfOpen, b.State())
		times(t, 1, b, working)
		require.Equal(t, breaker.StateClosed, b.State())
		times(t, 1, b, failing)
		require.LessOrEqual(t, b.RetryAfter(), 2*time.Second)
	})
}

// Of a series that goes on without a MinOpenFor, the pauses go on to follow the failures: a caller
// who gives up after longer than failures took makes the pause longer, up to the new OpenFor.
func TestASeriesWithoutAMinOpenForGoesOnToFollow(t *testing.T) {
	for name, c := range map[string]struct {
		openFor, took time.Duration // of the new numbers; until the caller gives up
		least, most   time.Duration // of the pause, from when the probe began
	}{
		"at once":                  {10 * time.Second, time.Millisecond, time.Second, 1250 * time.Millisecond},
		"later":                    {10 * time.Second, 3 * time.Second, 3 * time.Second, 3750 * time.Millisecond},
		"as late as OpenFor":       {10 * time.Second, 9 * time.Second, 8 * time.Second, 10 * time.Second},
		"a shorter OpenFor":        {2 * time.Second, 9 * time.Second, 1600 * time.Millisecond, 2 * time.Second},
		"one below the MinOpenFor": {time.Second / 2, time.Millisecond, time.Second / 2, time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, MinOpenFor: time.Second, OpenFor: 5 * time.Second})
				giveUp := func(after time.Duration) {
					dueAgain(t, b)
					ctx, cancel := context.WithTimeout(t.Context(), after)
					defer cancel()
					_ = b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
				}
				times(t, 1, b, taking(time.Minute, nil)) // so nothing here is clearly longer than a success takes
				times(t, 1, b, failing)
				b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 1, OpenFor: c.openFor})
				require.LessOrEqual(t, b.RetryAfter(), min(c.openFor, 1250*time.Millisecond))
				giveUp(c.took)
				between(t, max(0, c.least-c.took), max(0, c.most-c.took), b.RetryAfter()) // it counts from when the probe began
				giveUp(time.Millisecond)
				between(t, c.least-time.Millisecond, c.most-time.Millisecond, b.RetryAfter())
				require.Zero(t, b.Counts().Requests)
			})
		})
	}
}

// A probe of a series that has had its ProbeTimeout has failed, though nobody has looked since, and
// a longer ProbeTimeout brings it back no more than a look would.
func TestALongerProbeTimeoutBringsNoProbeBack(t *testing.T) {
	for _, longer := range []time.Duration{time.Hour, -1} {
		for _, looked := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c := breaker.Config{ConsecutiveFailures: 2, MinOpenFor: time.Second, OpenFor: 5 * time.Second, HalfOpenProbes: 1, ProbeTimeout: 2 * time.Second}
				b := newBreaker(t, c)
				times(t, 2, b, failing)
				time.Sleep(5 * time.Second)
				end := probing(t, b)
				time.Sleep(2 * time.Second)
				if looked {
					require.EqualValues(t, 1, b.Counts().Failures)
				}
				c.ProbeTimeout = longer
				b, _ = renewed(t, b, c)
				require.EqualValues(t, 1, b.Counts().Failures)
				end(nil)
				require.NotEqual(t, breaker.StateClosed, b.State(), "it came too late")
			})
		}
	}
}

// A shorter ProbeTimeout counts at once, also for the pause: a probe that is no longer waited for
// has failed after that time.
func TestAShorterProbeTimeoutOfASeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := breaker.Config{ConsecutiveFailures: 1, MinOpenFor: time.Second, OpenFor: 20 * time.Second}
		b := newBreaker(t, c)
		times(t, 1, b, taking(10*time.Second, errDown))
		time.Sleep(13 * time.Second)
		end := probing(t, b)
		time.Sleep(6 * time.Second)
		between(t, 4*time.Second, 6500*time.Millisecond, b.RetryAfter())
		c.OpenFor, c.ProbeTimeout = 15*time.Second, 2*time.Second
		b, _ = renewed(t, b, c)
		between(t, 0, 1500*time.Millisecond, b.RetryAfter()) // failures took 10s and 2s: 6s on average
		end(nil)
	})
}

// halfOpen returns a breaker with a round of probes, of which so many have succeeded, and one is
// under way.
func halfOpen(t *testing.T, c breaker.Config, good int) (b *breaker.Breaker, end func(error)) {
	t.Helper()
	c.ConsecutiveFailures, c.OpenFor = 2, time.Second
	b = newBreaker(t, c)
	times(t, 2, b, failing)
	time.Sleep(2 * time.Second)
	end = probing(t, b)
	times(t, good, b, working)
	require.Equal(t, breaker.StateHalfOpen, b.State())
	return b, end
}

// A half-open breaker keeps its round and the probes under way, and goes by the new numbers.
func TestAHalfOpenBreakerKeepsItsRound(t *testing.T) {
	of := func(probes int, more breaker.Config) breaker.Config {
		more.HalfOpenProbes, more.ConsecutiveFailures, more.OpenFor = probes, 2, time.Second
		return more
	}
	for name, test := range map[string]func(t *testing.T){
		"more probes": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 3}, 1)
			b, _ = renewed(t, b, of(5, breaker.Config{}))
			time.Sleep(2) // nanoseconds: a gate takes no probe in the one in which it is made
			times(t, 3, b, working)
			require.ErrorIs(t, b.Do(t.Context(), working), breaker.ErrOpen, "four are back, and one is under way")
			end(nil)
			require.Equal(t, breaker.StateClosed, b.State())
		},
		"fewer, and it is won": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9}, 3)
			b, _ = renewed(t, b, of(3, breaker.Config{}))
			require.Equal(t, breaker.StateClosed, b.State())
			end(errDown)
			require.Zero(t, b.Counts(), "of a round that is over")
		},
		"fewer, and it goes on": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9}, 3)
			b, _ = renewed(t, b, of(4, breaker.Config{}))
			require.Equal(t, breaker.StateHalfOpen, b.State())
			time.Sleep(2) // nanoseconds: a gate takes no probe in the one in which it is made
			require.ErrorIs(t, b.Do(t.Context(), working), breaker.ErrOpen, "all four places are taken")
			end(nil)
			require.Equal(t, breaker.StateClosed, b.State())
		},
		"at once, and the probe fails": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9}, 0)
			b, _ = renewed(t, b, of(1, breaker.Config{}))
			end(errDown)
			require.Equal(t, breaker.StateOpen, b.State())
			time.Sleep(3 * time.Second)
			times(t, 1, b, working)
			require.Equal(t, breaker.StateClosed, b.State(), "the next round is of one")
		},
		"it is lost": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9, FailureRatio: 0.9}, 0)
			times(t, 1, b, failing)
			times(t, 1, b, working)
			b, _ = renewed(t, b, of(9, breaker.Config{FailureRatio: -1}))
			require.Equal(t, breaker.StateOpen, b.State(), "without a ratio, one failure is enough")
			require.EqualError(t, b.Why(), "a probe failed; it first opened after 2 failures in a row (ConsecutiveFailures is 2)")
			end(nil)
			require.Equal(t, breaker.StateOpen, b.State())
			time.Sleep(4 * time.Second)
			require.Equal(t, breaker.StateHalfOpen, b.State())
			times(t, 9, b, working)
			require.Equal(t, breaker.StateClosed, b.State())
		},
		"it is lost, with other probes": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9, FailureRatio: 0.9}, 1)
			times(t, 1, b, failing)
			b, _ = renewed(t, b, of(2, breaker.Config{}))
			require.Equal(t, breaker.StateOpen, b.State())
			end(nil)
			time.Sleep(4 * time.Second)
			times(t, 2, b, working)
			require.Equal(t, breaker.StateClosed, b.State())
		},
		"more came back than the new probes: lost": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 20, FailureRatio: 0.9}, 2)
			b, _ = renewed(t, b, breaker.Config{HalfOpenProbes: 20, FailureRatio: 0.9, ConsecutiveFailures: -1, OpenFor: time.Second})
			times(t, 3, b, failing)
			b, _ = renewed(t, b, breaker.Config{HalfOpenProbes: 2, FailureRatio: 0.6, ConsecutiveFailures: -1, OpenFor: time.Second})
			require.Equal(t, breaker.StateOpen, b.State())
			require.ErrorContains(t, b.Why(), "3 of 5 probes failed (FailureRatio is 60%); it first opened")
			end(nil)
		},
		"more came back than the new probes: won": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 20, FailureRatio: 0.9}, 4)
			b, _ = renewed(t, b, breaker.Config{HalfOpenProbes: 20, FailureRatio: 0.9, ConsecutiveFailures: -1, OpenFor: time.Second})
			times(t, 3, b, failing)
			b, _ = renewed(t, b, breaker.Config{HalfOpenProbes: 2, FailureRatio: 0.5, ConsecutiveFailures: -1, OpenFor: time.Second})
			require.Equal(t, breaker.StateClosed, b.State(), "3 of 7 are less than half")
			end(nil)
		},
		"more came back than the new probes: enough successes": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9, MinSuccesses: 5}, 3)
			times(t, 3, b, failing)
			b, _ = renewed(t, b, of(4, breaker.Config{MinSuccesses: 2}))
			require.Equal(t, breaker.StateClosed, b.State(), "three have succeeded")
			end(nil)
		},
		"more came back than the new probes: too few successes": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9, MinSuccesses: 5}, 1)
			times(t, 4, b, failing)
			b, _ = renewed(t, b, of(3, breaker.Config{MinSuccesses: 2}))
			require.Equal(t, breaker.StateOpen, b.State())
			require.ErrorContains(t, b.Why(), "4 of 5 probes failed (MinSuccesses is 2)")
			end(nil)
		},
		"enough successes": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{HalfOpenProbes: 9}, 3)
			b, _ = renewed(t, b, of(9, breaker.Config{MinSuccesses: 2}))
			require.Equal(t, breaker.StateClosed, b.State())
			end(nil)
		},
		"a probe that hangs gets a time": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{ProbeTimeout: -1}, 0)
			time.Sleep(time.Hour)
			require.Equal(t, breaker.StateHalfOpen, b.State())
			b, _ = renewed(t, b, of(3, breaker.Config{ProbeTimeout: 90 * time.Minute}))
			require.Equal(t, breaker.StateHalfOpen, b.State())
			time.Sleep(30*time.Minute + time.Second)
			require.Equal(t, breaker.StateOpen, b.State(), "counted from when it began")
			end(nil)
		},
		"a probe that hangs has had its time": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{ProbeTimeout: -1}, 0)
			time.Sleep(time.Hour)
			b, _ = renewed(t, b, of(3, breaker.Config{ProbeTimeout: time.Minute}))
			require.ErrorContains(t, b.Why(), "no probe came back within 1m0s")
			end(nil)
			require.ErrorContains(t, b.Why(), "no probe came back within 1m0s", "it is too late")
			time.Sleep(2)
			times(t, 3, b, working)
			require.Equal(t, breaker.StateClosed, b.State(), "that was long ago, so it probes at once")
		},
		"isolated meanwhile": func(t *testing.T) {
			t.Helper()
			b, end := halfOpen(t, breaker.Config{}, 0)
			b.Isolate()
			b, _ = renewed(t, b, of(7, breaker.Config{}))
			require.Equal(t, breaker.StateIsolated, b.State())
			end(nil)
			require.Equal(t, breaker.StateIsolated, b.State())
			b.Reset()
			require.NoError(t, b.Do(t.Context(), working))
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

// A breaker that an order for a fleet has isolated stays so, and the order can still end.
func TestAnOrderedIsolationStays(t *testing.T) {
	b := newBreaker(t, breaker.Config{})
	hook, _ := advice.Of(b)
	_, by := hook.Isolate(errDown)
	b, _ = renewed(t, b, breaker.Config{FailureRatio: 0.9, Window: time.Minute})
	require.EqualError(t, b.Why(), errDown.Error())
	require.True(t, hook.Isolated(by))
	require.True(t, hook.Release(by))
	require.Equal(t, breaker.StateClosed, b.State())
}

// A fleet's hold stays.
func TestAHoldStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
		times(t, 1, b, failing)
		hook, _ := advice.Of(b)
		require.True(t, hook.Hold(time.Minute))
		b, _ = renewed(t, b, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Second})
		time.Sleep(30 * time.Second)
		require.Equal(t, breaker.StateOpen, b.State())
		time.Sleep(31 * time.Second)
		require.Equal(t, breaker.StateHalfOpen, b.State())
	})
}

// Pins: a probe that was let in before HalfOpenProbes changed loses the round, while another is
// under way that was let in before as well. The gate of the round did not hear of that, and let
// nobody in for good.
func TestARoundOfOtherProbesIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Second, HalfOpenProbes: 3, ProbeTimeout: -1}
		b := newBreaker(t, c)
		times(t, 1, b, failing)
		time.Sleep(2 * time.Second)
		first, second := probing(t, b), probing(t, b)
		c.HalfOpenProbes = 1
		b, _ = renewed(t, b, c)
		require.ErrorIs(t, b.Do(t.Context(), func(context.Context) error { return nil }), breaker.ErrOpen, "more are under way than may be")
		second(context.DeadlineExceeded)
		require.Equal(t, breaker.StateOpen, b.State())
		time.Sleep(3 * time.Second)
		times(t, 1, b, working)
		require.Equal(t, breaker.StateClosed, b.State(), "it probed again")
		first(nil)
	})
}
