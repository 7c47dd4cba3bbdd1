package metrics

import (
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// Kind is the kind of a metric: how its value changes.
type Kind uint8

const (
	Counter       Kind = iota + 1 // only rises
	UpDownCounter                 // rises and falls; its sum over instances means something
	Gauge                         // a value now; its sum over instances means nothing
	Histogram                     // counts values by size
)

var kindNames = [...]string{"unknown", "counter", "up-down counter", "gauge", "histogram"}

// String returns the kind in OpenTelemetry's words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// Description describes a metric. Do not change those of the catalogue: they are shared.
type Description struct {
	Name   string    // for OpenTelemetry: "holdfast.call.duration"
	Kind   Kind      //
	Unit   string    // a UCUM unit: "s", "1" for a ratio, or what is counted: "{call}"
	Help   string    // a sentence
	Labels []Label   // without the Subject, which every metric has
	Bounds []float64 // of a histogram: the upper bounds of its buckets, in Unit

	// Stage is the package of the stage that the metric is about, "keyed" for a holdfast.Keyed,
	// "fleet" for a fleet, "config" for a configuration file, or "" if every pipeline has the
	// metric.
	Stage string

	// One of these is set.
	counts *counted   // how it is counted from events
	read   *reading   // how it is read from a pipeline
	fleet  readsFleet // how it is read from a fleet
	file   readsFile  // how it is read from configuration files
}

// Counted reports whether the metric is counted from events, with [Counts]. Otherwise it is read:
// with [Fleets] if its Subject is [Fleet], with [ConfigFiles] if it is [ConfigFile], else with
// [Pipelines].
func (d *Description) Counted() bool { return d.counts != nil }

// Subject returns the label that names what the metric is about: [Fleet], [ConfigFile] or
// [Pipeline]. An exporter puts it before the Labels.
func (d *Description) Subject() Label {
	switch {
	case d.fleet != nil:
		return Fleet
	case d.file != nil:
		return ConfigFile
	}
	return Pipeline
}

// Prometheus returns the metric's name for Prometheus, as exporters make it from OpenTelemetry's
// name and unit: "holdfast_call_duration_seconds".
func (d *Description) Prometheus() string {
	name := strings.ReplaceAll(d.Name, ".", "_")
	switch {
	case d.Unit == "s":
		name += "_seconds"
	case d.Unit == "1" && d.Kind == Gauge && !strings.HasSuffix(name, "_ratio"):
		name += "_ratio"
	}
	if d.Kind == Counter {
		name += "_total"
	}
	return name
}

// All returns the catalogue, in the order of the documentation. The caller may change the slice,
// but not the Descriptions.
func All() []*Description { return slices.Clone(catalogue) }

// counted says how a metric is counted from events: events of which kinds, under which condition,
// and by how much.
type counted struct {
	kinds    []resilience.EventKind
	only     condition
	amount   amount
	foreseen []foreseen
}

// condition is a condition on an event, beside its kind.
type condition uint8

const (
	always    condition = iota
	attempted           // an attempt was made
	denied              // see Event.Denied
)

func (c condition) holds(e *resilience.Event) bool {
	switch c {
	case attempted:
		return e.Attempt > 0
	case denied:
		return e.Denied()
	default:
		return true
	}
}

// amount is by how much an event increments a counter, or the value that a histogram observes.
type amount uint8

const (
	one     amount = iota
	elapsed        // in seconds
	delay          // in seconds
)
