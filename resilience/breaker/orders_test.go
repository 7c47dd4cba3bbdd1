package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

var (
	errOrder = errors.New(`by ada for the fleet: "card scheme down", until 2026-01-02T15:04:05Z`)
	errNext  = errors.New(`by bob for the fleet: "still down", until 2026-01-02T16:04:05Z`)
)

func TestAnOrderIsolatesAndSaysWhose(t *testing.T) {
	b := newBreaker(t, breaker.Config{Name: "payments"})
	var told []resilience.Event
	linked := link(t, b, func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventBreaker {
			told = append(told, e)
		}
	})
	hook := advised(t, b)
	from, by := hook.Isolate(errOrder)
	require.Equal(t, breaker.StateClosed, from)
	require.True(t, hook.Isolated(by))
	err := linked.Do(t.Context(), func(context.Context) error { return nil })
	require.EqualError(t, err, "payments: circuit breaker is isolated "+errOrder.Error())
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.ErrorIs(t, err, gobreaker.ErrOpenState)
	var refusal *breaker.OpenError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, errOrder, refusal.Why)
	require.True(t, refusal.Lasts())
	require.Zero(t, refusal.RetryAfter())
	require.EqualError(t, b.Why(), errOrder.Error())
	require.Equal(t, errOrder.Error(), b.Stats().Why)
	require.Equal(t, breaker.Counts{}, b.Counts())
	require.Len(t, told, 1)
	require.Equal(t, breaker.StateIsolated, told[0].To)
	require.Equal(t, errOrder, told[0].Why)

	from, next := hook.Isolate(errNext)
	require.Equal(t, breaker.StateIsolated, from)
	require.EqualError(t, b.Why(), errNext.Error())
	require.False(t, hook.Isolated(by))
	require.False(t, hook.Release(by), "it is no longer the reason")
	require.Equal(t, breaker.StateIsolated, b.State())
	require.True(t, hook.Release(next))
	require.False(t, hook.Release(next), "once")
	require.Equal(t, breaker.StateClosed, b.State())
	require.NoError(t, b.Why())
	require.NoError(t, linked.Do(t.Context(), func(context.Context) error { return nil }))
}

// What somebody does by hand after an order, or had done before, is not undone with it.
func TestAHandStandsAboveAnOrder(t *testing.T) {
	for name, hand := range map[string]func(b *breaker.Breaker){
		"Isolate": (*breaker.Breaker).Isolate, "Reset": (*breaker.Breaker).Reset,
		"Reset and Isolate": func(b *breaker.Breaker) { b.Reset(); b.Isolate() },
	} {
		b := newBreaker(t, breaker.Config{})
		hook := advised(t, b)
		_, by := hook.Isolate(errOrder)
		hand(b)
		state := b.State()
		require.NoError(t, b.Why(), name)
		require.False(t, hook.Isolated(by), name)
		require.False(t, hook.Release(by), name)
		require.Equal(t, state, b.State(), name)
	}
	b := newBreaker(t, breaker.Config{})
	hook := advised(t, b)
	b.Isolate()
	from, by := hook.Isolate(errOrder)
	require.Equal(t, breaker.StateIsolated, from)
	require.Nil(t, by)
	require.False(t, hook.Isolated(nil))
	require.False(t, hook.Release(nil))
	require.ErrorContains(t, b.Ready(), "circuit breaker is isolated by hand")
	require.Equal(t, breaker.StateIsolated, hook.Reset())
	require.Equal(t, breaker.StateClosed, b.State())
}

// An order finds a breaker in any state, with either kind of pauses.
func TestAnOrderInAnyState(t *testing.T) {
	for _, c := range []breaker.Config{
		{OpenFor: time.Second, ConsecutiveFailures: 3}, {OpenFor: time.Second, MinOpenFor: time.Second, ConsecutiveFailures: 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			open := func() *breaker.Breaker {
				b := newBreaker(t, c)
				for range 3 {
					_ = b.Do(t.Context(), func(context.Context) error { return errFleet })
				}
				require.Equal(t, breaker.StateOpen, b.State())
				return b
			}
			for _, wait := range []time.Duration{0, 2 * time.Second} {
				b := open()
				time.Sleep(wait)
				want := b.State()
				from, by := advised(t, b).Isolate(errOrder)
				require.Equal(t, want, from)
				time.Sleep(time.Hour)
				require.Equal(t, breaker.StateIsolated, b.State(), "it does not probe")
				require.True(t, advised(t, b).Release(by))
				require.Equal(t, breaker.StateClosed, b.State())
				require.Zero(t, b.Counts().Failures)

				b = open()
				time.Sleep(wait)
				require.Equal(t, want, advised(t, b).Reset())
				require.Equal(t, breaker.StateClosed, b.State())
				require.NoError(t, b.Do(t.Context(), func(context.Context) error { return nil }))
			}
			b := open()
			time.Sleep(2 * time.Second)
			err := b.Do(t.Context(), func(context.Context) error { // a probe under way
				_, by := advised(t, b).Isolate(errOrder)
				require.NotNil(t, by)
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, breaker.StateIsolated, b.State(), "a probe from before closes nothing")
		})
	}
}
