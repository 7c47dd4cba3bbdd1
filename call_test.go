package holdfast_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// moodyCtx panics at one of the calls of its methods, counted from the beginning of the op.
type moodyCtx struct {
	context.Context

	asked *int
}

func (c moodyCtx) Err() error {
	if *c.asked--; *c.asked == 0 {
		panic("a ctx of somebody's own")
	}
	return c.Context.Err()
}

// Whatever panics on the way through a row, in the op or in what is called around it, no place, no
// token and no outcome is lost.
func TestNothingIsLeftBehindByAPanic(t *testing.T) {
	for name, op := range map[string]func() error{
		"success":   func() error { return nil },
		"transient": func() error { return resilience.MarkTransient(errFlaky) },
		"permanent": func() error { return resilience.MarkPermanent(errFlaky) },
		"unknown":   func() error { return errFlaky },
		"panic":     func() error { panic("the op") },
		"exit":      func() error { runtime.Goexit(); return nil },
	} {
		for n := range 40 { // the call of a method at which the ctx panics; 0: none
			synctest.Test(t, func(t *testing.T) {
				places, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
				require.NoError(t, err)
				bank, err := budget.New(budget.Config{Burst: 10, Floor: -1})
				require.NoError(t, err)
				gate, err := breaker.New(breaker.Config{ConsecutiveFailures: -1, FailureRatio: 1, MinRequests: 1000})
				require.NoError(t, err)
				p := newPipeline(t, deadline.In(time.Hour), places, bank, retry.Config{MaxRetries: 1}, gate, deadline.In(time.Minute))
				asked, attempts := 0, 0
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					_ = p.Do(moodyCtx{context.Background(), &asked}, func(context.Context) error {
						if attempts++; attempts == 1 {
							asked = n
						}
						return op()
					})
				}()
				<-done
				synctest.Wait()
				require.Zero(t, places.Stats().InUse, "%s, %d", name, n)
				require.EqualValues(t, attempts, gate.Counts().Requests, "%s, %d: an outcome for each attempt", name, n)
				require.InDelta(t, float64(10-max(0, attempts-1)), bank.Tokens(), 0, "%s, %d: a token for each retry that was made", name, n)
				require.Zero(t, p.Snapshot().Live, "%s, %d", name, n)
				require.NoError(t, p.Do(context.Background(), func(context.Context) error { return nil }))
			})
		}
	}
}

// An observer that is slow before the op runs does not shorten the attempt, and the call's deadline
// goes on.
func TestASlowObserverBeforeTheFirstAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker && e.To == resilience.StateHalfOpen {
				time.Sleep(1500 * time.Millisecond)
			}
		})
		for _, c := range []struct{ whole, want time.Duration }{{10 * time.Second, 2500 * time.Millisecond}, {2 * time.Second, 2 * time.Second}} {
			p := newPipeline(t, holdfast.Observe(slow), deadline.In(c.whole), retry.Config{MaxRetries: retry.None},
				breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Second}, deadline.In(time.Second))
			require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
			time.Sleep(2 * time.Second)
			began := time.Now()
			require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error {
				at, _ := ctx.Deadline()
				require.Equal(t, c.want, at.Sub(began), "within %v", c.whole)
				return nil
			}))
		}
	})
}

// A pause ends with the ctx around it, even if that belongs to an attempt of another pipeline whose
// op has returned.
func TestAPauseEndsWithTheAttemptAroundIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer := newPipeline(t, deadline.In(time.Hour))
		for name, inner := range map[string][]resilience.Stage{
			"a loop":        {retry.Custom(1, time.Minute, time.Minute, false)},
			"one deadline":  {deadline.In(30 * time.Minute), retry.Custom(1, time.Minute, time.Minute, false)},
			"two deadlines": {deadline.In(30 * time.Minute), retry.Custom(1, time.Minute, time.Minute, false), deadline.In(time.Second)},
		} {
			p := newPipeline(t, inner...)
			ended := make(chan time.Time, 1)
			began := time.Now()
			require.NoError(t, outer.Do(t.Context(), func(ctx context.Context) error {
				go func() {
					_ = p.Do(ctx, func(context.Context) error { return resilience.MarkTransient(errFlaky) })
					ended <- time.Now()
				}()
				time.Sleep(time.Second)
				return nil
			}))
			require.Equal(t, time.Second, (<-ended).Sub(began), name)
		}
	})
}

// Two deadlines inside the loop end an attempt, and leave the loop its time.
func TestTwoDeadlinesOfAnAttempt(t *testing.T) {
	for _, takes := range []time.Duration{60 * time.Millisecond, 90 * time.Millisecond, 120 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipeline(t, retry.Config{MaxRetries: 3, BaseDelay: 50 * time.Millisecond, Jitter: retry.NoJitter},
				deadline.In(100*time.Millisecond), breaker.Config{ConsecutiveFailures: 100}, deadline.In(80*time.Millisecond))
			attempts := 0
			require.ErrorIs(t, p.Do(t.Context(), func(context.Context) error {
				attempts++
				time.Sleep(takes)
				return resilience.MarkTransient(errFlaky)
			}), retry.ErrExhausted)
			require.Equal(t, 4, attempts, takes)
		})
	}
}

// If an observer is slow between the decision to retry and the pause, that counts against the call.
func TestAPauseEndsWithTheCall(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			row := []resilience.Stage{holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
				if e.Kind == resilience.EventRetry {
					time.Sleep(400 * time.Millisecond)
				}
			})), deadline.In(600 * time.Millisecond)}
			if guarded {
				row = append(row, resilience.Prebuilt(&open{}))
			}
			p := newPipeline(t, append(row, retry.Config{MaxRetries: 3, BaseDelay: 500 * time.Millisecond, Jitter: retry.NoJitter}, deadline.In(100*time.Millisecond))...)
			began := time.Now()
			require.ErrorIs(t, p.Do(t.Context(), func(context.Context) error { return resilience.MarkTransient(errFlaky) }), context.DeadlineExceeded)
			require.Equal(t, 600*time.Millisecond, time.Since(began), "guarded: %t", guarded)
		})
	}
}

// A limiter in a pipeline may be changed so that calls wait in it. What was decided when the
// pipeline was made must hold then as well: whose time the wait is, and when an attempt begins.
func TestALimiterThatIsToldToWait(t *testing.T) {
	now, later := ratelimit.Config{Rate: 1, Burst: 1}, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: -1}
	for how, told := range map[string]func(t *testing.T, row func(resilience.Stage) []resilience.Stage) *holdfast.Pipeline{
		"by its own Update": func(t *testing.T, row func(resilience.Stage) []resilience.Stage) *holdfast.Pipeline {
			t.Helper()
			l, err := ratelimit.New(now)
			require.NoError(t, err)
			p := newPipeline(t, row(l)...)
			require.NoError(t, l.Update(later))
			return p
		},
		"by the pipeline's": func(t *testing.T, row func(resilience.Stage) []resilience.Stage) *holdfast.Pipeline {
			t.Helper()
			p := newPipeline(t, row(now)...)
			require.NoError(t, p.Update(row(later)...))
			return p
		},
		"from the beginning": func(t *testing.T, row func(resilience.Stage) []resilience.Stage) *holdfast.Pipeline {
			t.Helper()
			return newPipeline(t, row(later)...)
		},
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the wait is the call's
				p := told(t, func(l resilience.Stage) []resilience.Stage {
					return []resilience.Stage{deadline.In(300 * time.Millisecond), l, deadline.In(200 * time.Millisecond)}
				})
				succeed := func(context.Context) error { return nil }
				require.NoError(t, p.Do(t.Context(), succeed))
				began := time.Now()
				require.ErrorIs(t, p.Do(t.Context(), succeed), ratelimit.ErrLimited)
				require.Zero(t, time.Since(began), "its token does not come in time")
			})
			synctest.Test(t, func(t *testing.T) { // and not the attempt's
				b, err := breaker.New(breaker.Config{SlowCallDuration: 100 * time.Millisecond, SlowCallRatio: 0.5, MinRequests: 4})
				require.NoError(t, err)
				p := told(t, func(l resilience.Stage) []resilience.Stage {
					return []resilience.Stage{l, b, deadline.In(200 * time.Millisecond)}
				})
				for range 5 {
					require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error {
						at, _ := ctx.Deadline()
						require.Equal(t, 200*time.Millisecond, time.Until(at))
						return ctx.Err()
					}))
				}
				require.Zero(t, b.Counts().Slow)
			})
		})
	}
}

// The methods that are exported only for pipelines do not panic on a stage that no New made, nor
// for nil arguments.
func TestTheEndsOfStagesThatAreNone(t *testing.T) {
	made, err := deadline.New(deadline.In(time.Second))
	require.NoError(t, err)
	gate, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	for _, b := range []*breaker.Breaker{nil, new(breaker.Breaker), gate} {
		require.Equal(t, errFlaky, b.Leave(t.Context(), nil, errFlaky))
		require.Equal(t, errFlaky, b.Leave(t.Context(), new(breaker.Entry), errFlaky))
		b.Abort(nil)
		b.Abort(new(breaker.Entry))
	}
	for _, d := range []*deadline.Policy{nil, new(deadline.Policy), made} {
		require.Equal(t, errFlaky, d.Returned(nil, errFlaky))
		require.Error(t, d.Cause())
	}
	for _, r := range []*retry.Policy{nil, new(retry.Policy)} {
		r.Arrived()
		r.Succeeded(mono.At(0))
	}
}

// late is a ctx that ends at once by its own word, and tells those derived from it a while later. A
// standard ctx does so too, only faster.
type late struct {
	context.Context

	tells time.Duration
}

func (l late) Value(any) any { return nil } // else package context would find the standard ctx

func (l late) AfterFunc(f func()) (stop func() bool) {
	return context.AfterFunc(l.Context, func() { time.Sleep(l.tells); f() })
}

// In a pause the loop hears of the caller's end before the ctx of its attempts does.
func TestNoAttemptAfterTheCallerHasGoneInAPause(t *testing.T) {
	for name, c := range map[string]struct {
		stages []resilience.Stage
		took   time.Duration
	}{
		"the call's deadline is a number": {[]resilience.Stage{deadline.In(10 * time.Second)}, 150 * time.Millisecond},
		"it is a ctx, which hears late":   {[]resilience.Stage{deadline.In(10 * time.Second), resilience.Prebuilt(&open{})}, 170 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipeline(t, append(c.stages,
				retry.Config{MaxRetries: 5, BaseDelay: 100 * time.Millisecond, Jitter: retry.NoJitter},
				deadline.In(time.Second),
			)...)
			parent, cancel := context.WithCancelCause(context.Background())
			time.AfterFunc(150*time.Millisecond, func() { cancel(errors.New("enough")) }) // in the second pause
			attempts := 0
			err := p.Do(late{parent, 20 * time.Millisecond}, func(ctx context.Context) error {
				attempts++
				ctx.Done()
				return resilience.MarkTransient(errFlaky)
			})
			require.Equal(t, 2, attempts, name)
			var stopped *retry.Error
			require.ErrorAs(t, err, &stopped, name)
			require.Equal(t, resilience.ReasonCanceled, stopped.Reason, name)
			require.Equal(t, c.took, stopped.Elapsed, name)
			time.Sleep(time.Second) // those derived are told
		})
	}
}
