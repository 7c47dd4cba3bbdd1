package holdfastotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/media-gateway/holdfast/metrics"
)

// instruments holds the instruments for all metrics of the catalogue.
type instruments struct {
	counters    map[*metrics.Description]metric.Int64Counter
	histograms  map[*metrics.Description]metric.Float64Histogram
	observables map[*metrics.Description]metric.Float64Observable
}

// newInstruments creates the instruments. Its error joins all errors of the meter.
func newInstruments(meter metric.Meter) (*instruments, error) {
	all := &instruments{
		map[*metrics.Description]metric.Int64Counter{},
		map[*metrics.Description]metric.Float64Histogram{},
		map[*metrics.Description]metric.Float64Observable{},
	}
	var errs []error
	for _, d := range metrics.All() {
		errs = append(errs, all.add(meter, d))
	}
	return all, errors.Join(errs...)
}

func (all *instruments) add(meter metric.Meter, d *metrics.Description) (err error) {
	unit, help := metric.WithUnit(d.Unit), metric.WithDescription(d.Help)
	switch {
	case d.Counted() && d.Kind == metrics.Histogram:
		all.histograms[d], err = meter.Float64Histogram(d.Name, unit, help, metric.WithExplicitBucketBoundaries(d.Bounds...))
	case d.Counted():
		all.counters[d], err = meter.Int64Counter(d.Name, unit, help)
	case d.Kind == metrics.Counter:
		all.observables[d], err = meter.Float64ObservableCounter(d.Name, unit, help)
	case d.Kind == metrics.UpDownCounter:
		all.observables[d], err = meter.Float64ObservableUpDownCounter(d.Name, unit, help)
	default:
		all.observables[d], err = meter.Float64ObservableGauge(d.Name, unit, help)
	}
	return err
}

// read returns the instruments that the callback observes.
func (all *instruments) read() (of []metric.Observable) {
	for _, i := range all.observables {
		of = append(of, i)
	}
	return of
}

// child is a counter or a histogram with a set of attributes. The attributes are kept as slices of
// options, since passing an existing slice does not allocate.
type child struct {
	counter   metric.Int64Counter
	histogram metric.Float64Histogram // nil if it is a counter
	add       []metric.AddOption
	record    []metric.RecordOption
}

// child creates a child. It adds 0 to a counter, so that a backend sees it before the first event.
func (all *instruments) child(d *metrics.Description, attributes attribute.Set) child {
	with := metric.WithAttributeSet(attributes)
	if h, ok := all.histograms[d]; ok {
		return child{histogram: h, record: []metric.RecordOption{with}}
	}
	c := child{counter: all.counters[d], add: []metric.AddOption{with}}
	c.counter.Add(context.Background(), 0, c.add...)
	return c
}
