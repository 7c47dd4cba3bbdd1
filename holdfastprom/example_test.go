package holdfastprom_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// print prints the lines of a scrape that begin with prefix.
func print(registry *prometheus.Registry, prefix string) {
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, prefix) && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
}

// One Metrics is registered once, and observes any number of pipelines.
func ExampleNew() {
	metrics, err := holdfastprom.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry() // or prometheus.MustRegister(metrics)
	registry.MustRegister(metrics)

	payments, err := holdfast.New("payments", holdfast.Observe(metrics), retry.Config{BaseDelay: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, attempts := context.Background(), 0
	_ = payments.Do(ctx, func(context.Context) error {
		if attempts++; attempts < 3 {
			return resilience.MarkTransient(fmt.Errorf("attempt %d failed", attempts))
		}
		return nil
	})
	print(registry, "holdfast_calls_total")
	print(registry, "holdfast_attempts_total")
	// Output:
	// holdfast_calls_total{outcome="success",pipeline="payments",reason="none"} 1
	// holdfast_attempts_total{attempt="1",pipeline="payments",verdict="transient"} 1
	// holdfast_attempts_total{attempt="2",pipeline="payments",verdict="transient"} 1
	// holdfast_attempts_total{attempt="3",pipeline="payments",verdict="success"} 1
}

// Watch counts a pipeline that was made without the observer, from now on.
func ExampleMetrics_ForPipeline() {
	payments := holdfast.Must(holdfast.New("payments", retry.Config{}))

	metrics, err := holdfastprom.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	stop := payments.Watch(metrics) // calls ForPipeline
	defer stop()

	_ = payments.Do(context.Background(), func(context.Context) error { return nil })
	print(registry, "holdfast_calls_total")
	// Output:
	// holdfast_calls_total{outcome="success",pipeline="payments",reason="none"} 1
}

// A fleet calls Follow by itself if the Metrics are its observer.
func ExampleMetrics_Follow() {
	metrics, err := holdfastprom.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	// With holdfastfleet.Join it is the same, on Redis.
	fleet, err := fleet.Join(context.Background(), fleet.InProcess(), "checkout", fleet.WithObserver(metrics))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	print(registry, "# TYPE holdfast_fleet_apart")
	print(registry, "# TYPE holdfast_fleet_misses")
	// Output:
	// # TYPE holdfast_fleet_apart gauge
	// # TYPE holdfast_fleet_misses_total counter
}

// Buckets for a dependency that answers within 20 ms, if it answers.
func ExampleWithBuckets() {
	metrics, err := holdfastprom.New(holdfastprom.WithBuckets(.005, .01, .02, .05, .1))
	fmt.Println(metrics != nil, err)

	_, err = holdfastprom.New(holdfastprom.WithBuckets(.1, .05))
	fmt.Println(err)
	// Output:
	// true <nil>
	// holdfastprom: WithBuckets is [0.1 0.05]; want rising bounds above 0, in seconds
}

// Only native histograms: a fine resolution, and one series per histogram.
func ExampleWithNativeHistograms() {
	metrics, err := holdfastprom.New(holdfastprom.WithBuckets(), holdfastprom.WithNativeHistograms(1.1))
	fmt.Println(metrics != nil, err)
	// Output:
	// true <nil>
}

type traceKey struct{}

// The ID of a call's trace is attached to its duration as an exemplar. With OpenTelemetry, it is
// trace.SpanContextFromContext(ctx).TraceID(), if the trace is sampled.
func ExampleWithExemplars() {
	metrics, err := holdfastprom.New(holdfastprom.WithExemplars(func(ctx context.Context) map[string]string {
		if id, ok := ctx.Value(traceKey{}).(string); ok {
			return map[string]string{"trace_id": id}
		}
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	payments := holdfast.Must(holdfast.New("payments", holdfast.Observe(metrics), retry.Config{}))
	ctx := context.WithValue(context.Background(), traceKey{}, "4bf92f3577b34da6a3ce929d0e0e4736")
	_ = payments.Do(ctx, func(context.Context) error { return nil })

	families, err := registry.Gather() // a server needs promhttp.HandlerOpts{EnableOpenMetrics: true}
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, family := range families {
		if family.GetName() == "holdfast_calls_total" {
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetCounter().GetExemplar().GetLabel() {
					fmt.Println(label.GetName(), label.GetValue())
				}
			}
		}
	}
	// Output:
	// trace_id 4bf92f3577b34da6a3ce929d0e0e4736
}
