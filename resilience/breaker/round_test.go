package breaker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// due returns a breaker that has opened and is due.
func due(t *testing.T, c breaker.Config) *breaker.Breaker {
	t.Helper()
	b := newBreaker(t, c)
	for b.State() == breaker.StateClosed {
		times(t, 1, b, failing)
	}
	time.Sleep(b.RetryAfter())
	require.Equal(t, breaker.StateHalfOpen, b.State())
	return b
}

// nested makes calls of b inside of each other, to a depth.
func nested(b *breaker.Breaker, depth int, innermost resilience.Func) resilience.Func {
	if depth == 0 {
		return innermost
	}
	return func(ctx context.Context) error { return b.Do(ctx, nested(b, depth-1, innermost)) }
}

// A call that passes the same breaker twice is one probe, as deep as it goes, with few probes and
// many.
func TestACallThatPassesTheSameBreakerTwice(t *testing.T) {
	for probes := 1; probes <= 3; probes++ {
		for depth := 1; depth <= 6; depth++ {
			synctest.Test(t, func(t *testing.T) {
				b := due(t, breaker.Config{HalfOpenProbes: probes})
				for i := range probes {
					require.Equal(t, breaker.StateHalfOpen, b.State())
					require.NoError(t, nested(b, depth, working)(t.Context()))
					if i < probes-1 {
						require.EqualValues(t, i+1, b.Counts().Requests, "one outcome for a call, however deep")
					}
				}
				require.Equal(t, breaker.StateClosed, b.State(), "%d probes, depth %d", probes, depth)

				b = due(t, breaker.Config{HalfOpenProbes: probes, FailureRatio: -1})
				require.ErrorIs(t, nested(b, depth, failing)(t.Context()), errDown)
				require.Equal(t, breaker.StateOpen, b.State(), "and one failure")
			})
		}
	}
}

// As above, through pipelines that share the breaker and repeat: as many inner attempts as they
// like are one probe.
func TestPipelinesThatShareABreakerAndCallEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{HalfOpenProbes: 1})
		charges := holdfast.Must(holdfast.New("charges", retry.Default(), b))
		tokens := holdfast.Must(holdfast.New("tokens", retry.Default(), b))
		left := 2
		require.NoError(t, charges.Do(t.Context(), func(ctx context.Context) error {
			return tokens.Do(ctx, func(context.Context) error {
				if left--; left >= 0 {
					return errDown
				}
				return nil
			})
		}))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// What a call inside a probe returns tells of its own ctx, as it does anywhere else.
func TestACallInsideAProbeWhoseCtxEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("another part failed")
		for _, ends := range []bool{true, false} {
			b := due(t, breaker.Config{HalfOpenProbes: 1})
			require.NoError(t, b.Do(t.Context(), func(ctx context.Context) error {
				inner, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				err := b.Do(inner, func(context.Context) error {
					if ends {
						cancel(cause)
					}
					return cause
				})
				require.ErrorIs(t, err, cause)
				require.Equal(t, ends, errors.Is(err, context.Canceled))
				require.Equal(t, !ends, err == cause, "untouched if ctx lives")
				return nil
			}))
		}
	})
}

// The ctx of a probe is worth nothing when the probe is over, and nothing to another breaker.
func TestAProbesCtxOutlivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{HalfOpenProbes: 2})
		var kept context.Context
		require.NoError(t, b.Do(t.Context(), func(ctx context.Context) error { kept = ctx; return nil }))
		hang := make(chan struct{})
		go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return nil }) }()
		synctest.Wait()
		require.ErrorIs(t, b.Do(kept, working), breaker.ErrOpen, "both places are taken")
		close(hang)
		synctest.Wait()
		require.Equal(t, breaker.StateClosed, b.State())

		other := due(t, breaker.Config{HalfOpenProbes: 1})
		require.NoError(t, due(t, breaker.Config{HalfOpenProbes: 1}).Do(t.Context(), func(ctx context.Context) error {
			return other.Do(ctx, working)
		}))
		require.Equal(t, breaker.StateClosed, other.State())
	})
}

// A call inside a probe, after the breaker has opened again meanwhile, is refused as any other.
func TestAProbeThatGoesOnAfterItsRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{HalfOpenProbes: 2, FailureRatio: -1})
		err := b.Do(t.Context(), func(ctx context.Context) error {
			require.ErrorIs(t, b.Do(context.Background(), failing), errDown)
			return b.Do(ctx, working)
		})
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.Equal(t, breaker.StateOpen, b.State())
	})
}

// hooked is a ctx that does something the first time that it is asked for a value.
type hooked struct {
	context.Context
	first *sync.Once
	do    func()
}

func (c hooked) Value(key any) any {
	c.first.Do(c.do)
	return c.Context.Value(key)
}

// A call that finds the breaker half-open, and closed a moment later, is one of a closed breaker.
func TestABreakerThatClosesWhileACallComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{HalfOpenProbes: 1})
		ctx := hooked{t.Context(), new(sync.Once), b.Reset}
		require.ErrorIs(t, b.Do(ctx, failing), errDown)
		require.Equal(t, breaker.StateClosed, b.State(), "it was no probe")
		require.EqualValues(t, 1, b.Counts().Failures)
	})
}

// Where the ctx is not passed on, the round ends all the same: its admissions, which end without an
// outcome, renew nothing.
func TestAdmissionsWithoutAnOutcomeRenewNothing(t *testing.T) {
	canceled := func(t *testing.T, b *breaker.Breaker) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		_ = b.Do(ctx, func(context.Context) error { cancel(); return errDown })
	}
	for name, call := range map[string]func(t *testing.T, b *breaker.Breaker){
		"itself, under another ctx": func(t *testing.T, b *breaker.Breaker) {
			t.Helper()
			_ = b.Do(t.Context(), func(context.Context) error { return b.Do(context.Background(), working) })
		},
		"canceled": canceled,
		"rejected": func(t *testing.T, b *breaker.Breaker) {
			t.Helper()
			times(t, 1, b, returning(resilience.MarkRejected(errDown)))
		},
		"ignored": func(t *testing.T, b *breaker.Breaker) {
			t.Helper()
			times(t, 1, b, returning(errors.New("who knows")))
		},
	} {
		for _, every := range []time.Duration{time.Millisecond, time.Second, 4 * time.Second, time.Minute} {
			t.Run(name+"/"+every.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := due(t, breaker.Config{HalfOpenProbes: 1, ProbeTimeout: 5 * time.Second, IgnoreUnclassified: true, OpenFor: time.Hour, MaxOpenFor: time.Hour})
					began := time.Now()
					for b.State() == breaker.StateHalfOpen && time.Since(began) < time.Minute {
						call(t, b)
						time.Sleep(min(every, 5*time.Second-time.Since(began)%(5*time.Second)))
					}
					require.Equal(t, breaker.StateOpen, b.State())
					require.Equal(t, 5*time.Second, time.Since(began))
					require.ErrorContains(t, b.Why(), "a probe had no outcome within 5s; it first opened after ")
				})
			})
		}
	}
}

// A hung probe has failed when its time is over, whether or not anybody looks, and what it says
// then is of no consequence.
func TestAHungProbeExpiresByTheClock(t *testing.T) {
	for name, bystanders := range map[string][]time.Duration{
		"nobody": nil, "at once": {0}, "just before": {5*time.Second - 1}, "then": {5 * time.Second}, "later": {30 * time.Second},
		"often": {time.Second, 4 * time.Second, 6 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := due(t, breaker.Config{HalfOpenProbes: 1, ProbeTimeout: 5 * time.Second, OpenFor: time.Hour, MaxOpenFor: time.Hour})
				began := time.Now()
				go func() { _ = b.Do(t.Context(), taking(time.Minute, nil)) }()
				synctest.Wait()
				for _, at := range bystanders {
					time.Sleep(at - time.Since(began))
					require.ErrorIs(t, b.Do(t.Context(), working), breaker.ErrOpen)
				}
				time.Sleep(time.Minute + 1 - time.Since(began))
				synctest.Wait()
				require.Equal(t, breaker.StateOpen, b.State())
				require.ErrorContains(t, b.Why(), "no probe came back within 5s")
				left := time.Hour - (time.Minute + 1 - 5*time.Second)
				require.GreaterOrEqual(t, b.RetryAfter(), left, "it is open since the probe's time was over")
				require.LessOrEqual(t, b.RetryAfter(), left+time.Hour/4)
			})
		})
	}
}

// At the boundary, by each way of looking.
func TestAProbesTimeEndsToTheNanosecond(t *testing.T) {
	for name, open := range map[string]func(b *breaker.Breaker) bool{
		"State":      func(b *breaker.Breaker) bool { return b.State() == breaker.StateOpen },
		"RetryAfter": func(b *breaker.Breaker) bool { return b.RetryAfter() > 0 },
		"Ready":      func(b *breaker.Breaker) bool { return b.Ready() != nil },
		"Why":        func(b *breaker.Breaker) bool { return strings.HasPrefix(b.Why().Error(), "no probe came back") },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := due(t, breaker.Config{HalfOpenProbes: 2, ProbeTimeout: 5 * time.Second})
			hang := make(chan struct{})
			go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return nil }) }()
			time.Sleep(2 * time.Second)
			go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return nil }) }()
			time.Sleep(3*time.Second - 1)
			require.False(t, open(b), name)
			time.Sleep(1)
			require.True(t, open(b), "%s: the first has had its time, whenever others began", name)
			require.Zero(t, b.Counts().Requests)
			close(hang)
			synctest.Wait()
			require.True(t, open(b), name)
		})
	}
}

// The first's place, not the round's beginning, is what counts: one that has its outcome frees the
// others of its time.
func TestEveryProbeHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{HalfOpenProbes: 3, ProbeTimeout: 5 * time.Second})
		for range 2 {
			go func() { _ = b.Do(t.Context(), taking(4*time.Second, nil)) }()
			time.Sleep(2 * time.Second)
		}
		time.Sleep(3*time.Second - 1) // the first is back since 3 s, the second since 1 s
		require.Equal(t, breaker.StateHalfOpen, b.State())
		time.Sleep(time.Hour) // and nobody has been waiting
		require.Equal(t, breaker.StateHalfOpen, b.State())
		require.NoError(t, b.Do(t.Context(), taking(5*time.Second-1, nil)))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// Ten idle minutes after a probe hung, the next call is a probe.
func TestAfterIdleMinutesTheNextCallIsAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{HalfOpenProbes: 1})
		hang := make(chan struct{})
		go func() { _ = b.Do(t.Context(), func(context.Context) error { <-hang; return nil }) }()
		synctest.Wait()
		time.Sleep(10 * time.Minute)
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())
		close(hang)
	})
}

// The event comes when the probe's time is over, though nobody calls. It comes once.
func TestTheEventOfAHungProbeComesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 2, ProbeTimeout: 5 * time.Second, OpenFor: time.Hour, MaxOpenFor: time.Hour})
		began := time.Now()
		var heard []time.Duration
		linked := link(t, b, func(ctx context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker && e.From == breaker.StateHalfOpen {
				require.Equal(t, breaker.StateOpen, e.To)
				require.ErrorContains(t, e.Why, "within 5s")
				require.NoError(t, ctx.Err())
				_ = b.State() // which may be asked here
				heard = append(heard, time.Since(began))
			}
		})
		times(t, 1, b, failing)
		time.Sleep(b.RetryAfter())
		began = time.Now()
		go func() { _ = linked.Do(t.Context(), taking(4*time.Second, nil)) }()
		time.Sleep(2 * time.Second)
		go func() { _ = linked.Do(t.Context(), taking(time.Hour, nil)) }()
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		require.Empty(t, heard, "the timer was set for the first probe, which is back")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []time.Duration{7 * time.Second}, heard)
	})
}

// An observer that panics there ends nobody's process, and the breaker goes on.
func TestAnObserverThatPanicsOnTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, ProbeTimeout: time.Second, OpenFor: time.Second, MaxOpenFor: time.Second})
		heard := 0
		linked := link(t, b, func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker && e.From == breaker.StateHalfOpen {
				heard++
				panic("observer")
			}
		})
		times(t, 1, b, failing)
		time.Sleep(b.RetryAfter())
		go func() { _ = linked.Do(t.Context(), taking(time.Minute, nil)) }()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, 1, heard)
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// A breaker that was half-open when a bubble ended can be used elsewhere: its timer is left alone.
func TestABreakerThatLeavesItsBubble(t *testing.T) {
	var b *breaker.Breaker
	synctest.Test(t, func(t *testing.T) {
		b = due(t, breaker.Config{HalfOpenProbes: 2})
		times(t, 1, b, working)
		require.Equal(t, breaker.StateHalfOpen, b.State())
	})
	b.Reset()
	times(t, 1, b, working)
	require.Equal(t, breaker.StateClosed, b.State())
}

// The ratio decides in a round as it does in the window, and a round is lost as soon as that is
// certain.
func TestTheRatioDecidesARound(t *testing.T) {
	const f, s = false, true
	for name, c := range map[string]struct {
		config breaker.Config
		probes []bool
		want   breaker.State
		why    string
	}{
		"one of three":              {breaker.Config{}, []bool{f, s, s}, breaker.StateClosed, ""},
		"one of three, at last":     {breaker.Config{}, []bool{s, s, f}, breaker.StateClosed, ""},
		"two of three":              {breaker.Config{}, []bool{f, f}, breaker.StateOpen, "2 of 3 probes failed (FailureRatio is 50%); it first"},
		"not yet certain":           {breaker.Config{}, []bool{f, s}, breaker.StateHalfOpen, ""},
		"exactly the ratio":         {breaker.Config{HalfOpenProbes: 4}, []bool{s, f, s, f}, breaker.StateOpen, "2 of 4 probes failed"},
		"one below the ratio":       {breaker.Config{HalfOpenProbes: 4}, []bool{s, f, s, s}, breaker.StateClosed, ""},
		"all must fail":             {breaker.Config{FailureRatio: 1}, []bool{f, f, s}, breaker.StateClosed, ""},
		"all fail":                  {breaker.Config{FailureRatio: 1}, []bool{f, f, f}, breaker.StateOpen, "3 of 3 probes failed (FailureRatio is 100%)"},
		"a small ratio":             {breaker.Config{FailureRatio: 0.1}, []bool{f}, breaker.StateOpen, "a probe failed; it first"},
		"no ratio: one is enough":   {breaker.Config{FailureRatio: -1}, []bool{s, s, f}, breaker.StateOpen, "a probe failed; it first"},
		"no ratio: all succeed":     {breaker.Config{FailureRatio: -1}, []bool{s, s, s}, breaker.StateClosed, ""},
		"one in a row is enough":    {breaker.Config{ConsecutiveFailures: 1}, []bool{s, f}, breaker.StateOpen, "a probe failed; it first"},
		"in a row":                  {breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 9}, []bool{f, s, f, f}, breaker.StateOpen, "2 probes in a row failed (ConsecutiveFailures is 2); it first"},
		"so many, but not in a row": {breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 5}, []bool{f, s, f, s, s}, breaker.StateClosed, ""},
		"one probe":                 {breaker.Config{HalfOpenProbes: 1}, []bool{f}, breaker.StateOpen, "a probe failed; it first"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := due(t, c.config)
				for i, good := range c.probes {
					require.Equal(t, breaker.StateHalfOpen, b.State(), i)
					if good {
						times(t, 1, b, working)
					} else {
						times(t, 1, b, failing)
					}
				}
				require.Equal(t, c.want, b.State())
				if c.why != "" {
					require.ErrorContains(t, b.Why(), c.why)
				}
			})
		})
	}
}

// A dependency of which every fifth call fails by chance gets its breaker closed in nearly all
// rounds of three.
func TestChanceFailuresCloseMostRounds(t *testing.T) {
	rng, closed := rand.New(rand.NewPCG(5, 5)), 0
	const rounds = 1000
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			b := due(t, breaker.Config{})
			for b.State() == breaker.StateHalfOpen {
				if rng.IntN(5) == 0 {
					times(t, 1, b, failing)
				} else {
					times(t, 1, b, working)
				}
			}
			if b.State() == breaker.StateClosed {
				closed++
			}
		})
	}
	require.InDelta(t, 0.896, float64(closed)/rounds, 0.03) // 0.8³ + 3 × 0.8² × 0.2
}

// An observer that panics while a probe is let in is no failed probe: the next may have its place.
func TestAnObserverThatPanicsIsNoFailedProbe(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("observer") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1})
				linked := link(t, b, func(_ context.Context, e resilience.Event) {
					if e.To == breaker.StateHalfOpen {
						end()
					}
				})
				times(t, 1, b, failing)
				time.Sleep(b.RetryAfter())
				apart(func() { _ = linked.Do(t.Context(), func(context.Context) error { t.Error("it ran"); return nil }) })
				require.Equal(t, breaker.StateHalfOpen, b.State())
				require.EqualValues(t, 1, b.Counts().Excluded)
				require.NoError(t, linked.Do(t.Context(), working))
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}

// Of a fleet whose breakers open in one instant, no moment sees more than a few probe.
func TestAFleetDoesNotProbeInStep(t *testing.T) {
	const pods, openFor = 200, 4 * time.Second
	at := map[time.Duration]int{}
	synctest.Test(t, func(t *testing.T) {
		for range pods {
			b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, OpenFor: openFor, MaxOpenFor: openFor})
			times(t, 1, b, failing)
			require.GreaterOrEqual(t, b.RetryAfter(), openFor)
			require.LessOrEqual(t, b.RetryAfter(), openFor*5/4)
			at[b.RetryAfter().Truncate(10*time.Millisecond)]++
		}
	})
	for moment, n := range at {
		require.Less(t, n, pods/10, "at %v", moment)
	}
}
