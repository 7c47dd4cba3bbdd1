package metrics

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Counts finds the children that an event is counted in, for the pipelines of one name. A child is
// an exporter's counter or histogram for one set of label values. Counts builds the children at the
// first event with their label values, and later finds them by an index. It is safe for concurrent
// use.
type Counts[C any] struct {
	build    func(d *Description, values []string) C
	byKind   [resilience.NumEventKinds]slots[C]
	foreseen map[*foreseen]*atomic.Bool // whether Foresee has built it
}

// NewCounts returns Counts that makes its children with build, from a metric and the values of its
// labels. build may be called again for the same values, also concurrently. Then it must return a
// child that counts into the same series.
func NewCounts[C any](build func(d *Description, values []string) C) *Counts[C] {
	c := &Counts[C]{build: build, foreseen: map[*foreseen]*atomic.Bool{}}
	for _, d := range catalogue {
		if !d.Counted() {
			continue
		}
		for _, kind := range d.counts.kinds {
			c.byKind[kind].metrics = append(c.byKind[kind].metrics, d)
		}
		for i := range d.counts.foreseen {
			c.foreseen[&d.counts.foreseen[i]] = &atomic.Bool{}
		}
	}
	for kind := range c.byKind {
		c.byKind[kind].makeIndex()
	}
	return c
}

// Part is one of the children that an event is counted in.
type Part[C any] struct {
	Child C

	amount amount
}

// Value returns by how much e increments a counter, or the value that a histogram observes, in
// seconds.
func (p *Part[C]) Value(e *resilience.Event) float64 {
	if p.amount == one {
		return 1
	}
	d := e.Elapsed
	if p.amount == delay {
		d = e.Delay
	}
	return float64(d) / float64(time.Second) // d.Seconds() has an integer division, which takes longer than all of this method
}

// Find returns the children that e is counted in, or nil if it is not counted. It does not allocate
// once the children exist. Do not change the slice: it is shared.
func (c *Counts[C]) Find(e *resilience.Event) []Part[C] {
	if int(e.Kind) >= len(c.byKind) {
		return nil
	}
	s := &c.byKind[e.Kind]
	if !s.only.holds(e) {
		return nil
	}
	i := 0
	for _, d := range s.dimensions {
		i = i*d.size + d.field.index(e)
	}
	if s.named {
		return c.findNamed(s, i, cmp.Or(e.Stage, "pipeline"))
	}
	if parts := s.fixed[i].Load(); parts != nil {
		return *parts
	}
	parts := c.parts(s, i, "")
	s.fixed[i].Store(&parts)
	return parts
}

func (c *Counts[C]) findNamed(s *slots[C], i int, name string) []Part[C] {
	for {
		was := s.byName.Load()
		var all []namedSlot[C]
		if was != nil {
			all = *was
		}
		for n := range all {
			if known := &all[n]; known.index == i && known.name == name {
				return known.parts
			}
		}
		more := append(slices.Clip(all), namedSlot[C]{name, i, c.parts(s, i, name)})
		s.byName.CompareAndSwap(was, &more)
	}
}

// Foresee makes the children that pipelines will need, so that an exporter shows them as 0 before
// they first count something. If s is not nil, it also makes those that only a pipeline with the
// stages of s needs.
func (c *Counts[C]) Foresee(s *holdfast.Snapshot) {
	for _, d := range catalogue {
		if !d.Counted() {
			continue
		}
		for i := range d.counts.foreseen {
			f := &d.counts.foreseen[i]
			if (f.in == nil || s != nil && f.in(s)) && !c.foreseen[f].Swap(true) {
				c.build(d, f.values)
			}
		}
	}
}

// slots holds the children for events of one kind, by the values of their labels.
type slots[C any] struct {
	metrics    []*Description // all with the same condition
	only       condition
	dimensions []dimension                    // of the index
	named      bool                           // a label's value is a name, which has no index
	fixed      []atomic.Pointer[[]Part[C]]    // by index; if not named
	byName     atomic.Pointer[[]namedSlot[C]] // if named: there are few, so a linear search is fastest
}

type namedSlot[C any] struct {
	name  string
	index int
	parts []Part[C]
}

// dimension is a field of an event that gives the value of a label.
type dimension struct {
	field field
	size  int // how many values it has
}

// makeIndex chooses the fields of an event that make the index, and makes the table.
func (s *slots[C]) makeIndex() {
	size := 1
	for _, d := range s.metrics {
		s.only = d.counts.only
		for _, l := range d.Labels {
			known := slices.ContainsFunc(s.dimensions, func(d dimension) bool { return d.field == l.field })
			switch {
			case l.Values == nil:
				s.named = true
			case !known:
				s.dimensions = append(s.dimensions, dimension{l.field, len(l.Values)})
				size *= len(l.Values)
			}
		}
	}
	if !s.named {
		s.fixed = make([]atomic.Pointer[[]Part[C]], size)
	}
}

// parts makes the children for an index and a name.
func (c *Counts[C]) parts(s *slots[C], i int, name string) []Part[C] {
	var of [numFields]int // the index of each field's value
	for _, d := range slices.Backward(s.dimensions) {
		of[d.field] = i % d.size
		i /= d.size
	}
	parts := make([]Part[C], len(s.metrics))
	for n, d := range s.metrics {
		values := make([]string, len(d.Labels))
		for k, l := range d.Labels {
			if l.Values == nil {
				values[k] = Text(name)
			} else {
				values[k] = l.Values[of[l.field]]
			}
		}
		parts[n] = Part[C]{c.build(d, values), d.counts.amount}
	}
	return parts
}
