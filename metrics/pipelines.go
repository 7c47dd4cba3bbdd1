package metrics

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"weak"

	"github.com/media-gateway/holdfast"
)

// Sample is a value that was read for a metric.
type Sample struct {
	*Description

	Values []string // of the Labels, without that of the Subject
	Value  float64
}

// Pipelines reads metrics from the pipelines of one name. It does not keep them alive. The zero
// value has no pipelines. It is safe for concurrent use.
type Pipelines struct {
	mu     sync.Mutex
	all    []weak.Pointer[holdfast.Pipeline] // in the order of Add
	ledger ledger
}

// Add adds p. If p was added before, it becomes the last one.
func (ps *Pipelines) Add(p *holdfast.Pipeline) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.all = slices.DeleteFunc(ps.all, func(w weak.Pointer[holdfast.Pipeline]) bool {
		v := w.Value()
		return v == nil || v == p
	})
	ps.all = append(ps.all, weak.Make(p))
}

// Alive returns the pipelines that still exist, in the order in which they were added.
func (ps *Pipelines) Alive() (alive []*holdfast.Pipeline) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, w := range ps.all {
		if p := w.Value(); p != nil {
			alive = append(alive, p)
		}
	}
	return alive
}

// Gone reports whether pipelines were added, and none of them exists any more.
func (ps *Pipelines) Gone() bool {
	ps.mu.Lock()
	known := len(ps.all)
	ps.mu.Unlock()
	return known > 0 && len(ps.Alive()) == 0
}

// Read returns the samples of the pipelines that still exist, or nil if there is none. It calls see
// with the Snapshot of each one: pass Counts.Foresee. It does not delay calls. The error is the
// panic of a stage, such as one in the String method of a Guard: an exporter reads on its own
// goroutine, where a panic would end the process.
func (ps *Pipelines) Read(see func(s *holdfast.Snapshot)) (samples []Sample, err error) {
	alive := ps.Alive()
	if len(alive) == 0 {
		return nil, nil
	}
	defer func() {
		if p := recover(); p != nil {
			samples, err = nil, fmt.Errorf("pipeline %q: a stage panicked: %v", Text(alive[0].Name()), p)
		}
	}()
	standings := make([]*standing, len(alive))
	for i, p := range alive {
		standings[i] = standingOf(p)
		see(&standings[i].Snapshot)
	}
	for _, d := range catalogue {
		if d.read != nil {
			samples = append(samples, ps.readOne(d, standings)...)
		}
	}
	return samples, nil
}

// readOne returns the samples of one metric.
func (ps *Pipelines) readOne(d *Description, standings []*standing) []Sample {
	return addUp(&ps.ledger, d, standings, d.read.from, d.read.ownerOf)
}

// addUp returns the samples of one metric of all that have one name: their sum, or those of the
// last one if it is a gauge. from reads a value, and whose says who has counted it.
func addUp[T any](l *ledger, d *Description, all []T, from func(of T, add adder), whose func(of T) owner) []Sample {
	if d.Kind == Gauge {
		all = all[len(all)-1:]
	}
	sum := sum{of: d}
	for _, of := range all {
		from(of, func(v float64, values ...string) {
			if d.Kind == Counter {
				l.note(whose(of), d, values, v)
				v = 0
			}
			sum.add(v, values)
		})
	}
	if d.Kind == Counter {
		for i := range sum.samples {
			s := &sum.samples[i]
			s.Value = l.total(d, s.Values)
		}
	}
	return slices.DeleteFunc(sum.samples, func(s Sample) bool { return math.IsInf(s.Value, 0) })
}

// sum adds up the samples of one metric that have the same labels.
type sum struct {
	of      *Description
	samples []Sample
}

func (s *sum) add(v float64, values []string) {
	for i := range s.samples {
		if slices.Equal(s.samples[i].Values, values) {
			s.samples[i].Value += v
			return
		}
	}
	s.samples = append(s.samples, Sample{s.of, values, v})
}

// joined returns values as one string. The separator is not UTF-8, so no valid value contains it.
func joined(values []string) string { return strings.Join(values, "\xff") }
