package metrics_test

import (
	"fmt"

	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// An exporter of your own: it makes a counter for each metric and its labels, and adds what an
// event says.
func ExampleNewCounts() {
	type sum struct {
		metric *metrics.Description
		labels []string
		value  float64
	}
	counts := metrics.NewCounts(func(d *metrics.Description, values []string) *sum {
		return &sum{metric: d, labels: values}
	})
	e := resilience.Event{Kind: resilience.EventAttempt, Attempt: 2, Verdict: resilience.Success}
	for _, part := range counts.Find(&e) {
		part.Child.value += part.Value(&e) // an exporter for several goroutines adds under a lock
		if part.Child.metric.Kind == metrics.Counter {
			fmt.Println(part.Child.metric.Name, part.Child.labels, part.Child.value)
		}
	}
	// Output: holdfast.attempts [2 success] 1
}

func ExampleAll() {
	d := metrics.All()[0]
	fmt.Println(d.Name, d.Unit)
	// Output: holdfast.calls {call}
}
