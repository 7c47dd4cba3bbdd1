package holdfastprom

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// Metrics is an Observer of pipelines and fleets, and a prometheus.Collector. Create it with [New].
// It is safe for concurrent use. Counting does not allocate, except for exemplars and the first
// time that a label has a new value.
type Metrics struct {
	exemplars func(ctx context.Context) map[string]string
	vectors   map[*metrics.Description]vector           // of metrics that count events
	descs     map[*metrics.Description]*prometheus.Desc // of metrics that are read at a scrape
	fleets    metrics.Fleets
	files     metrics.ConfigFiles

	mu     sync.RWMutex
	byName map[string]*series // by the pipelines' name, as in the label
}

// vector is a vector of counters or of histograms.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

// New returns a Metrics without pipelines. Register it once, and give it to the Observe stage of
// every pipeline. The error names every wrong option.
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

// labelsOf returns the names of d's labels, that of the pipeline, fleet or file first.
func labelsOf(d *metrics.Description) []string {
	names := []string{d.Subject().Prometheus}
	for _, l := range d.Labels {
		names = append(names, l.Prometheus)
	}
	return names
}

// ForPipeline returns the Observer for one pipeline. It looks the pipeline's counters up in
// advance, so that an event costs less. A pipeline calls it by itself.
func (m *Metrics) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	s := m.seriesOf(p.Name())
	s.pipelines.Add(p)
	return s
}

// Observe counts an event for the pipeline that the event names. It is for an Observer that passes
// events on; a pipeline that Metrics observes directly uses [Metrics.ForPipeline].
func (m *Metrics) Observe(ctx context.Context, e resilience.Event) {
	if e.Kind == resilience.EventFleet { // of no pipeline; see Follow
		return
	}
	m.seriesOf(e.Pipeline).Observe(ctx, e)
}

// Follow exports the Stats of f as metrics until it is left: see the metrics that begin with
// holdfast_fleet_. A fleet calls it by itself if m is given to it with fleet.WithObserver. Fleets
// of one name are shown as one. It does not keep f alive, and does nothing if f is nil.
func (m *Metrics) Follow(f *fleet.Fleet) { m.fleets.Add(f) }

// FollowConfig exports how a configuration file stands as metrics until nobody follows it any more,
// as after config.Watcher.Close: see the metrics that begin with holdfast_config_. Then its series
// end. Files of one path are shown as one, by the worst of them, and their reloads are added up. It
// does nothing if f is nil, if it is exported already, or if nobody follows it any more. It calls
// f's Status. It is safe for concurrent use.
func (m *Metrics) FollowConfig(f holdfast.ConfigFile) { m.files.Add(f) }

// Forget drops all series of the pipelines called name. It is for a program that creates and drops
// pipelines with ever new names. After it, a pipeline that is still in use is no longer counted. A
// pipeline that is created later with the same name begins at 0.
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

// all returns the series of all names. It copies them, so that the pipelines are read without m's
// lock.
func (m *Metrics) all() []*series {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Values(m.byName))
}
