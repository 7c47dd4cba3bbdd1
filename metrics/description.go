package metrics

import (
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// Kind is how the value of a metric moves.
type Kind uint8

const (
	Counter       Kind = iota + 1 // rises, and never falls
	UpDownCounter                 // rises and falls; its sum over instances means something
	Gauge                         // a value now; its sum over instances means nothing
	Histogram                     // counts values by size
)

var kindNames = [...]string{"unknown", "counter", "up-down counter", "gauge", "histogram"}

// String returns the kind in words, as OpenTelemetry has them.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// Description says what a metric is. Those of the catalogue are shared: do not change them.
type Description struct {
	Name   string    // in OpenTelemetry: "holdfast.call.duration"
	Kind   Kind      //
	Unit   string    // as UCUM has it: "s", "1" for a ratio, or what is counted: "{call}"
	Help   string    // a sentence
	Labels []Label   // beside that of the pipeline, which every metric has: see Pipeline
	Bounds []float64 // of a histogram: the upper bounds of its buckets, in Unit

	// Stage is whose metric it is: a package of resilience, or "keyed" for that of a
	// holdfast.Keyed. It is "" if every pipeline has it.
	Stage string

	counts *counted // from events; nil if it is read
	read   *reading // from a pipeline; nil if it is counted
}

// Counted reports whether the metric is counted from events, by [Counts]. Else it is read, by
// [Pipelines].
func (d *Description) Counted() bool { return d.counts != nil }

// Prometheus returns the metric's name for Prometheus. It is the one that exporters make of a name
// and a unit of OpenTelemetry: "holdfast_call_duration_seconds".
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

// All returns the catalogue, in the order in which documents list it.
func All() []*Description { return slices.Clone(catalogue) }

// counted is how a metric is counted from events: of which kinds, in what condition, by how much.
type counted struct {
	kinds    []resilience.EventKind
	only     condition
	amount   amount
	foreseen []foreseen
}

// condition is what an event has to be, beside of the right kind.
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

// amount is by how much a metric grows with an event, or the value that a histogram counts.
type amount uint8

const (
	one     amount = iota
	elapsed        // in seconds
	delay          // in seconds
)
