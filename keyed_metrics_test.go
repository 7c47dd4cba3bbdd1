package holdfast_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Prometheus gets the same series for a thousand keys as for one.
func TestMetricsDoNotGrowWithTheKeys(t *testing.T) {
	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	stages := []resilience.Stage{holdfast.Observe(metrics), fastRetries(), breaker.Config{ConsecutiveFailures: 1}}
	k := newKeyed[int](t, holdfast.KeyedConfig{Size: 100}, stages...)
	gather := func() (series int, calls, inFlight, opened float64) {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				series++
				for _, label := range m.GetLabel() {
					if label.GetName() == "pipeline" {
						require.Equal(t, "hosts", label.GetValue())
					}
				}
				switch f.GetName() {
				case "holdfast_calls_total":
					calls += m.GetCounter().GetValue()
				case "holdfast_calls_in_flight":
					inFlight += m.GetGauge().GetValue()
				case "holdfast_breaker_transitions_total":
					opened += m.GetCounter().GetValue()
				}
			}
		}
		return series, calls, inFlight, opened
	}
	_ = k.Do(t.Context(), 0, succeed)
	_ = k.Do(t.Context(), 0, flake)
	before, _, _, _ := gather()
	for key := 1; key <= 1000; key++ {
		_ = k.Do(t.Context(), key, succeed)
	}
	for key := 1001; key <= 1050; key++ {
		_ = k.Do(t.Context(), key, flake)
	}
	_ = k.Do(t.Context(), 2000, func(context.Context) error {
		_, _, inFlight, _ := gather()
		require.EqualValues(t, 1, inFlight)
		return nil
	})
	after, calls, inFlight, opened := gather()
	require.Equal(t, before, after)
	require.EqualValues(t, 1053, calls)
	require.Zero(t, inFlight)
	require.EqualValues(t, 51, opened, "how many breakers opened, of all keys")
	runtime.KeepAlive(k) // the observer does not keep it alive
}

// A log says which key's breaker opened.
func TestALogNamesTheKey(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	k := newKeyed[string](t, holdfast.KeyedConfig{}, holdfast.Observe(resilience.NewLogObserver(log)), breaker.Config{ConsecutiveFailures: 1})
	_ = k.Do(t.Context(), "api.example.com", flake)
	tune(t, k.Overflow(), holdfast.Tuning{Isolate: []string{"hosts (overflow)"}})
	_ = k.Overflow().Do(t.Context(), flake)
	require.Equal(t, `level=WARN msg="circuit breaker open" pipeline=hosts key=api.example.com stage=breaker breaker=hosts[api.example.com] from=closed to=open why="1 failure (ConsecutiveFailures is 1)"
level=INFO msg="pipeline changed by hand" pipeline=hosts what="breaker hosts (overflow)" from=closed to=isolated by=""
level=WARN msg="circuit breaker isolated" pipeline=hosts stage=breaker breaker="hosts (overflow)" from=closed to=isolated
`, out.String())
}
