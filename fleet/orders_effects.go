package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast"
	adviser "github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience"
)

// sayings are what to tell the log and observers, whose code is the user's, once no lock is held.
type sayings []func(f *Fleet)

// say tells, in a goroutine of its own: so no tick waits for a user's code.
func (f *Fleet) say(all sayings) {
	if len(all) == 0 {
		return
	}
	go func() {
		for _, one := range all {
			guarded(func() { one(f) })
		}
	}()
}

// effects are what an order has done in this pod, each once: what somebody changes by hand after
// that stays.
type effects struct {
	switched []switched
	tuned    []tuned
}

// switched is a breaker that was isolated or reset.
type switched struct {
	breaker  adviser.Switch
	by       any // nil: there is nothing to undo
	name     string
	pipeline *holdfast.Pipeline
}

// tuned is a budget whose ratio was changed.
type tuned struct {
	knob     adviser.Knob
	by       any // nil: there is nothing to undo
	pipeline *holdfast.Pipeline
}

// replace carries the order out in the place of the one that was there, nil if there was none.
func (s *standing) replace(was *standing, m *member) (said sayings) {
	undone := was != nil && !was.over
	if !s.over {
		said = append(said, s.apply(m)...)
	}
	switch {
	case s.withdrawn && undone && was.kind == s.kind:
		said = append(said, s.line(m.name, s.kind.String()+" withdrawn by "+s.whose()))
	case s.over:
	case s.kind == OrderIsolate:
		said = append(said, s.line(m.name, "isolated "+s.reason()))
	case s.kind == OrderReset:
		said = append(said, s.line(m.name, "reset by "+s.whose()))
	case s.kind == OrderTune:
		said = append(said, s.line(m.name, fmt.Sprintf("budget ratio set to %v %s", max(s.ratio, 0), s.reason())))
	}
	if undone {
		said = append(said, was.undo(visible.Name(s.by)+" for the fleet")...)
	}
	return said
}

// apply carries the order out for the breaker and the budgets of a member, if it has not yet done
// so.
func (s *standing) apply(m *member) (said sayings) {
	switch s.kind {
	case OrderIsolate, OrderReset:
		return s.flip(m)
	case OrderTune:
		for _, p := range m.pipelines {
			b := p.Budget()
			if b == nil {
				continue
			}
			if k, ok := adviser.KnobOf(b); ok {
				said = append(said, s.turn(k, p)...)
			}
		}
	}
	return said
}

// flip isolates or resets the breaker of a member.
func (s *standing) flip(m *member) (said sayings) {
	for _, done := range s.switched {
		if done.breaker == adviser.Switch(m.hook) {
			return nil
		}
	}
	is := switched{breaker: m.hook, name: m.breaker.Config().Name, pipeline: m.pipelines[0]}
	from, to := resilience.StateClosed, resilience.StateClosed
	switch s.kind {
	case OrderIsolate:
		from, is.by = m.hook.Isolate(errors.New(s.reason()))
		to = resilience.StateIsolated
	case OrderReset:
		from = m.hook.Reset()
	case OrderTune: // is turn's
	}
	s.switched = append(s.switched, is)
	return is.changed(visible.Name(s.by)+" for the fleet", from, to)
}

// turn sets the ratio of a budget.
func (s *standing) turn(k adviser.Knob, p *holdfast.Pipeline) (said sayings) {
	for _, done := range s.tuned {
		if done.knob == k {
			return nil
		}
	}
	is := tuned{knob: k, pipeline: p}
	from := k.Ratio()
	by, err := k.Set(s.ratio)
	is.by = by
	s.tuned = append(s.tuned, is)
	if err != nil { // of settings that no order can know
		return sayings{func(f *Fleet) {
			f.hands.log.Warn("an order for the fleet could not be carried out", "fleet", f.name, "pod", f.pod, "pipeline", p.Name(), "why", err.Error())
		}}
	}
	return is.changed(visible.Name(s.by)+" for the fleet", from, k.Ratio())
}

// lapse undoes an order whose time is over.
func (s *standing) lapse() (said sayings) {
	by := visible.Name(s.by) + "'s order for the fleet is over"
	if said = s.undo(by); len(said) > 0 {
		said = append(said, func(f *Fleet) {
			f.hands.log.Info("the order of "+visible.Name(s.by)+" for the fleet is over", "fleet", f.name, "pod", f.pod, "order", s.what())
		})
	}
	return said
}

// undo ends the order: see revert.
func (s *standing) undo(by string) (said sayings) {
	s.over = true
	return s.revert(by)
}

// revert undoes what the order has done, and nobody has changed since.
func (s *standing) revert(by string) (said sayings) {
	for _, is := range s.switched {
		if is.by != nil && is.breaker.Release(is.by) {
			said = append(said, is.changed(by, resilience.StateIsolated, resilience.StateClosed)...)
		}
	}
	for _, is := range s.tuned {
		from := is.knob.Ratio()
		if to, ok := is.knob.Restore(is.by); ok {
			said = append(said, is.changed(by, from, to)...)
		}
	}
	s.effects = effects{}
	return said
}

// overruled reports whether somebody has changed by hand what the order did in this pod, or with a
// new configuration.
func (s *standing) overruled() bool {
	for _, is := range s.switched {
		if s.kind == OrderIsolate && !is.breaker.Isolated(is.by) {
			return true
		}
	}
	for _, is := range s.tuned {
		if !is.knob.Ours(is.by) {
			return true
		}
	}
	return false
}

func (is *switched) changed(by string, from, to resilience.State) sayings {
	if from == to {
		return nil
	}
	return changed(is.pipeline, resilience.Change{By: by, Stage: "breaker", Name: is.name, Field: "State", From: from, To: to})
}

func (is *tuned) changed(by string, from, to float64) sayings {
	if from == to {
		return nil
	}
	return changed(is.pipeline, resilience.Change{By: by, Stage: "budget", Field: "Ratio", From: from, To: to})
}

// changed tells the pipeline's observers of a change.
func changed(p *holdfast.Pipeline, c resilience.Change) sayings {
	return sayings{func(*Fleet) { adviser.Changed(context.Background(), p, c) }}
}

// whose returns `ada for the fleet: "card scheme down"`.
func (s *signed) whose() string {
	return visible.Name(s.by) + " for the fleet: " + strconv.Quote(s.why)
}

// reason returns `by ada for the fleet: "card scheme down", until 2026-01-02T15:04:05Z`.
func (s *standing) reason() string {
	return "by " + s.whose() + ", until " + s.until.UTC().Format(time.RFC3339)
}

// line is the one of the log that tells of an order.
func (s *standing) line(service, text string) func(f *Fleet) {
	return func(f *Fleet) {
		f.hands.log.Info(text, "fleet", f.name, "pod", f.pod, "service", service)
	}
}
