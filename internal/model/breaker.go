package model

import (
	"fmt"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Breaker is what the documentation of package breaker says a Breaker is.
type Breaker struct {
	Config  breaker.Config // with the defaults filled in
	Changes []Change       // all changes of state so far
	Why     []string       // each a part of what it may say of why it opened; nil after probes
	Spread  []float64      // what chance added to the open times, as parts of the most that it adds

	state    resilience.State // the last change's; an open breaker may be half-open by now
	epoch    int              // counts the changes: outcomes of an earlier one count as nothing
	since    time.Time        // when the epoch began
	outcomes []outcome        // of the epoch, in the order in which they came back
	failed   int              // rounds of probes in a row

	least, most time.Time // an open breaker probes at some moment between these
	places      []*place  // of the round of probes

	renumbered bool          // since it opened: chance had less to choose from
	inSeries   bool          // it opened with a MinOpenFor
	minOpenFor time.Duration // in a series
	lost       int           // of the outcomes of a series, those that went with fewer HalfOpenProbes
	cost       cost
	latest     time.Time      // when the latest probe of a series began, or the breaker opened
	series     []*BreakerCall // its probes under way, the oldest first

	slowest slowest
}

// Change is one change of state.
type Change struct {
	From, To resilience.State
}

// BreakerCall is a call that the breaker has let pass.
type BreakerCall struct {
	Began time.Time

	epoch int
	place *place // of a probe
	part  bool   // a part of a probe, with no outcome of its own
}

// Outcome is what came of a call.
type Outcome int

// The outcomes.
const (
	Success Outcome = iota
	Failure
	Unclassified // a failure that nobody has classified
	Nothing      // says nothing about the dependency
)

type outcome struct {
	began time.Time
	is    Outcome
	slow  bool
	lost  bool // a window forgot it, which had other parts
}

// NewBreaker returns the model of a breaker made at that moment of a Config that is right.
func NewBreaker(c breaker.Config, now time.Time) *Breaker {
	return &Breaker{Config: BreakerDefaults(c), since: now}
}

// BreakerDefaults fills in the defaults.
func BreakerDefaults(c breaker.Config) breaker.Config {
	if c.FailureRatio == 0 {
		c.FailureRatio = 0.5
	}
	if c.MinRequests == 0 {
		c.MinRequests = 20
	}
	if c.ConsecutiveFailures == 0 {
		c.ConsecutiveFailures = 10
	}
	if c.SlowCallRatio == 0 {
		c.SlowCallRatio = 1
	}
	if c.Window == 0 {
		c.Window = 10 * time.Second
	}
	if c.Buckets == 0 {
		c.Buckets = 10
	}
	if c.OpenFor == 0 {
		c.OpenFor = 5 * time.Second
	}
	if c.MaxOpenFor == 0 {
		c.MaxOpenFor = max(10*time.Second, c.OpenFor)
	}
	if c.MinOpenFor == 0 {
		c.MinOpenFor = -1
	}
	return roundDefaults(c)
}

// State returns the state at that moment, which is never before one that was asked about.
func (b *Breaker) State(now time.Time) resilience.State {
	b.pass(now)
	if b.state == resilience.StateOpen && !now.Before(b.most) {
		return resilience.StateHalfOpen
	}
	return b.state
}

// pass lets time pass: a round with a probe whose time is over has failed when it was over. In a
// series, that probe has.
func (b *Breaker) pass(now time.Time) {
	b.passSeries(now)
	if end, ends := b.roundEnds(); ends && !now.Before(end) {
		b.failed++
		b.open(end)
	}
}

// Saw takes note of what the breaker says, where chance decides when an open one probes.
func (b *Breaker) Saw(now time.Time, state resilience.State, after time.Duration) error {
	b.pass(now)
	if b.state != resilience.StateOpen {
		return nil
	}
	switch state {
	case resilience.StateOpen:
		if b.least.Equal(b.most) {
			return nil
		}
		at := now.Add(after)
		if after <= 0 || at.Before(b.least) || at.After(b.most) {
			return fmt.Errorf("it probes in %v; the model between %v and %v", after, b.least.Sub(now), b.most.Sub(now))
		}
		if now.Equal(b.since) && !b.renumbered { // later, those that are over by then would be missing
			b.Spread = append(b.Spread, float64(at.Sub(b.least))/float64(b.most.Sub(b.least)))
		}
		b.least, b.most = at, at
	case resilience.StateHalfOpen:
		if now.Before(b.least) {
			return fmt.Errorf("it is half-open; the model probes in %v at the soonest", b.least.Sub(now))
		}
		if now.Before(b.most) {
			b.most = now
		}
	default: // nothing was left to chance
	}
	return nil
}

// Opening returns between which times of being open chance chose, when the breaker opened last.
func (b *Breaker) Opening() (least, most time.Duration) {
	if b.follows() {
		return b.pause(b.cost.mean)
	}
	least = b.Config.OpenFor
	for range b.failed {
		least = min(2*least, b.Config.MaxOpenFor)
	}
	return least, least + least/4
}

// RetryAfter returns how long it is until the breaker probes, once Saw has been told.
func (b *Breaker) RetryAfter(now time.Time) time.Duration {
	if b.State(now) != resilience.StateOpen {
		return 0
	}
	return b.least.Sub(now)
}

// Begin lets a call pass, or refuses it: then it returns nil.
func (b *Breaker) Begin(now time.Time) *BreakerCall {
	switch b.State(now) {
	case resilience.StateClosed:
		return &BreakerCall{Began: now, epoch: b.epoch}
	case resilience.StateHalfOpen:
		if b.follows() {
			return b.probe(now)
		}
		if b.state == resilience.StateOpen {
			b.change(resilience.StateHalfOpen, now)
		}
		if p := b.take(now); p != nil {
			return &BreakerCall{Began: now, epoch: b.epoch, place: p}
		}
	default: // open or isolated
	}
	return nil
}

// BeginInside is Begin for a call that comes from inside of another one, under its ctx. Inside of a
// probe it is a part of that.
func (b *Breaker) BeginInside(outer *BreakerCall, now time.Time) *BreakerCall {
	b.pass(now)
	if b.state == resilience.StateHalfOpen && outer.epoch == b.epoch && outer.place != nil || slices.Contains(b.series, outer) {
		return &BreakerCall{Began: now, part: true}
	}
	return b.Begin(now)
}

// End says what came of a call.
func (b *Breaker) End(c *BreakerCall, now time.Time, is Outcome) {
	b.pass(now)
	if c.part {
		return
	}
	if c.epoch != b.epoch {
		return
	}
	slow := b.slow(now.Sub(c.Began))
	if b.state == resilience.StateOpen {
		b.probedOfSeries(c, outcome{began: c.Began, is: is, slow: slow}, now)
		return
	}
	b.outcomes = append(b.outcomes, outcome{began: c.Began, is: is, slow: slow})
	if b.state == resilience.StateHalfOpen {
		b.probed(c.place, is, now)
		return
	}
	if is == Nothing {
		return
	}
	if is != Success || slow {
		b.cost.add(now.Sub(c.Began), b.Config.OpenFor)
	}
	if why := b.trips(now); why != nil {
		b.failed = 0
		b.open(now)
		b.Why = why
	}
}

// Isolate keeps every call out until Reset.
func (b *Breaker) Isolate(now time.Time) {
	b.pass(now)
	if b.state != resilience.StateIsolated {
		b.change(resilience.StateIsolated, now)
	}
}

// Reset closes the breaker and forgets all outcomes.
func (b *Breaker) Reset(now time.Time) {
	b.pass(now)
	b.failed = 0
	b.change(resilience.StateClosed, now)
}

func (b *Breaker) open(now time.Time) {
	if b.state == resilience.StateClosed {
		b.inSeries, b.minOpenFor = b.Config.MinOpenFor > 0, b.Config.MinOpenFor
	}
	b.change(resilience.StateOpen, now)
	least, most := b.Opening()
	b.least, b.most = now.Add(least), now.Add(most)
}

// change is a change of state, which clears what was counted. Nothing is told of one to the same
// state.
func (b *Breaker) change(to resilience.State, now time.Time) {
	if b.state != to {
		b.Changes = append(b.Changes, Change{b.state, to})
	}
	b.state, b.since = to, now
	b.epoch++
	b.outcomes, b.places, b.series, b.Why = nil, nil, nil, nil
	b.latest, b.renumbered, b.lost = now, false, 0
	if to == resilience.StateClosed {
		b.cost = cost{}
	}
}
