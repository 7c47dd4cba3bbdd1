package holdfast

import (
	"slices"

	"github.com/media-gateway/holdfast/resilience"
)

// PipelineObserver is an Observer that wants to know the pipelines that report to it: to look up a
// metric's children once per pipeline instead of once per event, or to read Snapshots.
type PipelineObserver interface {
	resilience.Observer

	// ForPipeline returns the Observer that p reports to instead; nil: p reports to none. New,
	// Update and Watch call it when nothing else can fail any more. Update calls it again for the
	// same p. During New, p has no stages yet, and its Snapshot is empty. ForPipeline must not
	// update, watch or tune p, nor any other pipeline of p's Registry, nor wait for a lock under
	// which somebody else does: that is a deadlock.
	ForPipeline(p *Pipeline) resilience.Observer
}

// bind returns the Observer that p reports to for o: see PipelineObserver.
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

// watcher is an Observer that Watch added. It is compared by its address, since observers need not
// be comparable.
type watcher struct{ observer resilience.Observer }

// Watch makes the pipeline also report to o, from the next call on until stop is called. An Update
// does not end it. It is for code that looks at a pipeline made elsewhere: a dashboard, a test. A
// pipeline without observers is a little faster. Calls in flight keep the observers with which they
// began. stop may be called more than once. Watch does nothing if o is nil, or if the pipeline was
// not made by New. Watch and stop are safe for concurrent use.
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

// reconnect replaces the assembly by one with the same stages and the current observers.
func (p *Pipeline) reconnect() {
	b := newAssembler(p.current.Load().declared, nil)
	p.connect(b)
	p.current.Store(b.assembly)
}
