package breaker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// link returns b as it behaves in a pipeline.
func link(t *testing.T, b *breaker.Breaker, observe resilience.ObserverFunc) *breaker.Breaker {
	t.Helper()
	at := stage.PlaceIn([]resilience.Policy{b}, 0)
	at.Pipeline, at.Observer = "payments", observe
	return at.Link().(*breaker.Breaker) //nolint:forcetypeassert // it is its own kind
}

// renewed returns what an update of its Config makes of b, and whether it keeps the state.
func renewed(t *testing.T, b *breaker.Breaker, c breaker.Config) (*breaker.Breaker, bool) {
	t.Helper()
	r, err := stage.Of(b).Renew(b, c)
	require.NoError(t, err)
	r.Commit()
	return r.Policy.(*breaker.Breaker), r.Kept //nolint:forcetypeassert // it is its own kind
}

// another returns a breaker for a key, of the given name.
func another(t *testing.T, b *breaker.Breaker, name string) *breaker.Breaker {
	t.Helper()
	c := b.Config()
	c.Name = name
	p, err := stage.Of(b).Another(b, c, "hosts", "")
	require.NoError(t, err)
	return p.(*breaker.Breaker) //nolint:forcetypeassert // it is its own kind
}

func TestAnotherSharesNoState(t *testing.T) {
	first, err := breaker.New(breaker.Config{Name: "a", ConsecutiveFailures: 1})
	require.NoError(t, err)
	second := another(t, first, "b")
	want := first.Config()
	want.Name = "b"
	require.Equal(t, want, second.Config())
	second.Isolate()
	require.ErrorContains(t, second.Ready(), "b: circuit breaker is isolated")
	require.NoError(t, first.Ready())
	first.Isolate()
	second.Reset()
	require.ErrorContains(t, first.Ready(), "a: circuit breaker is isolated")
	require.NoError(t, second.Ready())
}

func TestALenientBreakerOpensByHandOnly(t *testing.T) {
	b := newBreaker(t, breaker.Config{Name: "a", ConsecutiveFailures: 1, MinRequests: 1, SlowCallDuration: 1})
	lenient := stage.Of(b).Lenient(b).(*breaker.Breaker) //nolint:forcetypeassert // it is its own kind
	require.Equal(t, b.Config(), lenient.Config())
	times(t, 100, lenient, failing)
	require.Equal(t, breaker.StateClosed, lenient.State())
	require.EqualValues(t, 100, lenient.Counts().Failures)
	require.Zero(t, b.Counts())
	lenient.Isolate()
	require.ErrorIs(t, lenient.Do(t.Context(), working), breaker.ErrOpen)
	require.NoError(t, b.Ready())
	lenient.Reset()
	require.NoError(t, lenient.Do(t.Context(), working))

	kept, same := renewed(t, lenient, lenient.Config())
	require.True(t, same)
	times(t, 9, kept, failing)
	require.Equal(t, breaker.StateClosed, kept.State())
	strict := another(t, lenient, "b")
	times(t, 1, strict, failing)
	require.Equal(t, breaker.StateOpen, strict.State())
}
