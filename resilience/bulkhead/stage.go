package bulkhead

import (
	"fmt"
	"reflect"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	stage.Register(stage.Spec[Config, *Bulkhead]{
		Name:    "bulkhead",
		Traits:  traits,
		InForce: (*Bulkhead).Config,
		Data:    []reflect.Type{reflect.TypeFor[*Adaptive]()},
		Link:    link,
		Renew:   renew,
		Another: another,
		Lenient: lenient,
		Worth:   worth,
		Report:  report,
	})
}

func traits(c Config) stage.Traits {
	t := stage.Traits{
		Wait: c.MaxWait, WaitsFor: "a place in the bulkhead", Refuses: "a full bulkhead",
		WaitsInTime: c.Adaptive != nil, ReadsClock: c.Adaptive != nil,
	}
	if c.MaxWait < 0 {
		t.Wait = stage.Endless
	}
	return t
}

// link returns a Bulkhead that learns from the place's calls, and shares b's state. If b belongs to
// the place alone, it relies on the place's pipeline to count calls while there is no limit.
func link(b *Bulkhead, at stage.Place) resilience.Policy {
	if !b.Adapts() {
		return b
	}
	linked := *b
	linked.pipeline, linked.observer, linked.classify = at.Pipeline, at.Observer, at.Classify
	linked.hears = resilience.Hears(at.Observer, resilience.EventLimit)
	linked.limit = at.Row.Bounds(at.At)
	linked.perCall = at.Row.PerCall(at.At)
	linked.counts, linked.calls = true, nil
	if at.Calls != nil && at.Row[at.At].Own && b.settings.MaxConcurrent == check.Off {
		linked.counts, linked.calls = false, at.Calls
	}
	if linked.counts || linked.looks {
		linked.state() // no call shall have to make it
	}
	return &linked
}

// renew keeps those in the bulkhead, and those who wait. Its Commit makes them go by the numbers of
// c: see resize.
func renew(b *Bulkhead, c Config) (stage.Renewal[*Bulkhead], error) {
	r, err := c.Resolve()
	if err != nil {
		return stage.Renewal[*Bulkhead]{}, err
	}
	if r.same(b.settings.Config) {
		return stage.Renewal[*Bulkhead]{Policy: b, Kept: true}, nil
	}
	s := settingsOf(r)
	fresh := &Bulkhead{settings: s, shared: b.shared, counts: true, looks: s.looks(), lenient: b.lenient}
	return stage.Renewal[*Bulkhead]{Policy: fresh, Kept: true, Commit: func() { b.resize(s) }}, nil
}

// another returns an empty bulkhead of b's settings.
func another(b *Bulkhead, _ Config) (*Bulkhead, error) { return alike(b.settings), nil }

// lenient returns b, which never gets an adaptive limit.
func lenient(b *Bulkhead) *Bulkhead {
	lenient := *b
	lenient.lenient = true
	return &lenient
}

// worth says that a limit is soon learned again.
func worth(b *Bulkhead) stage.Worth {
	if b.shared.Load().limits() != nil {
		return stage.Learned
	}
	return stage.Plain
}

func report(b *Bulkhead) stage.Report {
	s := b.Stats()
	r := stage.Report{Stats: s}
	if s.binds {
		r.Condition = stage.Strain
		r.Why = fmt.Sprintf("bulkhead limited to %d, cut after %s", s.Limit, s.Why)
	}
	return r
}
