package demo

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// brief is the Config of a play of two seconds.
func brief() Config {
	c := Full()
	c.Healthy, c.Outage, c.Recovery = 300*ms, 500*ms, 1200*ms
	return c
}

// The only test that plays over HTTP in real time. It checks that the figures add up. It does not
// check how well the clients do, which depends on the machine.
func TestPlayAddsUp(t *testing.T) {
	cfg := brief()
	r, err := Play(t.Context(), cfg, NoScreen())
	require.NoError(t, err)
	require.False(t, r.Interrupted)
	require.InDelta(t, inSeconds(cfg.Length()), r.RanSeconds, 0)
	require.NotEmpty(t, r.Summary)

	arrivals := len(Schedule(cfg.Seed, cfg.Rate, cfg.Length(), len(dependencies)))
	require.Len(t, r.Clients, len(strategies))
	for i, c := range r.Clients {
		t.Run(c.Name, func(t *testing.T) {
			require.Equal(t, strategies[i].name, c.Name)
			require.Equal(t, arrivals, c.Calls+int(c.Dropped))
			requireSums(t, c)
			requireBackends(t, c)
			switch c.Name {
			case nameSingle:
				require.Equal(t, c.Calls, c.Attempts)
			case nameHoldfast:
				require.NotNil(t, c.Denials)
				return
			}
			require.Nil(t, c.Denials)
		})
	}
}

func requireSums(t *testing.T, c ClientReport) {
	t.Helper()
	outcomes := 0
	for _, n := range c.Outcomes {
		outcomes += n
	}
	require.Equal(t, c.Calls, outcomes)
	require.Zero(t, c.Outcomes[Interrupted.String()])
	require.Equal(t, c.Calls, c.Before.Calls+c.During.Calls+c.After.Calls)
	require.Equal(t, c.Attempts, c.Before.Attempts+c.During.Attempts+c.After.Attempts)
	require.Equal(t, c.Outcomes[Good.String()], c.Before.Good+c.During.Good+c.After.Good)
	require.InDelta(t, float64(c.Attempts)/float64(c.Calls), c.Amplification, 1e-9)
}

func requireBackends(t *testing.T, c ClientReport) {
	t.Helper()
	require.Len(t, c.Backends, len(dependencies))
	for _, b := range c.Backends {
		require.Equal(t, b.Received, b.Served+b.Failed+b.Shed+b.Wasted+b.Unfinished)
		require.NotZero(t, b.Received)
	}
	// An attempt may end before it is connected, and then never arrives.
	sum := c.requests()
	require.LessOrEqual(t, sum.Received, uint64(c.Attempts))
	require.LessOrEqual(t, uint64(c.Outcomes[Good.String()]), sum.Served)
}

func TestClientDropsWhatIsTooMuch(t *testing.T) {
	cfg := brief()
	cfg.MaxInFlight = 0
	c, err := newClient(strategies[0], cfg)
	require.NoError(t, err)
	defer c.shutDown()
	c.start(t.Context(), Arrival{})
	require.Equal(t, int64(1), c.ledger.dropped.Load())
	require.Empty(t, c.ledger.calls)
}

func TestShutDownLeavesNobodyListening(t *testing.T) {
	c, err := newClient(strategies[1], brief())
	require.NoError(t, err)
	c.start(t.Context(), Arrival{At: time.Second, Backend: 1})
	c.shutDown()
	require.Len(t, c.ledger.calls, 1)
	require.Equal(t, Good, c.ledger.calls[0].Outcome)
	for _, s := range c.servers {
		_, err := http.Get(s.url) //nolint:bodyclose,noctx // it fails
		require.Error(t, err)
	}
}

func TestRequestTellsStatusesApart(t *testing.T) {
	cfg := BackendConfig{Workers: 1, Queue: 1, FaultRate: 1}
	s, err := serve("payments", NewBackend(cfg, 1))
	require.NoError(t, err)
	defer s.shutDown()
	c := newHTTPClient()
	defer c.CloseIdleConnections()
	err = request(t.Context(), c, s.name, s.url)
	require.ErrorContains(t, err, "payments")
	require.ErrorContains(t, err, "500")
}
