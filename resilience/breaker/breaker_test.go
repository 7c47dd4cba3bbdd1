package breaker_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

var errDown = resilience.MarkTransient(errors.New("down"))

func failing(context.Context) error { return errDown }

func working(context.Context) error { return nil }

func returning(err error) resilience.Func { return func(context.Context) error { return err } }

func newBreaker(t *testing.T, c breaker.Config) *breaker.Breaker {
	t.Helper()
	b, err := breaker.New(c)
	require.NoError(t, err)
	return b
}

// times runs op n times.
func times(t *testing.T, n int, b *breaker.Breaker, op resilience.Func) {
	t.Helper()
	for range n {
		_ = b.Do(t.Context(), op)
	}
}

func TestOpensByRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{FailureRatio: 0.25, MinRequests: 8, ConsecutiveFailures: -1})
		times(t, 4, b, working)
		times(t, 3, b, failing)
		require.Equal(t, breaker.StateClosed, b.State(), "3 of 7: more than a quarter, but fewer than MinRequests")
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateOpen, b.State())

		b = newBreaker(t, breaker.Config{FailureRatio: 0.25, MinRequests: 8, ConsecutiveFailures: -1})
		times(t, 1, b, failing)
		times(t, 10, b, working)
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateClosed, b.State(), "2 of 12")
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateClosed, b.State(), "3 of 13")
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateOpen, b.State(), "4 of 14")
	})
}

func TestRequestsInFlightAreNoOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{FailureRatio: 1, MinRequests: 3, ConsecutiveFailures: -1})
		end := make(chan struct{})
		for range 10 {
			go func() { _ = b.Do(t.Context(), func(context.Context) error { <-end; return nil }) }()
		}
		synctest.Wait()
		times(t, 2, b, failing)
		require.Equal(t, breaker.StateClosed, b.State())
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateOpen, b.State())
		close(end)
	})
}

func TestOpensByConsecutiveFailures(t *testing.T) {
	b := newBreaker(t, breaker.Config{FailureRatio: -1, ConsecutiveFailures: 4})
	times(t, 3, b, failing)
	times(t, 1, b, working)
	times(t, 3, b, failing)
	require.Equal(t, breaker.StateClosed, b.State())
	times(t, 1, b, failing)
	require.Equal(t, breaker.StateOpen, b.State())
}

func TestDefaults(t *testing.T) {
	b := newBreaker(t, breaker.Config{})
	c := b.Config()
	require.Nil(t, c.Classify)
	c.Classify = nil
	again, err := c.Resolve()
	require.NoError(t, err)
	require.Equal(t, c, again)

	long, err := breaker.Config{OpenFor: time.Hour}.Resolve()
	require.NoError(t, err)
	require.Equal(t, time.Hour, long.MaxOpenFor, "the default grows with OpenFor")

	times(t, 9, b, failing)
	require.Equal(t, breaker.StateClosed, b.State())
	times(t, 1, b, failing)
	require.Equal(t, breaker.StateOpen, b.State())
}

func TestWindowRolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{FailureRatio: 0.5, MinRequests: 10, ConsecutiveFailures: -1})
		times(t, 5, b, failing)
		time.Sleep(5 * time.Second)
		times(t, 4, b, working)
		require.EqualValues(t, 5, b.Counts().Failures)
		time.Sleep(6 * time.Second) // the failures are out of the window, without any traffic
		require.Zero(t, b.Counts().Failures)
		require.EqualValues(t, 4, b.Counts().Successes)
		times(t, 4, b, failing)
		require.Equal(t, breaker.StateClosed, b.State(), "4 of 8")
		times(t, 2, b, failing)
		require.Equal(t, breaker.StateOpen, b.State(), "6 of 10")
	})
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nil":                 {nil, "success"},
		"marked transient":    {resilience.MarkTransient(io.EOF), "failure"},
		"marked overload":     {resilience.MarkOverload(io.EOF, time.Hour), "failure"},
		"unexpected EOF":      {io.ErrUnexpectedEOF, "failure"},
		"a timeout":           {context.DeadlineExceeded, "failure"},
		"unknown":             {errors.New("who knows"), "failure"},
		"marked permanent":    {resilience.MarkPermanent(io.ErrUnexpectedEOF), "success"},
		"validation":          {&resilience.Error{Kind: resilience.KindValidation}, "success"},
		"somebody else's end": {context.Canceled, "failure"},
		"rejected further in": {resilience.MarkRejected(io.EOF), "excluded"},
		"an open breaker":     {&breaker.OpenError{State: breaker.StateOpen}, "excluded"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{})
			require.ErrorIs(t, b.Do(t.Context(), returning(c.err)), c.err)
			counts := b.Counts()
			got := map[string]uint64{"success": counts.Successes, "failure": counts.Failures, "excluded": counts.Excluded}
			require.EqualValues(t, 1, got[c.want], "%+v", counts)
			require.EqualValues(t, 1, got["success"]+got["failure"]+got["excluded"])
		})
	}
}

func TestOwnClassifier(t *testing.T) {
	odd := errors.New("odd")
	b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, Classify: func(err error) resilience.Verdict {
		if errors.Is(err, odd) {
			return resilience.Transient
		}
		return resilience.Permanent
	}})
	times(t, 5, b, returning(io.ErrUnexpectedEOF))
	require.Equal(t, breaker.StateClosed, b.State())
	times(t, 1, b, returning(odd))
	require.Equal(t, breaker.StateOpen, b.State())
}

func TestOpenError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Name: "payments", ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: 4 * time.Second})
		require.NoError(t, b.Ready())
		require.Zero(t, b.RetryAfter())
		times(t, 1, b, failing)

		time.Sleep(b.RetryAfter() - 3*time.Second)
		err := b.Do(t.Context(), func(context.Context) error { t.Error("it ran"); return nil })
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, gobreaker.ErrOpenState)
		require.NotErrorIs(t, err, gobreaker.ErrTooManyRequests)
		require.EqualError(t, err, "payments: circuit breaker is open; next probe in 3s")
		require.Equal(t, resilience.Rejected, resilience.Classify(err))
		require.Equal(t, resilience.ReasonBreakerOpen, resilience.ReasonOf(err))
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.Equal(t, 3*time.Second, open.RetryAfter())
		require.Equal(t, 3*time.Second, b.RetryAfter())
		require.Equal(t, 3*time.Second, resilience.RetryAfter(err))
		require.Same(t, open, b.Do(t.Context(), working), "one is built per opening")
		require.Equal(t, err, b.Ready())

		time.Sleep(3 * time.Second)
		require.NoError(t, b.Ready())
		require.Zero(t, open.RetryAfter())
		end := make(chan struct{})
		go func() { _ = b.Do(t.Context(), func(context.Context) error { <-end; return nil }) }()
		synctest.Wait()
		err = b.Do(t.Context(), working)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, gobreaker.ErrTooManyRequests)
		require.NotErrorIs(t, err, gobreaker.ErrOpenState)
		require.EqualError(t, err, "payments: circuit breaker is half-open; all probes are under way")
		close(end)
	})
}

func TestHalfOpenNeedsAllItsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 3, OpenFor: time.Second})
		times(t, 1, b, failing)
		time.Sleep(b.RetryAfter())
		times(t, 2, b, working)
		require.Equal(t, breaker.StateHalfOpen, b.State())
		times(t, 1, b, working)
		require.Equal(t, breaker.StateClosed, b.State())
		require.Zero(t, b.Counts().Requests, "a change of state clears the counts")
	})
}

// Pins: a probe that says nothing about the dependency gives its place to another.
func TestProbeThatCountsAsNothing(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	for name, op := range map[string]resilience.Func{
		"canceled": func(context.Context) error { cancel(); return io.EOF },
		"rejected": returning(resilience.MarkRejected(io.EOF)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second})
				times(t, 1, b, failing)
				time.Sleep(b.RetryAfter())
				for range 5 {
					gone, cancel = context.WithCancel(t.Context())
					require.ErrorIs(t, b.Do(gone, op), io.EOF)
				}
				require.Equal(t, breaker.StateHalfOpen, b.State())
				times(t, 1, b, working)
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}

// Pins: each failed round doubles the pause up to MaxOpenFor; up to a quarter comes on top, the
// first time too; closing starts afresh.
func TestOpenForDoubles(t *testing.T) {
	spread := [6]map[time.Duration]bool{{}, {}, {}, {}, {}, {}}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: 5 * time.Second})
			for i, least := range []time.Duration{1, 2, 4, 5, 5, 5} {
				least *= time.Second
				time.Sleep(b.RetryAfter())
				times(t, 1, b, failing)
				require.Equal(t, breaker.StateOpen, b.State())
				require.GreaterOrEqual(t, b.RetryAfter(), least)
				require.LessOrEqual(t, b.RetryAfter(), least*5/4)
				spread[i][b.RetryAfter()] = true
			}
			time.Sleep(b.RetryAfter())
			times(t, 1, b, working)
			require.Equal(t, breaker.StateClosed, b.State())
			times(t, 1, b, failing)
			require.LessOrEqual(t, b.RetryAfter(), 5*time.Second/4)
		})
	}
	for i, pauses := range spread {
		require.Greater(t, len(pauses), 10, "a fleet would probe in step in round %d", i)
	}
}

func TestHundredFailedRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: 1<<63 - 1})
		times(t, 1, b, failing)
		for range 28 { // to a few years
			require.Positive(t, b.RetryAfter())
			time.Sleep(b.RetryAfter())
			times(t, 1, b, failing)
		}
	})
}

func TestIsolateAndReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Name: "payments", ConsecutiveFailures: 2, OpenFor: time.Second})
		b.Isolate()
		require.Equal(t, breaker.StateIsolated, b.State())
		time.Sleep(time.Hour)
		err := b.Do(t.Context(), working)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, gobreaker.ErrOpenState)
		require.EqualError(t, err, "payments: circuit breaker is isolated by hand")
		require.Equal(t, resilience.Rejected, resilience.Classify(err))
		require.Zero(t, b.RetryAfter())

		b.Reset()
		require.Equal(t, breaker.StateClosed, b.State())
		require.NoError(t, b.Do(t.Context(), working))

		times(t, 2, b, failing)
		require.Equal(t, breaker.StateOpen, b.State())
		b.Reset()
		require.NoError(t, b.Do(t.Context(), working))
		times(t, 1, b, failing)
		require.Equal(t, breaker.StateClosed, b.State(), "what was before the reset is forgotten")
	})
}

// Pins: results of calls that were in flight at Isolate or Reset change nothing.
func TestCallsInFlightAtIsolate(t *testing.T) {
	for name, result := range map[string]error{"success": nil, "failure": errDown} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1})
				end := make(chan struct{})
				go func() { _ = b.Do(t.Context(), func(context.Context) error { <-end; return result }) }()
				synctest.Wait()
				b.Isolate()
				close(end)
				synctest.Wait()
				require.Equal(t, breaker.StateIsolated, b.State())
				b.Reset()
				require.Zero(t, b.Counts().Requests)
			})
		})
	}
}

func TestStateIsPure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second, ProbeTimeout: 2 * time.Second})
		times(t, 1, b, failing)
		time.Sleep(time.Hour)
		for range 3 {
			require.Equal(t, breaker.StateHalfOpen, b.State())
			require.NoError(t, b.Ready())
			_ = b.Counts()
		}
		// Had reading made it half-open, the probes' time would be over by now.
		end := make(chan struct{})
		go func() { _ = b.Do(t.Context(), func(context.Context) error { <-end; return nil }) }()
		synctest.Wait()
		require.Error(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateHalfOpen, b.State())
		close(end)
		synctest.Wait()
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// Pins: ProbeTimeout counts from the last probe's beginning: a quiet hour in the middle of a
// round does not make fresh probes look hung.
func TestQuietHalfOpenBreakerDoesNotTakeProbesForHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 2, OpenFor: time.Second})
		times(t, 1, b, failing)
		time.Sleep(b.RetryAfter())
		times(t, 1, b, working)
		time.Sleep(time.Hour)
		end := make(chan struct{})
		go func() { _ = b.Do(t.Context(), func(context.Context) error { <-end; return nil }) }()
		synctest.Wait()
		require.ErrorIs(t, b.Do(t.Context(), working), gobreaker.ErrTooManyRequests)
		require.Equal(t, breaker.StateHalfOpen, b.State())
		close(end)
		synctest.Wait()
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

func TestProbeTimeoutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second, ProbeTimeout: -1})
		times(t, 1, b, failing)
		time.Sleep(b.RetryAfter())
		end := make(chan struct{})
		go func() { _ = b.Do(t.Context(), func(context.Context) error { <-end; return nil }) }()
		synctest.Wait()
		time.Sleep(24 * time.Hour)
		require.ErrorIs(t, b.Do(t.Context(), working), gobreaker.ErrTooManyRequests)
		require.Equal(t, breaker.StateHalfOpen, b.State())
		close(end)
	})
}

func TestAnUpdateKeepsTheState(t *testing.T) {
	b := newBreaker(t, breaker.Config{Name: "a", ConsecutiveFailures: 2})
	times(t, 2, b, failing)

	renamed, kept := renewed(t, b, breaker.Config{Name: "b", ConsecutiveFailures: 2, OpenFor: 5 * time.Second})
	require.True(t, kept, "5s is the default: the same numbers")
	require.Equal(t, breaker.StateOpen, renamed.State())
	renamed.Reset()
	require.Equal(t, breaker.StateClosed, b.State(), "they share their state")

	times(t, 2, b, failing)
	changed, kept := renewed(t, b, breaker.Config{Name: "a", ConsecutiveFailures: 3})
	require.True(t, kept)
	require.Equal(t, breaker.StateOpen, changed.State())
	require.Equal(t, 3, changed.Config().ConsecutiveFailures)

	_, err := stage.Of(b).Renew(b, breaker.Config{FailureRatio: 2})
	require.Error(t, err)
	require.Equal(t, breaker.StateOpen, b.State())
}

func TestBuildOfNil(t *testing.T) {
	var b *breaker.Breaker
	_, err := b.Build()
	require.Error(t, err)
}

func TestString(t *testing.T) {
	require.Equal(t, "breaker 50%/20", newBreaker(t, breaker.Config{}).String())
	require.Equal(t, "breaker 5 in a row", newBreaker(t, breaker.Config{FailureRatio: -1, ConsecutiveFailures: 5}).String())
	require.Equal(t, "breaker 50%/20, fleet", newBreaker(t, breaker.Config{Fleet: true}).String())
	require.Equal(t, "breaker 50%/20, closes at 2 of 3, fleet", newBreaker(t, breaker.Config{MinSuccesses: 2, Fleet: true}).String())
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := breaker.New(breaker.Config{FailureRatio: 7, MinRequests: -3, OpenFor: time.Minute, MaxOpenFor: time.Second})
	require.EqualError(t, err, "breaker: FailureRatio is 7; want a number above 0 and up to 1, 0 for the default (0.5), or -1 to turn it off\n"+
		"breaker: MinRequests is -3; want 1 to 2147483647, or 0 for the default (20)\n"+
		"breaker: MaxOpenFor is 1s; want at least OpenFor (1m0s)")
}
