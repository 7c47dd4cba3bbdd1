package holdfastprom

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// Metrics observes pipelines and is a Collector of what it counted. It is made by New, and is
// safe for concurrent use. Counting allocates nothing, but for the first time that an outcome,
// a reason or the like is seen, and for exemplars.
type Metrics struct {
	exemplars func(ctx context.Context) map[string]string
	vectors   map[*metrics.Description]vector           // of what is counted
	descs     map[*metrics.Description]*prometheus.Desc // of what is read

	mu     sync.RWMutex
	byName map[string]*series // by the pipelines' name, as a label has it
}

// vector is what the vectors of counters and of histograms have in common.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

// New returns Metrics without any pipeline yet: register it once, and name it in the Observe
// stage of every pipeline. An error names every option that is wrong.
func New(opts ...Option) (*Metrics, error) {
	o := defaults()
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	m := &Metrics{
		exemplars: o.exemplars, byName: map[string]*series{},
		vectors: map[*metrics.Description]vector{}, descs: map[*metrics.Description]*prometheus.Desc{},
	}
	for _, d := range metrics.All() {
		if d.Counted() {
			m.vectors[d] = newVector(d, &o)
		} else {
			m.descs[d] = prometheus.NewDesc(d.Prometheus(), d.Help, labelsOf(d), nil)
		}
	}
	return m, nil
}

func newVector(d *metrics.Description, o *options) vector {
	if d.Kind == metrics.Histogram {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: d.Prometheus(), Help: d.Help, Buckets: o.bucketsOf(d),
			NativeHistogramBucketFactor: o.factor, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, labelsOf(d))
	}
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Prometheus(), Help: d.Help}, labelsOf(d))
}

// labelsOf returns the names of d's labels, that of the pipeline first.
func labelsOf(d *metrics.Description) []string {
	names := []string{metrics.Pipeline.Prometheus}
	for _, l := range d.Labels {
		names = append(names, l.Prometheus)
	}
	return names
}

// ForPipeline returns the Observer of one pipeline, whose counters are looked up already. A
// pipeline calls it by itself.
func (m *Metrics) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	s := m.seriesOf(p.Name())
	s.pipelines.Add(p)
	return s
}

// Observe counts an event of any pipeline, by the name in it, for an Observer that passes events
// on. A pipeline that Metrics itself observes does not come this way.
func (m *Metrics) Observe(ctx context.Context, e resilience.Event) {
	m.seriesOf(e.Pipeline).Observe(ctx, e)
}

// Forget drops all series of the pipelines of a name. It is for a program that makes and drops
// pipelines of ever new names. A pipeline that is still in use counts into nothing after it; one
// that is made later under the same name begins at 0.
func (m *Metrics) Forget(name string) {
	name = metrics.Text(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.byName[name]
	if !ok {
		return
	}
	s.forget()
	delete(m.byName, name)
	for _, v := range m.vectors {
		v.DeletePartialMatch(prometheus.Labels{metrics.Pipeline.Prometheus: name})
	}
}

func (m *Metrics) seriesOf(name string) *series {
	name = metrics.Text(name)
	if s := m.known(name); s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.byName[name]
	if !ok {
		s = m.newSeries(name)
		m.byName[name] = s
	}
	return s
}

func (m *Metrics) known(name string) *series {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.byName[name]
}

// all returns the series of all names. Pipelines are looked at without m's lock.
func (m *Metrics) all() []*series {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Values(m.byName))
}
