package fleet

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Follower is an Observer that wants to know the fleets that report to it: to read their Stats, as
// exporters of metrics do.
type Follower interface {
	resilience.Observer

	// Follow is called by Join, before the first tick. The fleet follows nothing yet.
	Follow(f *Fleet)
}

// WithObserver makes the fleet report to the observers, in order: a resilience.EventFleet when
// there were no news for three ticks, and one when there are news again. An observer that exports
// metrics, such as holdfastprom's, exports the fleet's Stats from then on. The option may be given
// more than once.
//
// Observers are called on a goroutine of their own, one after the other. If one panics, the others
// are called all the same. If one does not return, the others hear nothing more, and the fleet goes
// on.
func WithObserver(observers ...resilience.Observer) Option {
	return func(o *options) {
		if len(observers) == 0 {
			o.wrong.Fail("WithObserver", "empty", "want at least one observer")
		}
		for _, observer := range observers {
			if o.wrong.NotNil("WithObserver", observer, "want an observer; leave it out if there is none") {
				o.observers = append(o.observers, observer)
			}
		}
	}
}

// maxUntold bounds the events that wait for an observer which does not return. The oldest are
// dropped.
const maxUntold = 16

// teller tells observers what happened to the fleet, in order, on a goroutine that is there as long
// as there is something to tell. So a tick never waits for an observer.
type teller struct {
	observers []resilience.Observer

	mu      sync.Mutex
	untold  []resilience.Event
	telling bool
}

// newTeller returns a teller for the observers. It adds one for the logger if none of them logs.
func newTeller(observers []resilience.Observer, log *slog.Logger) *teller {
	t := &teller{observers: flat(observers)}
	if !slices.ContainsFunc(t.observers, logs) {
		t.observers = append(t.observers, resilience.NewLogObserver(log))
	}
	return t
}

// flat returns the observers, and instead of those that forward to others these others, so that one
// that panics is alone.
func flat(observers []resilience.Observer) (all []resilience.Observer) {
	for _, o := range observers {
		if fan, ok := o.(interface{ Unwrap() []resilience.Observer }); ok {
			all = append(all, flat(fan.Unwrap())...)
		} else {
			all = append(all, o)
		}
	}
	return all
}

func logs(o resilience.Observer) bool {
	_, ok := o.(interface{ LogsFleets() })
	return ok
}

// introduce makes f known to the observers that want to follow fleets.
func (t *teller) introduce(f *Fleet) {
	for _, o := range t.observers {
		if follower, ok := o.(Follower); ok {
			guarded(func() { follower.Follow(f) })
		}
	}
}

// change returns how the fleet stands with its store.
func (f *Fleet) change(isApart bool, after time.Duration) *resilience.FleetChange {
	return &resilience.FleetChange{Name: f.name, Pod: f.pod, Apart: isApart, After: after}
}

// tell tells the observers of a change, and why it came. It does not wait for them.
func (t *teller) tell(change *resilience.FleetChange, why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.untold) == maxUntold {
		t.untold = slices.Delete(t.untold, 0, 1)
	}
	t.untold = append(t.untold, resilience.Event{Kind: resilience.EventFleet, Why: why, Fleet: change})
	if !t.telling {
		t.telling = true
		go t.run()
	}
}

// run tells what there is to tell.
func (t *teller) run() {
	for e, ok := t.next(); ok; e, ok = t.next() {
		for _, o := range t.observers {
			guarded(func() {
				if resilience.Hears(o, e.Kind) {
					o.Observe(context.Background(), e)
				}
			})
		}
	}
}

// next returns the next event. ok is false if there is none: then run has to end.
func (t *teller) next() (e resilience.Event, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.untold) == 0 {
		t.telling = false
		return e, false
	}
	e = t.untold[0]
	t.untold = slices.Delete(t.untold, 0, 1)
	return e, true
}

// guarded calls an observer's code, which may panic.
func guarded(call func()) {
	defer func() { _ = recover() }()
	call()
}
