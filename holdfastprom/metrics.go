package holdfastprom

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Metrics observes pipelines and is a Collector of what it counted. It is made by New, and is
// safe for concurrent use. Counting allocates nothing, but for the first time that an outcome,
// a reason or the like is seen, and for exemplars.
//
// Several pipelines of one name are shown as one: what they count and have in use is added up,
// and the budget and breakers are those of the one that came last.
type Metrics struct {
	exemplars func(ctx context.Context) map[string]string

	calls, attempts, retries, denied, rejections, transitions, updates *prometheus.CounterVec
	callDuration, attemptDuration, backoff                             *prometheus.HistogramVec

	mu     sync.RWMutex
	byName map[string]*series // by the pipelines' name, as a label has it
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
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"pipeline"}, labels...))
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: o.factor, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, append([]string{"pipeline"}, labels...))
	}
	return &Metrics{
		exemplars:       o.exemplars,
		byName:          map[string]*series{},
		calls:           counter("holdfast_calls_total", "Calls that ended, by outcome and by the reason why they stopped.", "outcome", "reason"),
		callDuration:    histogram("holdfast_call_duration_seconds", "How long calls took, retries and pauses included.", o.buckets, "outcome"),
		attempts:        counter("holdfast_attempts_total", "Attempts that ended, by their number within the call and their verdict.", "attempt", "verdict"),
		attemptDuration: histogram("holdfast_attempt_duration_seconds", "How long attempts took.", o.buckets),
		retries:         counter("holdfast_retries_total", "Retries decided and paid for."),
		backoff:         histogram("holdfast_backoff_seconds", "Pauses before retries.", o.backoff),
		denied:          counter("holdfast_retries_denied_total", "Calls whose next attempt was denied, by reason.", "reason"),
		rejections:      counter("holdfast_rejections_total", "Calls and attempts that a stage refused.", "stage", "reason"),
		transitions:     counter("holdfast_breaker_transitions_total", "Changes of a breaker's state.", "from", "to"),
		updates:         counter("holdfast_updates_total", "Changes of the pipeline: its stages, or its tuning by hand.", "kind"),
	}, nil
}

// ForPipeline returns the Observer of one pipeline, whose counters are looked up already. A
// pipeline calls it by itself.
func (m *Metrics) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	s := m.seriesOf(p.Name())
	s.add(p)
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
	name = label(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.byName[name]
	if !ok {
		return
	}
	s.forget()
	delete(m.byName, name)
	for _, v := range m.vectors() {
		v.DeletePartialMatch(prometheus.Labels{"pipeline": name})
	}
}

// vector is what the vectors of counters and of histograms have in common.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

func (m *Metrics) vectors() []vector {
	return []vector{
		m.calls, m.callDuration, m.attempts, m.attemptDuration, m.retries, m.backoff,
		m.denied, m.rejections, m.transitions, m.updates,
	}
}

func (m *Metrics) seriesOf(name string) *series {
	name = label(name)
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

// label makes any text one that a label may have as its value.
func label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
