package holdfastotel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/media-gateway/holdfast/holdfastotel"

// Observer reports pipelines and fleets to OpenTelemetry. Create it with [New]. It is safe for
// concurrent use. A program needs one Observer per MeterProvider, for all of its pipelines.
//
// For a call that succeeds at its first attempt it does not allocate, even with OpenTelemetry's SDK
// and in a sampled trace. (The SDK itself allocates the first time that it sees a set of
// attributes; with delta temporality, after each export.)
type Observer struct {
	tracer       trace.Tracer
	attemptSpans bool
	instruments  *instruments
	registration metric.Registration
	fleets       metrics.Fleets
	files        metrics.ConfigFiles

	mu     sync.RWMutex
	byName map[string]*series
}

// New returns an Observer without pipelines. Give it to the Observe stage of every pipeline. The
// error names every wrong option, or every instrument that the MeterProvider refused.
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
	if o.instruments, err = newInstruments(meter); err != nil {
		return nil, err
	}
	if o.registration, err = meter.RegisterCallback(o.read, o.instruments.read()...); err != nil {
		return nil, err
	}
	return o, nil
}

// Close stops the reading of gauges. Events of pipelines that still report to the Observer are
// still counted. It may be called more than once. The error is the MeterProvider's.
func (o *Observer) Close() error { return o.registration.Unregister() }

// ForPipeline returns the Observer for one pipeline. It prepares the attributes in advance, so that
// an event costs less. A pipeline calls it by itself. It does not keep p alive.
func (o *Observer) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	return o.seriesOf(p.Name(), p)
}

// Follow reports the Stats of f as metrics until it is left, or until Close: see the metrics that
// begin with holdfast.fleet. A fleet calls it by itself if o is given to it with
// fleet.WithObserver. Fleets of one name are shown as one. It does not keep f alive, and does
// nothing if f is nil.
func (o *Observer) Follow(f *fleet.Fleet) { o.fleets.Add(f) }

// FollowConfig reports how a configuration file stands as metrics, until nobody follows it any
// more, as after config.Watcher.Close, or until Close: see the metrics that begin with
// holdfast.config. Files of one path are shown as one, by the worst of them, and their reloads are
// added up. It does nothing if f is nil, if it is reported already, or if nobody follows it any
// more. It calls f's Status. It is safe for concurrent use.
func (o *Observer) FollowConfig(f holdfast.ConfigFile) { o.files.Add(f) }

// Observe reports an event for the pipeline that the event names. It is for an Observer that passes
// events on; a pipeline that has this Observer uses [Observer.ForPipeline].
func (o *Observer) Observe(ctx context.Context, e resilience.Event) {
	if e.Kind == resilience.EventFleet { // of no pipeline, and in no trace; see Follow
		return
	}
	name := metrics.Text(e.Pipeline)
	o.mu.RLock()
	s := o.byName[name]
	o.mu.RUnlock()
	if s == nil {
		s = o.seriesOf(name, nil)
	}
	s.Observe(ctx, e)
}

// seriesOf returns the series of a name, and adds p to it unless that is nil.
func (o *Observer) seriesOf(name string, p *holdfast.Pipeline) *series {
	s, isNew := o.lookUp(metrics.Text(name), p)
	if isNew {
		s.counts.Foresee(nil) // not under the lock: it calls the MeterProvider's code
	}
	return s
}

func (o *Observer) lookUp(name string, p *holdfast.Pipeline) (s *series, isNew bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, known := o.byName[name]
	if !known {
		s = newSeries(o, name)
		o.byName[name] = s
	}
	if p != nil {
		s.pipelines.Add(p)
	}
	return s, !known
}

// read is the callback with which the MeterProvider reads the gauges, and the counters of stages,
// fleets and files.
func (o *Observer) read(_ context.Context, to metric.Observer) error {
	var errs []error
	for _, s := range o.alive() {
		samples, err := s.pipelines.Read(s.counts.Foresee)
		if err != nil {
			errs = append(errs, fmt.Errorf("holdfastotel: %w", err))
		}
		for _, sample := range samples {
			to.ObserveFloat64(o.instruments.observables[sample.Description], sample.Value,
				metric.WithAttributeSet(attributesOf(s.pipeline, sample.Description, sample.Values)))
		}
	}
	for name, samples := range o.fleets.Read() {
		for _, sample := range samples {
			to.ObserveFloat64(o.instruments.observables[sample.Description], sample.Value,
				metric.WithAttributeSet(attributesOf(fleetOf(name), sample.Description, sample.Values)))
		}
	}
	for path, samples := range o.files.Read() {
		for _, sample := range samples {
			to.ObserveFloat64(o.instruments.observables[sample.Description], sample.Value,
				metric.WithAttributeSet(attributesOf(fileOf(path), sample.Description, sample.Values)))
		}
	}
	return errors.Join(errs...)
}

// alive returns the series of names that still have a pipeline, and forgets the other names.
// Nothing is lost: the MeterProvider keeps what was counted.
func (o *Observer) alive() (all []*series) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, s := range o.byName {
		switch {
		case len(s.pipelines.Alive()) > 0:
			all = append(all, s)
		case s.pipelines.Gone():
			delete(o.byName, name)
		}
	}
	return all
}
