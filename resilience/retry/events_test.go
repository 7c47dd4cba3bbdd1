package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type recording []resilience.Event

func (r *recording) Observe(_ context.Context, e resilience.Event) { *r = append(*r, e) }

func watched(p *retry.Policy, o resilience.Observer, outer ...resilience.Policy) resilience.Policy {
	at := stage.PlaceIn(append(outer, p), len(outer))
	at.Pipeline, at.Observer = "payments", o
	return at.Link()
}

func TestEventsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard recording
		p := newPolicy(t, withoutJitter(retry.Config{MaxRetries: 2}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := watched(p, &heard).Wrap(failing)(ctx)
		event := func(kind resilience.EventKind, attempt int) resilience.Event {
			return resilience.Event{
				Kind: kind, Pipeline: "payments", Stage: "retry", Verdict: resilience.Transient, Attempt: attempt, Err: errDown,
			}
		}
		first, second, last := event(resilience.EventRetry, 1), event(resilience.EventRetry, 2), event(resilience.EventGiveUp, 0)
		first.Delay, second.Delay = 100*time.Millisecond, 200*time.Millisecond
		last.Attempts, last.Reason, last.Elapsed, last.Err = 3, resilience.ReasonExhausted, 300*time.Millisecond, err
		require.Equal(t, recording{first, second, last}, heard)
	})
}

// Whoever hears that a call gave up in its pause finds the token of the retry that was not made
// back in the bank.
func TestTheTokenIsBackBeforeTheCallGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Floor: -1, Burst: 3})
		heard := map[resilience.EventKind]float64{}
		p := watched(newPolicy(t, retry.Config{BaseDelay: time.Hour}), resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			heard[e.Kind] = bank.Tokens()
		}), bank)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, p.Wrap(failing)(ctx), context.Canceled)
		require.Equal(t, map[resilience.EventKind]float64{resilience.EventRetry: 2, resilience.EventGiveUp: 3}, heard)
	})
}

func TestNoEventsWhereNothingIsDecided(t *testing.T) {
	var heard recording
	p := watched(newPolicy(t, retry.Config{}), &heard)
	require.NoError(t, p.Wrap(play().op)(t.Context()))
	require.Error(t, p.Wrap(play(errRefused).op)(t.Context()))
	require.Empty(t, heard)
}

func TestShadowEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard recording
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Shadow: true})
		require.NoError(t, watched(newPolicy(t, retry.Config{}), &heard, bank).Wrap(play(errDown).op)(t.Context()))
		require.Len(t, heard, 2)
		require.Equal(t, resilience.EventShadow, heard[0].Kind)
		require.Equal(t, resilience.ReasonBudget, heard[0].Reason)
		require.Equal(t, resilience.EventRetry, heard[1].Kind)
	})
}

func TestEventsOfStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard recording
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := watched(newPolicy(t, retry.Config{}), &heard).Wrap(failing)(ctx)
		require.Equal(t, recording{{
			Kind: resilience.EventGiveUp, Pipeline: "payments", Stage: "retry", Verdict: resilience.Canceled,
			Reason: resilience.ReasonCanceled, Err: err,
		}}, heard)

		heard = nil
		empty := newBudget(t, budget.Config{Initial: -1, Floor: -1})
		err = watched(newPolicy(t, retry.Config{}), &heard, empty).Wrap(failing)(t.Context())
		require.Len(t, heard, 1)
		require.Equal(t, resilience.ReasonBudget, heard[0].Reason)
		require.Equal(t, err, heard[0].Err)
	})
}

// Pins: linking leaves the policy it was called on alone: one policy, many places.
func TestLinkChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard recording
		p := newPolicy(t, retry.Config{})
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1})
		b, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		b.Isolate()
		at := stage.PlaceIn([]resilience.Policy{bank, p, b}, 1)
		at.Pipeline, at.Observer = "a", &heard
		_ = at.Link()
		require.ErrorIs(t, p.Do(t.Context(), failing), retry.ErrExhausted)
		require.Empty(t, heard)
	})
}

// Pins: of two budgets around a loop the nearest pays.
func TestNearestBudgetPays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, near := newBudget(t, budget.Config{Floor: -1}), newBudget(t, budget.Config{Floor: -1})
		_ = resilience.Chain(far, near, newPolicy(t, retry.Config{})).Wrap(failing)(t.Context())
		require.InDelta(t, 10, far.Tokens(), 0)
		require.InDelta(t, 7, near.Tokens(), 0)
	})
}
