package holdfastprom

import (
	"context"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// series holds the counters of all pipelines with one name. It is their Observer.
type series struct {
	metrics   *Metrics
	name      string
	counts    *metrics.Counts[child]
	pipelines metrics.Pipelines

	mu        sync.Mutex
	forgotten bool // create no children in the vectors any more
}

// child is a child of a vector: a counter or a histogram.
type child struct {
	counter   prometheus.Counter
	histogram prometheus.Observer // nil if it is a counter
}

// with adds 1 to a counter, or records v in a histogram, with an exemplar.
func (c *child) with(exemplar prometheus.Labels, v float64) {
	if c.histogram != nil {
		observe(c.histogram, v, exemplar)
	} else {
		inc(c.counter, exemplar)
	}
}

func (m *Metrics) newSeries(name string) *series {
	s := &series{metrics: m, name: name}
	s.counts = metrics.NewCounts(s.child)
	s.counts.Foresee(nil)
	return s
}

// child returns a child of d's vector. The caller keeps it. After Forget, it returns a child that
// belongs to no vector.
func (s *series) child(d *metrics.Description, values []string) child {
	s.mu.Lock()
	defer s.mu.Unlock()
	values = slices.Insert(values, 0, s.name)
	switch v := s.metrics.vectors[d].(type) {
	case *prometheus.HistogramVec:
		if s.forgotten {
			return child{histogram: prometheus.ObserverFunc(func(float64) {})}
		}
		return child{histogram: v.WithLabelValues(values...)}
	case *prometheus.CounterVec:
		if !s.forgotten {
			return child{counter: v.WithLabelValues(values...)}
		}
	}
	return child{counter: prometheus.NewCounter(prometheus.CounterOpts{Name: "forgotten"})}
}

// forget makes sure that s creates no more children in the vectors.
func (s *series) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = true
}

// Observe counts e.
func (s *series) Observe(ctx context.Context, e resilience.Event) {
	parts := s.counts.Find(&e)
	if s.metrics.exemplars != nil && (e.Kind == resilience.EventCall || e.Kind == resilience.EventAttempt) {
		if exemplar := allowed(s.metrics.exemplars(ctx)); exemplar != nil {
			for i := range parts {
				parts[i].Child.with(exemplar, parts[i].Value(&e))
			}
			return
		}
	}
	for i := range parts {
		if p := &parts[i]; p.Child.histogram != nil {
			p.Child.histogram.Observe(p.Value(&e))
		} else {
			p.Child.counter.Inc()
		}
	}
}
