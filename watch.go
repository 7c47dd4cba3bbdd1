package holdfast

import (
	"slices"

	"github.com/media-gateway/holdfast/resilience"
)

// PipelineObserver is an Observer that wants to know the pipelines that report to it: to look
// up a metric's children once per pipeline instead of once per event, or to read a Snapshot
// when it is asked for one.
type PipelineObserver interface {
	resilience.Observer

	// ForPipeline returns the Observer to which p reports in the other's stead. New, Update and
	// Watch call it when nothing else can fail any more; Update, again for the same p. In New, p
	// makes its first calls later, and its Snapshot is empty until then. nil observes nothing. It
	// must not update, watch or tune p, nor any other pipeline of p's Registry, and not wait for a
	// lock under which somebody else does: that waits for this to be over.
	ForPipeline(p *Pipeline) resilience.Observer
}

// bind returns what p reports to if it is to report to o.
func (p *Pipeline) bind(o resilience.Observer) resilience.Observer {
	switch o := o.(type) {
	case PipelineObserver:
		return o.ForPipeline(p)
	case interface{ Unwrap() []resilience.Observer }:
		var bound []resilience.Observer
		for _, o := range o.Unwrap() {
			bound = append(bound, p.bind(o))
		}
		return resilience.Observers(bound...)
	}
	return o
}

// watcher is an Observer that came after the pipeline was made. It is known by its address,
// since observers need not be comparable.
type watcher struct{ observer resilience.Observer }

// Watch makes the pipeline report to o as well, from the next call on and through every
// Update, until stop is called. It is for whoever looks at a pipeline that others have made: a
// dashboard, a test. A pipeline that nobody observes is a little faster, and is so again after
// stop. Calls in flight go on reporting as they began. stop may be called more than once. A
// nil o watches nothing, and there is nothing to watch in a pipeline that was not made by New.
func (p *Pipeline) Watch(o resilience.Observer) (stop func()) {
	if isNil(o) || p.now() == nil {
		return func() {}
	}
	w := &watcher{p.bind(o)}
	p.updating.Lock()
	defer p.updating.Unlock()
	p.watchers = append(slices.Clip(p.watchers), w)
	p.reconnect()
	return func() {
		p.updating.Lock()
		defer p.updating.Unlock()
		n := len(p.watchers)
		p.watchers = slices.DeleteFunc(slices.Clone(p.watchers), func(other *watcher) bool { return other == w })
		if len(p.watchers) < n {
			p.reconnect()
		}
	}
}

func (p *Pipeline) watching() []resilience.Observer {
	var observers []resilience.Observer
	for _, w := range p.watchers {
		observers = append(observers, w.observer)
	}
	return observers
}

// reconnect replaces the assembly by one of the same stages, with the observers of now.
func (p *Pipeline) reconnect() {
	b := newAssembler(p.current.Load().declared, nil)
	p.connect(b)
	p.current.Store(b.assembly)
}
