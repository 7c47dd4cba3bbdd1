package fleet_test

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// An order reaches the services that are followed: one that somebody turns off in the file is as it
// was before, at once, and not when the order's time is over.
func TestAnOrderForAServiceThatIsFollowedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := bytes.Repeat([]byte("k"), 32)
		store, registry := fleet.InProcess(), holdfast.NewRegistry()
		join := func() *fleet.Fleet {
			f, err := fleet.Join(t.Context(), store, "shop", fleet.WithKey(key), fleet.WithLogger(slog.New(slog.DiscardHandler)))
			require.NoError(t, err)
			return f
		}
		f, issuer := join(), join()
		defer f.Leave()
		defer issuer.Leave()
		f.Follow(registry)
		follow := func(is bool) {
			require.NoError(t, registry.Apply(holdfast.Services{"payments": {breaker.Config{Fleet: is}}}))
			time.Sleep(2 * time.Second)
		}
		state := func() breaker.State {
			p, ok := registry.Get("payments")
			require.True(t, ok)
			return p.Breakers()[0].State()
		}
		follow(true)
		o := fleet.Order{By: "ada", Why: "card scheme down", For: time.Hour}
		require.NoError(t, issuer.Isolate(t.Context(), "payments", o))
		time.Sleep(2 * time.Second)
		require.Equal(t, breaker.StateIsolated, state())

		follow(false)
		require.Equal(t, breaker.StateClosed, state())
		follow(true)
		require.Equal(t, breaker.StateIsolated, state(), "for the rest of its time")

		follow(false)
		require.NoError(t, issuer.Withdraw(t.Context(), "payments", fleet.OrderIsolate, o))
		follow(true)
		require.Equal(t, breaker.StateClosed, state(), "it was withdrawn meanwhile")
	})
}
