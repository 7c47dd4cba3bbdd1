package holdfastotel_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/policytest"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestContract(t *testing.T) {
	policytest.TestObserver(t, func() resilience.Observer { return newSDK(t).observer(t, holdfastotel.WithAttemptSpans()) })
}

func TestOptions(t *testing.T) {
	_, err := holdfastotel.New(holdfastotel.WithMeterProvider(nil), nil, holdfastotel.WithTracerProvider(nil))
	require.EqualError(t, err, "holdfastotel: WithMeterProvider is <nil>; want a MeterProvider; leave the option out for the global one\n"+
		"holdfastotel: WithTracerProvider is <nil>; want a TracerProvider; leave the option out for the global one")
}

func TestGlobalProviders(t *testing.T) {
	s := newSDK(t)
	meters, tracers := otel.GetMeterProvider(), otel.GetTracerProvider()
	otel.SetMeterProvider(s.meters)
	otel.SetTracerProvider(s.tracers)
	t.Cleanup(func() {
		otel.SetMeterProvider(meters)
		otel.SetTracerProvider(tracers)
	})
	o, err := holdfastotel.New(holdfastotel.WithAttemptSpans())
	require.NoError(t, err)
	p := observed(t, o, "payments", retry.Default())
	require.Len(t, s.inSpan(t.Context(), func(ctx context.Context) { _ = p.Do(ctx, succeed) }), 2)
	requirePoints(t, points{"calls{outcome=success,reason=none}": 1}, s.read(t))
}

// refusing is a MeterProvider whose instruments and callbacks fail.
type refusing struct{ metric.MeterProvider }

func (r refusing) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return refusingMeter{r.MeterProvider.Meter(name, opts...)}
}

type refusingMeter struct{ metric.Meter }

func (m refusingMeter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, &resilience.Error{Message: name}
}

func (m refusingMeter) Float64ObservableGauge(name string, _ ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return nil, &resilience.Error{Message: name}
}

func TestAProviderThatRefuses(t *testing.T) {
	_, err := holdfastotel.New(holdfastotel.WithMeterProvider(refusing{metricnoop.NewMeterProvider()}))
	require.ErrorContains(t, err, "holdfast.calls")
	require.ErrorContains(t, err, "holdfast.budget.shadow", "all of them at once")
}

// Pins: the instruments agree with the catalogue.
func TestInstrumentsAreThoseOfTheCatalogue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSDK(t)
		adaptive := retry.Config{MaxRetries: 1, BaseDelay: 1, Patient: true, Adaptive: &retry.Adaptive{}}
		o := s.observer(t)
		p := observed(t, o, "payments",
			ratelimit.Config{Rate: 100, MaxWait: 1}, bulkhead.Config{MaxConcurrent: 64, MaxWait: 1, QueueLimit: 1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}, budget.Config{}, adaptive, breaker.Config{})
		_ = p.Do(t.Context(), fail)
		_ = p.Do(t.Context(), func(context.Context) error { return context.DeadlineExceeded }) // cuts the limit
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Observe(o), retry.Default())
		require.NoError(t, err)
		followed(t, o)
		o.FollowConfig(broken{})
		got := map[string]metricdata.Metrics{}
		for _, m := range s.collect(t) {
			got[m.Name] = m
		}
		runtime.KeepAlive(hosts)
		require.Len(t, got, len(metrics.All()))
		for _, d := range metrics.All() {
			m := got[d.Name]
			require.Equal(t, d.Unit, m.Unit, d.Name)
			require.Equal(t, d.Help, m.Description, d.Name)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				require.Equal(t, d.Kind == metrics.Counter, data.IsMonotonic, d.Name)
			case metricdata.Sum[float64]:
				require.Equal(t, d.Kind == metrics.Counter, data.IsMonotonic, d.Name)
				require.Contains(t, []metrics.Kind{metrics.Counter, metrics.UpDownCounter}, d.Kind, d.Name)
			case metricdata.Gauge[float64]:
				require.Equal(t, metrics.Gauge, d.Kind, d.Name)
			case metricdata.Histogram[float64]:
				require.Equal(t, metrics.Histogram, d.Kind, d.Name)
				require.Equal(t, d.Bounds, data.DataPoints[0].Bounds, d.Name)
			default:
				require.Failf(t, "it is not there, or of a kind that nobody expects", "%s: %T", d.Name, m.Data)
			}
		}
	})
}

func TestPipelinesOfOneNameAreOne(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	first := observed(t, o, "payments", plain(1))
	second := observed(t, o, "payments", plain(1))
	other := observed(t, o, "logins", plain(1))
	require.NoError(t, first.Do(t.Context(), func(ctx context.Context) error {
		return second.Do(ctx, func(ctx context.Context) error {
			return other.Do(ctx, func(context.Context) error {
				requirePoints(t, points{"calls_in_flight": 2, "calls_in_flight{pipeline.name=logins}": 1}, s.read(t))
				return nil
			})
		})
	}))
	requirePoints(t, points{
		"calls{outcome=success,reason=none}":                      2,
		"calls{outcome=success,pipeline.name=logins,reason=none}": 1,
	}, s.read(t))
}

// An Observer that is not in the pipeline counts an event by the pipeline's name.
func TestUnbound(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	o.Observe(t.Context(), resilience.Event{Kind: resilience.EventCall, Pipeline: "payments"})
	got := s.read(t)
	requirePoints(t, points{"calls{outcome=success,reason=none}": 1}, got)
	require.NotContains(t, got, "calls_in_flight", "there is no pipeline to read it from")
}

// Pins: unknown values are counted as unknown, and end no call.
func TestUnknownValues(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	for kind := range resilience.EventUnclassified + 2 {
		o.Observe(t.Context(), resilience.Event{
			Kind: kind, Pipeline: "payments", Verdict: 99, Reason: 99, From: 99, To: 99, Attempt: 7, Attempts: 7, Stage: "guard",
		})
	}
	requirePoints(t, points{
		"calls{outcome=failure,reason=unknown}":                        1,
		"attempts{attempt.group=4+,verdict=invalid}":                   1,
		"denials{reason=unknown,stage=guard}":                          1,
		"breaker.transitions{breaker.from=unknown,breaker.to=unknown}": 1,
		"retries": 1,
	}, s.read(t))
}

// hush is a Guard whose String panics.
type hush struct{}

func (*hush) Acquire(context.Context) error               { return nil }
func (*hush) Release(context.Context, error)              {}
func (h *hush) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(h, next) }
func (h *hush) Build() (resilience.Policy, error)         { return h, nil }
func (*hush) String() string                              { panic("no words") }

// Pins: a panic while gauges are read does not end the process (they are read in the reader's
// goroutine).
func TestAStageThatPanicsWhenItIsRead(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	observed(t, o, "payments", &hush{})
	observed(t, o, "logins", plain(1))
	var all metricdata.ResourceMetrics
	require.ErrorContains(t, s.reader.Collect(t.Context(), &all), `holdfastotel: pipeline "payments": a stage panicked: no words`)
}

// The Observer does not keep a dropped pipeline alive, and does not read it.
func TestADroppedPipelineIsGone(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	gone := make(chan struct{})
	func() {
		p, err := holdfast.New("payments", holdfast.Observe(o), plain(1)) // not observed: that would keep it
		require.NoError(t, err)
		runtime.AddCleanup(p, func(ch chan struct{}) { close(ch) }, gone)
		require.NoError(t, p.Do(t.Context(), succeed))
		require.Contains(t, s.read(t), "calls_in_flight")
		runtime.KeepAlive(p)
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}, 10*time.Second, time.Millisecond)
	got := s.read(t)
	require.NotContains(t, got, "calls_in_flight")
	require.Equal(t, 1., got["calls{outcome=success,reason=none}"], "what was counted stays")

	observed(t, o, "payments", plain(1))
	require.Contains(t, s.read(t), "calls_in_flight", "its name can come again")
}

func TestClose(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	p := observed(t, o, "payments", plain(1))
	require.Contains(t, s.read(t), "calls_in_flight")
	require.NoError(t, o.Close())
	require.NoError(t, o.Close())
	require.NoError(t, p.Do(t.Context(), succeed))
	got := s.read(t)
	require.NotContains(t, got, "calls_in_flight")
	require.Equal(t, 1., got["calls{outcome=success,reason=none}"])
}

// A pipeline's budget may be replaced by a new one, which counts from 0. The counter must not fall.
func TestBudgetCountersNeverFall(t *testing.T) {
	for name, temporality := range map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSDK(t, sdkmetric.WithTemporalitySelector(temporality))
			o := s.observer(t)
			withNewBudget := func() []resilience.Stage {
				b, err := budget.New(budget.Config{Initial: -1, Floor: -1})
				require.NoError(t, err)
				return []resilience.Stage{holdfast.Observe(o), b, plain(1)}
			}
			p, err := holdfast.New("payments", withNewBudget()...)
			require.NoError(t, err)
			var sum float64
			for i, refusals := range []int{3, 1, 2, 0} {
				if i > 0 {
					require.NoError(t, p.Update(withNewBudget()...))
				}
				runtime.GC() // of the budget that was
				for range refusals {
					require.Error(t, p.Do(t.Context(), fail))
				}
				read := s.read(t)["budget.refused"]
				if name == "delta" {
					require.Equal(t, float64(refusals), read)
					continue
				}
				sum += float64(refusals)
				require.Equal(t, sum, read)
			}
			runtime.KeepAlive(p)
		})
	}
}

// Pipelines are created, used, read and dropped concurrently.
func TestConcurrentUse(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t, holdfastotel.WithAttemptSpans())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				p, err := holdfast.New("payments", holdfast.Observe(o), budget.Config{}, retry.Config{MaxRetries: 1, BaseDelay: 1})
				if err != nil {
					t.Error(err)
					return
				}
				_ = p.Do(t.Context(), succeed)
				_ = p.Do(t.Context(), fail)
			}
		})
	}
	for range 20 {
		s.read(t)
	}
	all.Wait()
	requirePoints(t, points{"calls{outcome=success,reason=none}": 200}, s.read(t))
}
