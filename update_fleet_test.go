package holdfast_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Whether a fleet follows is none of a breaker's numbers, and none of a bank's: who turns it on or
// off keeps the state, the outcomes and the tokens, and the fleet's hook remains the same.
func TestUpdateOfFleetAloneKeepsEverything(t *testing.T) {
	for _, to := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			row := breaker.Config{ConsecutiveFailures: 3, Fleet: !to}
			bank := budget.Config{Burst: 4, Floor: -1, Fleet: !to}
			p := newPipeline(t, bank, retry.Config{MaxRetries: 1}, row)
			fail := func() {
				require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
			}
			fail()
			was, hook := p.Breakers()[0], hookOf(t, p)
			require.EqualValues(t, 2, was.Counts().Failures)
			require.InDelta(t, 3, p.Budget().Tokens(), 0)

			row.Fleet, bank.Fleet = to, to
			require.NoError(t, p.Update(bank, retry.Config{MaxRetries: 1}, row))
			is := p.Breakers()[0]
			require.Equal(t, to, is.Config().Fleet)
			require.Equal(t, to, p.Budget().Config().Fleet)
			require.Equal(t, was.Counts(), is.Counts())
			require.Equal(t, hook, hookOf(t, p))
			require.InDelta(t, 3, p.Budget().Tokens(), 0)

			fail() // the third failure in a row counts from before the update
			require.Equal(t, breaker.StateOpen, is.State())
			row.Fleet = !to
			require.NoError(t, p.Update(bank, retry.Config{MaxRetries: 1}, row))
			require.Equal(t, breaker.StateOpen, p.Breakers()[0].State())
			p.Breakers()[0].Isolate()
			row.Fleet = to
			require.NoError(t, p.Update(bank, retry.Config{MaxRetries: 1}, row))
			require.Equal(t, breaker.StateIsolated, p.Breakers()[0].State())
		})
	}
}

// The keys of a Keyed have the field as well, and keep their state when it changes.
func TestUpdateOfFleetAloneKeepsTheBreakersOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, breaker.Config{ConsecutiveFailures: 1})
		require.NoError(t, err)
		require.Error(t, hosts.Do(t.Context(), "a", func(context.Context) error { return errFlaky }))
		require.Equal(t, breaker.StateOpen, hosts.Get("a").Breakers()[0].State())
		require.NoError(t, hosts.Update(breaker.Config{ConsecutiveFailures: 1, Fleet: true}))
		b := hosts.Get("a").Breakers()[0]
		require.True(t, b.Config().Fleet)
		require.Equal(t, breaker.StateOpen, b.State())
	})
}

func hookOf(t *testing.T, p *holdfast.Pipeline) advice.Breaker {
	t.Helper()
	hook, ok := advice.Of(p.Breakers()[0])
	require.True(t, ok)
	return hook
}
