package breaker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

var errFleet = errors.New("fleet: 37 of 41 pods, 212 of 215 outcomes failed")

func advised(t *testing.T, b resilience.Policy) advice.Breaker {
	t.Helper()
	hook, ok := advice.Of(b)
	require.True(t, ok)
	return hook
}

func TestWhatAFleetCanAdvise(t *testing.T) {
	for name, p := range map[string]resilience.Policy{
		"another stage": func() resilience.Policy { p, _ := deadline.In(time.Second).Build(); return p }(),
		"nil":           nil,
		"a nil Breaker": (*breaker.Breaker)(nil),
		"a zero one":    new(breaker.Breaker),
	} {
		_, ok := advice.Of(p)
		require.False(t, ok, name)
	}
	b := newBreaker(t, breaker.Config{})
	linked := link(t, b, func(context.Context, resilience.Event) {})
	require.Same(t, advised(t, b), advised(t, linked), "they share their state")
	require.NotSame(t, advised(t, b), advised(t, newBreaker(t, breaker.Config{})))
}

func TestAFleetOpensABreakerAsItsOwnRulesWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Name: "payments", OpenFor: 5 * time.Second, HalfOpenProbes: 1})
		var told []resilience.Event
		linked := link(t, b, func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker {
				told = append(told, e)
			}
		})
		hook := advised(t, b)
		require.True(t, hook.Open(errFleet))
		require.Equal(t, breaker.StateOpen, b.State())
		pause := b.RetryAfter()
		require.GreaterOrEqual(t, pause, 5*time.Second)
		require.LessOrEqual(t, pause, 6250*time.Millisecond)
		require.EqualError(t, b.Why(), errFleet.Error())

		err := linked.Do(t.Context(), working)
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.EqualError(t, open.Why, errFleet.Error())
		require.Equal(t, pause, open.RetryAfter())
		require.Len(t, told, 1)
		require.Equal(t, breaker.StateOpen, told[0].To)
		require.EqualError(t, told[0].Why, errFleet.Error())

		require.False(t, hook.Open(errFleet), "it is open")
		time.Sleep(pause - 1)
		require.Error(t, linked.Do(t.Context(), working))
		time.Sleep(1)
		require.Equal(t, breaker.StateHalfOpen, b.State(), "the advice lapses by itself")
		require.Error(t, linked.Do(t.Context(), failing))
		require.EqualError(t, b.Why(), "a probe failed; it first opened after "+errFleet.Error())
		require.GreaterOrEqual(t, b.RetryAfter(), 10*time.Second, "a failed round doubles OpenFor, whoever opened it")
		time.Sleep(b.RetryAfter())
		require.NoError(t, linked.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

func TestAFleetMovesAProbe(t *testing.T) {
	for name, moved := range map[string]time.Duration{
		"later": time.Minute, "sooner": time.Second, "to now": 0, "to before now": -time.Hour, "for ever": 1<<63 - 1,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1})
				hook := advised(t, b)
				require.Error(t, b.Do(t.Context(), failing))
				time.Sleep(time.Millisecond)
				var before *breaker.OpenError
				require.ErrorAs(t, b.Ready(), &before)
				was, why := before.RetryAfter(), b.Why()
				require.True(t, hook.ProbeIn(moved))
				require.Equal(t, why, b.Why())
				require.Equal(t, was, before.RetryAfter(), "an error that somebody holds does not change")
				if moved <= 0 {
					require.NoError(t, b.Ready())
					require.NoError(t, b.Do(t.Context(), working))
					require.Equal(t, breaker.StateClosed, b.State())
					return
				}
				require.LessOrEqual(t, b.RetryAfter(), moved)
				if moved > time.Hour {
					time.Sleep(time.Hour)
					require.Error(t, b.Ready())
					return
				}
				require.Equal(t, moved, b.RetryAfter())
				time.Sleep(moved)
				require.NoError(t, b.Do(t.Context(), working))
			})
		})
	}
}

func TestAFleetChangesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 2})
		hook := advised(t, b)
		require.False(t, hook.ProbeIn(time.Hour), "a closed one does not probe")
		require.NoError(t, b.Ready())

		b.Isolate()
		require.False(t, hook.Open(errFleet))
		require.False(t, hook.ProbeIn(0))
		require.Equal(t, breaker.StateIsolated, b.State())

		b.Reset()
		require.Error(t, b.Do(t.Context(), failing))
		time.Sleep(b.RetryAfter())
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateHalfOpen, b.State())
		require.False(t, hook.Open(errFleet))
		require.False(t, hook.ProbeIn(time.Hour))
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// A probe that has no outcome loses its round by the clock alone, also if a fleet looks first.
func TestAFleetSeesARoundThatIsOverByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, ProbeTimeout: time.Second})
		hook := advised(t, b)
		require.Error(t, b.Do(t.Context(), failing))
		time.Sleep(b.RetryAfter())
		hung := make(chan struct{})
		go func() { _ = b.Do(context.Background(), func(context.Context) error { <-hung; return nil }) }()
		synctest.Wait()
		require.False(t, hook.ProbeIn(time.Hour))
		time.Sleep(time.Second)
		require.True(t, hook.ProbeIn(time.Hour))
		require.Equal(t, time.Hour, b.RetryAfter())
		close(hung)
	})
}

func TestAFleetReadsEachOutcomeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{MinRequests: 6, ConsecutiveFailures: -1, Buckets: 3, Window: 3 * time.Second, HalfOpenProbes: 1})
		do := func(ops ...resilience.Func) {
			for _, op := range ops {
				_ = b.Do(t.Context(), op)
			}
		}
		do(working, failing)
		r := advised(t, b).Reader()
		require.Equal(t, advice.Reading{Row: 1}, r.Read(), "what came before is not new")

		do(working, working, failing)
		require.Equal(t, advice.Reading{Successes: 2, Failures: 1, Row: 1}, r.Read())
		require.Equal(t, advice.Reading{Row: 1}, r.Read())

		do(working)
		time.Sleep(time.Second) // another turn
		do(working, returning(resilience.MarkPermanent(errDown)), returning(resilience.MarkRejected(errDown)))
		require.Equal(t, advice.Reading{Successes: 3}, r.Read())

		time.Sleep(time.Minute) // all is forgotten, and turns come back to their buckets
		do(working)
		require.Equal(t, advice.Reading{Successes: 1}, r.Read())

		do(failing, failing, failing, returning(errors.New("nobody knows")), failing)
		require.Equal(t, breaker.StateOpen, b.State())
		read := r.Read()
		require.Equal(t, uint64(5), read.Failures, "those that opened it as well")
		require.Equal(t, b.RetryAfter(), read.ProbeIn)
		require.Equal(t, breaker.StateOpen, read.State)

		time.Sleep(read.ProbeIn)
		require.Equal(t, advice.Reading{State: breaker.StateOpen}, r.Read(), "it is time")
		do(failing)
		read = r.Read()
		require.Equal(t, uint64(1), read.Lost)
		require.Zero(t, read.Failures, "probes are counted by rounds")
		time.Sleep(read.ProbeIn)
		do(working, working, failing)
		require.Equal(t, advice.Reading{Successes: 1, Failures: 1, Row: 1}, r.Read(), "the first closed it")
		b.Isolate()
		require.Equal(t, advice.Reading{State: breaker.StateIsolated}, r.Read())
	})
}

func TestAFleetReadsWhatManyCallersDo(t *testing.T) {
	b := newBreaker(t, breaker.Config{FailureRatio: 1, ConsecutiveFailures: -1, Window: time.Hour, Buckets: 1})
	require.NoError(t, b.Do(t.Context(), working))
	r := advised(t, b).Reader()
	const callers, each = 8, 2000
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			for i := range each {
				if i%10 == 0 {
					_ = b.Do(context.Background(), failing)
				} else {
					_ = b.Do(context.Background(), working)
				}
			}
		})
	}
	var sum advice.Reading
	add := func() {
		read := r.Read()
		sum.Successes += read.Successes
		sum.Failures += read.Failures
	}
	for range 100 {
		add()
	}
	callersDone.Wait()
	add()
	require.Equal(t, uint64(callers*each/10), sum.Failures)
	require.Equal(t, uint64(callers*each*9/10), sum.Successes)
}

// Both ways of asking whether a dependency is back.
func bothWays() map[string]breaker.Config {
	return map[string]breaker.Config{
		"rounds":   {ConsecutiveFailures: 1, HalfOpenProbes: 2, OpenFor: time.Second, MaxOpenFor: time.Second},
		"a series": {ConsecutiveFailures: 1, HalfOpenProbes: 2, OpenFor: 2 * time.Second, MinOpenFor: time.Second},
	}
}

func TestAFleetHoldsAProbe(t *testing.T) {
	for name, c := range bothWays() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, c)
				hook := advised(t, b)
				for _, hold := range []func() bool{
					func() bool { return hook.Hold(time.Hour) }, func() bool { return hook.HoldAfter(0, time.Hour) },
				} {
					require.False(t, hold(), "a closed one does not probe")
				}
				require.Error(t, b.Do(t.Context(), failing))
				own := b.RetryAfter()

				require.True(t, hook.Hold(time.Minute))
				require.Equal(t, time.Minute, b.RetryAfter())
				var open *breaker.OpenError
				require.ErrorAs(t, b.Do(t.Context(), working), &open)
				require.Equal(t, time.Minute, open.RetryAfter())
				require.Equal(t, own, hook.Reader().Read().ProbeIn, "its own rules go on")

				require.True(t, hook.Hold(own/2), "the last word counts")
				require.Equal(t, own, b.RetryAfter())
				time.Sleep(own - 1)
				require.Error(t, b.Ready())
				time.Sleep(1)
				require.NoError(t, b.Ready())

				require.True(t, hook.Hold(time.Minute), "it is time, but held")
				require.Error(t, b.Do(t.Context(), working))
				require.Equal(t, breaker.StateOpen, b.State())
				require.Equal(t, time.Minute, b.RetryAfter())
				time.Sleep(time.Minute)
				require.Equal(t, breaker.StateHalfOpen, b.State(), "it lapses by itself")

				require.True(t, hook.Hold(-time.Hour))
				require.NoError(t, b.Ready(), "no time is none")
				require.True(t, hook.Hold(1<<63-1))
				time.Sleep(time.Hour)
				require.Error(t, b.Ready())
				require.True(t, hook.ProbeIn(0), "which ends it")
				require.NoError(t, b.Ready())
			})
		})
	}
}

// Who may probe until then may not a moment later, whatever became of the process in between.
func TestAFleetLetsABreakerProbeForAWhile(t *testing.T) {
	for name, c := range bothWays() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, c)
				hook := advised(t, b)
				require.Error(t, b.Do(t.Context(), failing))
				own := b.RetryAfter()
				require.True(t, hook.HoldAfter(3*time.Second, 10*time.Second))
				require.Equal(t, own, b.RetryAfter())
				time.Sleep(3*time.Second - 1)
				require.NoError(t, b.Ready())
				time.Sleep(1)
				require.Error(t, b.Ready())
				require.Equal(t, 10*time.Second, b.RetryAfter())
				require.Error(t, b.Do(t.Context(), working))
				time.Sleep(10 * time.Second)
				require.NoError(t, b.Ready())

				// A round or series goes on only as long as it may.
				require.True(t, hook.HoldAfter(3*time.Second, 10*time.Second))
				require.Error(t, b.Do(t.Context(), returning(resilience.MarkPermanent(errDown)))) // says nothing
				time.Sleep(3 * time.Second)
				ran := false
				require.ErrorIs(t, b.Do(t.Context(), func(context.Context) error { ran = true; return nil }), breaker.ErrOpen)
				require.False(t, ran)
				time.Sleep(10 * time.Second)
				require.NoError(t, b.Do(t.Context(), working))
				time.Sleep(b.RetryAfter())
				require.NoError(t, b.Do(t.Context(), working))
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}

func TestAFleetReadsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{
			ConsecutiveFailures: 1, HalfOpenProbes: 3, MinSuccesses: 3, MinOpenFor: time.Second, OpenFor: 2 * time.Second, ProbeTimeout: time.Second,
		})
		r := advised(t, b).Reader()
		require.True(t, advised(t, b).Open(errFleet))
		require.EqualError(t, b.Why(), errFleet.Error())
		probe := func(op resilience.Func) advice.Reading {
			time.Sleep(2 * time.Second)
			_ = b.Do(t.Context(), op)
			return r.Read()
		}
		is := probe(failing)
		require.Equal(t, []uint64{0, 1}, []uint64{is.Good, is.Lost})
		require.Equal(t, time.Second, is.Pause, "its failures are quick")
		is = probe(working)
		require.Equal(t, []uint64{1, 1}, []uint64{is.Good, is.Lost})
		require.Equal(t, breaker.StateOpen, is.State)
		require.False(t, is.Probing)

		hung := make(chan struct{})
		time.Sleep(2 * time.Second)
		go func() { _ = b.Do(context.Background(), func(context.Context) error { <-hung; return nil }) }()
		synctest.Wait()
		require.True(t, r.Read().Probing)
		time.Sleep(time.Second)
		is = r.Read()
		require.False(t, is.Probing, "it has had its ProbeTimeout")
		require.Equal(t, uint64(2), is.Lost)
		require.Equal(t, time.Second, is.Pause, "half of them took a second, and none longer")
		close(hung)
		synctest.Wait()
		require.Equal(t, is.Good, r.Read().Good, "and changes nothing any more")

		probe(working)
		probe(working)
		is = probe(working)
		require.Equal(t, breaker.StateClosed, is.State)
		require.Zero(t, is.Good+is.Lost)
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, MinOpenFor: 100 * time.Millisecond, OpenFor: 5 * time.Second})
		r := advised(t, b).Reader()
		require.Zero(t, r.Read().Pause, "it is closed")
		require.Error(t, b.Do(t.Context(), func(ctx context.Context) error { time.Sleep(2 * time.Second); return errDown }))
		require.Equal(t, 2*time.Second, r.Read().Pause, "as long as its failures take")
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 2, OpenFor: time.Second})
		r := advised(t, b).Reader()
		require.Error(t, b.Do(t.Context(), failing))
		time.Sleep(b.RetryAfter())
		require.NoError(t, b.Do(t.Context(), working))
		is := r.Read()
		require.Equal(t, advice.Reading{State: breaker.StateHalfOpen, Good: 1, Failures: 1, Probing: true}, is)
	})
}
