package holdfastotel

import (
	"context"
	"slices"
	"strings"
	"sync"
	"weak"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/media-gateway/holdfast/holdfastotel"

// Observer reports pipelines to OpenTelemetry. It is made by New, and is safe for concurrent
// use. A program needs one for each MeterProvider, for all of its pipelines.
//
// On a call that succeeds at once it allocates nothing, also with OpenTelemetry's SDK behind it
// and in a sampled trace. (The SDK itself allocates the first time that it sees a set of
// attributes: with delta temporality, after each export.)
type Observer struct {
	tracer       trace.Tracer
	attemptSpans bool
	instruments  *instruments
	readings     *readings
	registration metric.Registration

	mu     sync.RWMutex
	byName map[string]*series
}

// New returns an Observer without any pipeline yet: name it in the Observe stage of every
// pipeline. An error names every option that is wrong, and every instrument that the
// MeterProvider refused.
func New(opts ...Option) (*Observer, error) {
	options, err := resolve(opts)
	if err != nil {
		return nil, err
	}
	meter := options.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	o := &Observer{
		tracer:       options.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		attemptSpans: options.attemptSpans,
		byName:       map[string]*series{},
	}
	m := maker{meter: meter}
	o.instruments, o.readings = newInstruments(&m), newReadings(&m)
	if err := m.err(); err != nil {
		return nil, err
	}
	if o.registration, err = meter.RegisterCallback(o.read, m.observables...); err != nil {
		return nil, err
	}
	return o, nil
}

// Close ends the reading of gauges. Pipelines that still report to the Observer go on being
// counted. It may be called more than once; the error is the MeterProvider's.
func (o *Observer) Close() error { return o.registration.Unregister() }

// ForPipeline returns the Observer of one pipeline, whose attributes are looked up already. A
// pipeline calls it by itself. It does not keep p alive.
func (o *Observer) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	s, isNew := o.add(p)
	if isNew {
		s.startAtZero()
	}
	return s
}

// Observe reports an event of any pipeline, by the name in it. A pipeline that was given the
// Observer does not come this way.
func (o *Observer) Observe(ctx context.Context, e resilience.Event) {
	name := text(e.Pipeline)
	o.mu.RLock()
	s := o.byName[name]
	o.mu.RUnlock()
	if s == nil {
		o.mu.Lock()
		s, _ = o.seriesOf(name)
		o.mu.Unlock()
	}
	s.Observe(ctx, e)
}

// add notes that p reports here.
func (o *Observer) add(p *holdfast.Pipeline) (s *series, isNew bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, isNew = o.seriesOf(text(p.Name()))
	s.pipelines = slices.DeleteFunc(s.pipelines, func(w weak.Pointer[holdfast.Pipeline]) bool {
		v := w.Value()
		return v == nil || v == p
	})
	s.pipelines = append(s.pipelines, weak.Make(p))
	return s, isNew
}

// seriesOf returns the series of a name. o.mu is locked.
func (o *Observer) seriesOf(name string) (s *series, isNew bool) {
	if s := o.byName[name]; s != nil {
		return s, false
	}
	s = newSeries(o, name)
	o.byName[name] = s
	return s, true
}

// alive is the pipelines of one name that there still are.
type alive struct {
	series    *series
	pipelines []*holdfast.Pipeline // the last one came last
}

// alive returns the pipelines that there still are, and forgets the names of which there is
// none any more. Nothing is lost with a name: what was counted is with the MeterProvider.
func (o *Observer) alive() (all []alive) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, s := range o.byName {
		if s.pipelines == nil { // it came by Observe
			continue
		}
		of := alive{series: s}
		for _, w := range s.pipelines {
			if p := w.Value(); p != nil {
				of.pipelines = append(of.pipelines, p)
			}
		}
		if len(of.pipelines) == 0 {
			delete(o.byName, name)
			continue
		}
		all = append(all, of)
	}
	return all
}

// text makes any string one that an attribute may have as its value. An exporter would fail
// on others, and lose all that it was to send.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
