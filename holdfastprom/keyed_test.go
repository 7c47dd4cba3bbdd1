package holdfastprom_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A Total says how many keys have an open breaker. It shows no breaker of its own, which would look
// closed.
func TestTheBreakersOfKeys(t *testing.T) {
	m, r := newMetrics(t)
	hosts, err := holdfast.NewKeyed[string]("payments", holdfast.KeyedConfig{Size: 10}, holdfast.Observe(m), breaker.Config{ConsecutiveFailures: 1})
	require.NoError(t, err)
	names := []string{"keyed_breakers_open", "keyed_keys", "keyed_overflowed_total"}
	require.Equal(t, []string{"keyed_breakers_open 0", "keyed_keys 0", "keyed_overflowed_total 0"}, shown(t, r, names...))
	for _, host := range []string{"a", "b", "c"} {
		require.Error(t, hosts.Do(t.Context(), host, fail))
	}
	require.NoError(t, hosts.Do(t.Context(), "d", succeed))
	require.Equal(t, []string{"keyed_breakers_open 3", "keyed_keys 4", "keyed_overflowed_total 0"}, shown(t, r, names...))
	require.Empty(t, shown(t, r, "breaker_state"))

	for i := range 20 { // 7 open breakers take the room that there is, and d's place
		_ = hosts.Do(t.Context(), fmt.Sprint(i), fail)
	}
	require.Equal(t, []string{"keyed_breakers_open 10", "keyed_keys 10", "keyed_overflowed_total 13"}, shown(t, r, names...))
	problems, err := testutil.GatherAndLint(r)
	require.NoError(t, err)
	require.Empty(t, problems)

	newPipeline(t, "search", holdfast.Observe(m), plain(0))
	require.Len(t, shown(t, r, names...), 3, "only a Keyed has them")
	runtime.KeepAlive(hosts)
}
