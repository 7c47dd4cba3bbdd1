package holdfastotel_test

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRefused = errors.New("connection refused")
	errDown    = resilience.MarkTransient(errRefused)
)

func succeed(context.Context) error { return nil }

func fail(context.Context) error { return errDown }

// sdk is OpenTelemetry's SDK with everything kept in memory.
type sdk struct {
	reader  *sdkmetric.ManualReader
	meters  *sdkmetric.MeterProvider
	spans   *tracetest.InMemoryExporter
	tracers *sdktrace.TracerProvider
}

func newSDK(t *testing.T, opts ...sdkmetric.ManualReaderOption) *sdk {
	t.Helper()
	s := &sdk{reader: sdkmetric.NewManualReader(opts...), spans: tracetest.NewInMemoryExporter()}
	s.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	s.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	return s
}

func (s *sdk) tracer() trace.Tracer { return s.tracers.Tracer("test") }

func (s *sdk) observer(t *testing.T, opts ...holdfastotel.Option) *holdfastotel.Observer {
	t.Helper()
	o, err := holdfastotel.New(append([]holdfastotel.Option{
		holdfastotel.WithMeterProvider(s.meters), holdfastotel.WithTracerProvider(s.tracers),
	}, opts...)...)
	require.NoError(t, err)
	return o
}

func (s *sdk) pipeline(t *testing.T, name string, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	return observed(t, s.observer(t), name, stages...)
}

// observed returns a pipeline that stays alive until the test ends, since an Observer does not keep
// it alive.
func observed(t *testing.T, o resilience.Observer, name string, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New(name, append([]resilience.Stage{holdfast.Observe(o)}, stages...)...)
	require.NoError(t, err)
	t.Cleanup(func() { runtime.KeepAlive(p) })
	return p
}

// inSpan runs f under a span of the caller and returns all spans that ended, the caller's last.
func (s *sdk) inSpan(ctx context.Context, f func(ctx context.Context)) tracetest.SpanStubs {
	s.spans.Reset()
	ctx, span := s.tracer().Start(ctx, "caller")
	f(ctx)
	span.End()
	return s.spans.GetSpans()
}

// events returns the events of the only span that f produces.
func (s *sdk) events(t *testing.T, f func(ctx context.Context)) []sdktrace.Event {
	t.Helper()
	spans := s.inSpan(t.Context(), f)
	require.Len(t, spans, 1)
	require.Zero(t, spans[0].Status, "the caller's span is the caller's")
	return spans[0].Events
}

// read returns the points of all metrics: "name{attributes}" and the value; of a histogram, the
// count under its own name and the sum under that with " sum". Attributes come in order, without
// the pipeline's if that is "payments", and without the prefix "holdfast.".
func (s *sdk) read(t *testing.T) map[string]float64 {
	t.Helper()
	points := map[string]float64{}
	for _, m := range s.collect(t) {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				points[key(m.Name, p.Attributes)] = float64(p.Value)
			}
		case metricdata.Sum[float64]:
			for _, p := range data.DataPoints {
				points[key(m.Name, p.Attributes)] = p.Value
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				points[key(m.Name, p.Attributes)] = p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				points[key(m.Name, p.Attributes)] = float64(p.Count)
				points[key(m.Name, p.Attributes)+" sum"] = p.Sum
			}
		default:
			require.Failf(t, "a kind of metric that nobody expects", "%s: %T", m.Name, m.Data)
		}
	}
	return points
}

func (s *sdk) collect(t *testing.T) []metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &all))
	if len(all.ScopeMetrics) == 0 {
		return nil
	}
	require.Len(t, all.ScopeMetrics, 1)
	require.Equal(t, "github.com/media-gateway/holdfast/holdfastotel", all.ScopeMetrics[0].Scope.Name)
	return all.ScopeMetrics[0].Metrics
}

func key(name string, set attribute.Set) string {
	var pairs []string
	for _, kv := range set.ToSlice() {
		if kv.Key == "holdfast.pipeline.name" && kv.Value.AsString() == "payments" {
			continue
		}
		pairs = append(pairs, strings.TrimPrefix(string(kv.Key), "holdfast.")+"="+kv.Value.String())
	}
	name = strings.TrimPrefix(name, "holdfast.")
	if pairs == nil {
		return name
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// requirePoints checks that points holds all of want.
func requirePoints(t *testing.T, want, points map[string]float64) {
	t.Helper()
	for k, v := range want {
		got, ok := points[k]
		require.Truef(t, ok, "no point %s; there are %v", k, names(points))
		require.InDeltaf(t, v, got, 1e-9, "%s", k)
	}
}

func names(points map[string]float64) (all []string) {
	for k := range points {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// pause is how long a breaker stays open, which is up to chance.
var pause = regexp.MustCompile(`next probe in [0-9.a-z]+`)

// words returns events as "name{attributes}", as read does with points.
func words(events []sdktrace.Event) (all []string) {
	for _, e := range events {
		all = append(all, pause.ReplaceAllString(key(e.Name, attribute.NewSet(e.Attributes...)), "next probe in …"))
	}
	return all
}
