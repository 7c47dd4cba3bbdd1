package breaker

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	stage.Register(stage.Spec[Config, *Breaker]{
		Name:    "breaker",
		Traits:  func(c Config) stage.Traits { return stage.Traits{Classify: c.Classify, Refuses: "an open breaker"} },
		InForce: (*Breaker).Config,
		Named:   named,
		Link:    link,
		Renew:   renew,
		Another: another,
		Lenient: lenient,
		Worth:   worth,
		Report:  report,
	})
}

// named gives a breaker without a name that of its pipeline: the string itself, since there may be
// 100,000. Those of a Keyed's keys are told apart.
func named(c Config, pipeline, suffix string) Config {
	if c.Name == "" {
		c.Name = pipeline
	} else {
		c.Name += suffix
	}
	return c
}

// link returns a Breaker that reports to the place's observer and shares b's state. It knows what
// an attempt may take from the deadline next to it.
func link(b *Breaker, at stage.Place) resilience.Policy {
	linked := *b
	linked.pipeline, linked.observer = at.Pipeline, at.Observer
	if b.config.Classify == nil {
		linked.classify = at.Classify
	}
	linked.limit = at.Row.Bounds(at.At)
	linked.hears = resilience.Hears(at.Observer, resilience.EventBreaker)
	if linked.hears {
		b.machine.watched.Store(true)
	}
	return &linked
}

// renew returns a breaker made of c, which shares b's state. Its Commit makes the state go by c's
// numbers: see renumber.
func renew(b *Breaker, c Config) (stage.Renewal[*Breaker], error) {
	r, err := c.Resolve()
	if err != nil {
		return stage.Renewal[*Breaker]{}, err
	}
	s := &settings{r, r.numbers()}
	if old := b.config; s.numbers == old.numbers && r.IgnoreUnclassified == old.IgnoreUnclassified && r.Fleet == old.Fleet &&
		r.Classify == nil && old.Classify == nil {
		s = old // there may be 100,000 that share it
	}
	fresh := &Breaker{config: s, name: r.Name, classify: r.Classify, machine: b.machine}
	return stage.Renewal[*Breaker]{Policy: fresh, Kept: true, Commit: func() { fresh.machine.renumber(&s.numbers, fresh.name) }}, nil
}

// another returns a closed breaker of b's settings, and c's name. It has a state of its own, and
// shares with b nothing but the memory of the settings.
func another(b *Breaker, c Config) (*Breaker, error) { return newBreaker(b.config, c.Name, true), nil }

// lenient returns a closed breaker of b's settings and name that never opens by itself: it counts,
// and refuses calls only while it is isolated by hand. What another makes of it is not lenient.
func lenient(b *Breaker) *Breaker {
	lenient := *b
	lenient.machine = newMachine(&b.config.numbers, b.name, false, true)
	return &lenient
}

// worth says that a breaker which keeps calls out must not be forgotten.
func worth(b *Breaker) stage.Worth {
	switch b.State() {
	case StateOpen, StateIsolated:
		return stage.Precious
	case StateHalfOpen:
		return stage.Learned
	default:
		return stage.Plain
	}
}

func report(b *Breaker) stage.Report {
	s := b.Stats()
	r := stage.Report{Stats: s}
	r.Condition, r.Why = s.condition()
	return r
}

// condition says how bad it is that the breaker is in its state, and in words what that is.
func (s Stats) condition() (stage.Condition, string) {
	name := strings.TrimSuffix("breaker "+s.Name, " ") // a shared one need not have a name
	switch s.State {
	case StateHalfOpen:
		return stage.Strain, name + " half-open: a few calls may try"
	case StateOpen:
		words := fmt.Sprintf("%s open, next probe in %v", name, s.RetryAfter.Round(time.Millisecond))
		if s.Why != "" {
			words += ", after " + s.Why
		}
		return stage.Down, words
	case StateIsolated:
		return stage.Down, name + " isolated " + cmp.Or(s.Why, byHand)
	default:
		return stage.Well, ""
	}
}
