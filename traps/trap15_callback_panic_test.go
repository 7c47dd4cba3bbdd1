package traps_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type panickyJitter struct{}

func (panickyJitter) Jitter(retry.Step) time.Duration { panic("jitter") }

// Pins: a callback that panics takes the call down and nothing else: no permit and no token is
// kept, and no lock held.
func TestPanickingCallbackLeavesNothingBehind(t *testing.T) {
	for name, c := range map[string]struct {
		retry   retry.Config
		breaker breaker.Config
	}{
		"RetryIf":          {retry: retry.Config{RetryIf: func(error) bool { panic("RetryIf") }}},
		"retry classifier": {retry: retry.Config{Classify: func(error) resilience.Verdict { panic("Classify") }}},
		"jitter":           {retry: retry.Config{Jitter: panickyJitter{}}},
		"backoff":          {retry: retry.Config{Backoff: retry.BackoffFunc(func(int) time.Duration { panic("backoff") })}},
		"breaker classifier": {breaker: breaker.Config{Classify: func(error) resilience.Verdict {
			panic("Classify")
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
				gate, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
				require.NoError(t, err)
				bank, err := budget.New(budget.Config{Floor: -1})
				require.NoError(t, err)
				c.breaker.ConsecutiveFailures = 100
				b, err := breaker.New(c.breaker)
				require.NoError(t, err)
				call := assemble(gate, bank, c.retry, b)
				for range 15 {
					require.NotNil(t, survive(func() { _ = call.Wrap(unexplained)(t.Context()) }))
				}
				require.Zero(t, gate.Stats().InUse)
				require.InDelta(t, 10, bank.Tokens(), 0)
				require.Equal(t, breaker.StateClosed, b.State())
				require.NoError(t, call.Wrap(working)(t.Context()))
				if p, ok := call.(*holdfast.Pipeline); ok {
					require.Zero(t, p.Snapshot().Live)
				}
			})
		})
	}
}

// Pins: an observer that panics, at whatever event, leaves nothing behind either.
func TestPanickingObserverLeavesNothingBehind(t *testing.T) {
	for _, kind := range []resilience.EventKind{
		resilience.EventAttempt, resilience.EventRetry, resilience.EventGiveUp, resilience.EventReject,
		resilience.EventBreaker, resilience.EventShadow, resilience.EventCall,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
				require.NoError(t, err)
				bank, err := budget.New(budget.Config{Burst: 1, Floor: -1, Shadow: true})
				require.NoError(t, err)
				b, err := breaker.New(breaker.Config{ConsecutiveFailures: 4, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Second})
				require.NoError(t, err)
				on, panicked := true, 0
				p, err := holdfast.New("payments", holdfast.Observe(resilience.ObserverFunc(
					func(_ context.Context, e resilience.Event) {
						if on && e.Kind == kind {
							panicked++
							panic(kind)
						}
					})), gate, bank, retry.Config{MaxRetries: 1, BaseDelay: time.Millisecond}, b)
				require.NoError(t, err)

				for range 6 {
					_ = survive(func() { _ = p.Do(t.Context(), failing) })
				}
				require.Positive(t, panicked)
				on = false
				require.Zero(t, gate.Stats().InUse)
				require.Zero(t, p.Snapshot().Live)
				time.Sleep(time.Minute)
				require.NoError(t, p.Do(t.Context(), working))
				require.Equal(t, breaker.StateClosed, b.State())
				if kind == resilience.EventRetry {
					require.InDelta(t, 1, bank.Tokens(), 0, "the attempt was never made")
				}
			})
		})
	}
}
