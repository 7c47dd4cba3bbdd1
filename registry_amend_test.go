package holdfast_test

import (
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestAmend(t *testing.T) {
	errOdd := errors.New("odd")
	odd := func(s []resilience.Stage) []resilience.Stage {
		for i := range s {
			if c, ok := s[i].(retry.Config); ok {
				c.RetryIf = func(err error) bool { return errors.Is(err, errOdd) }
				s[i] = c
			}
		}
		return s
	}
	set := func(retries int) holdfast.Services {
		return holdfast.Services{"payments": {retry.Custom(retries, 1, 1, false)}}
	}
	attempts := func(p *holdfast.Pipeline) int {
		op, runs := failing(math.MaxInt, errOdd)
		require.Error(t, p.Do(t.Context(), op))
		return *runs
	}
	var heard diary
	r := holdfast.NewRegistry(&heard)
	given := set(2)
	require.NoError(t, r.Apply(given))
	p := r.MustGet("payments")
	require.Equal(t, 1, attempts(p), "an unknown error")
	heard.take()
	require.NoError(t, r.Amend("payments", odd))
	require.Len(t, heard.take(), 1, "an update, at once")
	require.Same(t, p, r.MustGet("payments"))
	require.Equal(t, 3, attempts(p))
	require.Equal(t, set(2), given, "what was given is not changed")

	changes, err := r.Reconcile(set(2))
	require.NoError(t, err)
	require.Zero(t, changes, "the amendment does not make other stages of the same")
	require.NoError(t, r.Apply(set(4)))
	require.Equal(t, 5, attempts(p), "it holds for every Apply")

	// a second one comes after the first, and one may come before its service
	guard := &door{}
	guarded := func(s []resilience.Stage) []resilience.Stage {
		return append([]resilience.Stage{holdfast.Observe(&diary{}), resilience.Prebuilt(guard)}, s...)
	}
	require.NoError(t, r.Amend("payments", guarded))
	require.NoError(t, r.Amend("orders", guarded))
	require.Equal(t, 5, attempts(p))
	require.EqualValues(t, 1, guard.admitted.Load())
	require.NoError(t, r.Apply(holdfast.Services{"orders": {plain(1)}}))
	require.NoError(t, r.MustGet("orders").Do(t.Context(), succeed))
	require.EqualValues(t, 2, guard.admitted.Load())
}

func TestARefusedAmendmentIsForgotten(t *testing.T) {
	r := newRegistry(t, two())
	require.NoError(t, r.Amend("payments", func(s []resilience.Stage) []resilience.Stage { return s }))
	before := r.MustGet("payments").String()
	err := r.Amend("payments", func(s []resilience.Stage) []resilience.Stage { return append(s, retry.Config{}, nil) })
	require.ErrorContains(t, err, "payments: stage 7: a second retry loop")
	require.ErrorContains(t, err, "payments: stage 8 is nil")
	require.Equal(t, before, r.MustGet("payments").String())
	require.NoError(t, r.Apply(holdfast.Services{"payments": holdfast.Standard()}))

	require.ErrorContains(t, r.Amend("payments", nil), `Amend "payments": change is nil`)
	require.NoError(t, r.Amend("orders", func([]resilience.Stage) []resilience.Stage { return nil }))
	require.ErrorContains(t, r.Apply(holdfast.Services{"orders": holdfast.Standard()}), "orders: no stages")
}

// Of two amendments at once, the one that began later ends first: both are kept, once each.
func TestAmendmentsAtOnceAreAllKept(t *testing.T) {
	guarded := func(g *door, before func()) func([]resilience.Stage) []resilience.Stage {
		return func(s []resilience.Stage) []resilience.Stage {
			before()
			return append(s, resilience.Prebuilt(g))
		}
	}
	r := newRegistry(t, holdfast.Services{"payments": {plain(1)}})
	for range 3 { // so that there is room for one more in a slice that both might write to
		require.NoError(t, r.Amend("payments", func(s []resilience.Stage) []resilience.Stage { return s }))
	}
	var first, second door
	begun, kept, done := make(chan struct{}), make(chan struct{}), make(chan error)
	var once, onceMore sync.Once
	require.NoError(t, r.Amend("payments", guarded(&first, func() {
		once.Do(func() {
			go func() {
				done <- r.Amend("payments", guarded(&second, func() {
					onceMore.Do(func() { close(begun); <-kept })
				}))
			}()
			<-begun
		})
	})))
	close(kept)
	require.NoError(t, <-done)
	require.NoError(t, r.MustGet("payments").Do(t.Context(), succeed))
	require.EqualValues(t, 1, first.admitted.Load())
	require.EqualValues(t, 1, second.admitted.Load())
}
