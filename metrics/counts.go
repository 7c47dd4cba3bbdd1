package metrics

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Counts finds what an event is counted in, for the pipelines of one name: children, which are an
// exporter's counters and histograms, one for each set of labels. What an event of its like was
// counted in is found by an index from then on. It is safe for concurrent use.
type Counts[C any] struct {
	build    func(d *Description, values []string) C
	byKind   [resilience.NumEventKinds]slots[C]
	foreseen map[*foreseen]*atomic.Bool // whether it was built
}

// NewCounts returns Counts whose children build makes, for a metric and the values of its labels.
// It is called again for the same values, and has to return what counts into the same then.
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
		c.byKind[kind].lay()
	}
	return c
}

// Part is a part of what an event is counted in: a child of one metric.
type Part[C any] struct {
	Child C

	amount amount
}

// Value returns by how much e makes the child grow, or the value that a histogram counts.
func (p *Part[C]) Value(e *resilience.Event) float64 {
	if p.amount == one {
		return 1
	}
	d := e.Elapsed
	if p.amount == delay {
		d = e.Delay
	}
	return float64(d) / float64(time.Second) // d.Seconds() has an integer division, which takes longer than all of this
}

// Find returns what e is counted in, nothing if it is not counted. It does not allocate once that
// is known. What it returns is shared: do not change it.
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

// Foresee makes the children that pipelines are going to need, so that an exporter shows them as 0
// before they are first counted. With s it makes those as well that only a pipeline with the stages
// of s is going to need; s may be nil.
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

// slots are what events of one kind are counted in, by the values that their labels have.
type slots[C any] struct {
	metrics    []*Description // of which all have the same condition
	only       condition
	dimensions []dimension                    // of the index
	named      bool                           // a label of it is a name, which has no index
	fixed      []atomic.Pointer[[]Part[C]]    // by index; if not named
	byName     atomic.Pointer[[]namedSlot[C]] // if named: there are few, so that looking through them is fastest
}

type namedSlot[C any] struct {
	name  string
	index int
	parts []Part[C]
}

// dimension is a field of an event that is the value of a label.
type dimension struct {
	field field
	size  int // how many values it has
}

// lay says which fields of an event make the index.
func (s *slots[C]) lay() {
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

// parts makes what stands at an index, and under a name.
func (c *Counts[C]) parts(s *slots[C], i int, name string) []Part[C] {
	var of [numFields]int // which value each field has
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
