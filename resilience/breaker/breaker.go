package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/resilience"
)

// State is a breaker's state.
type State = resilience.State

// The states of a breaker.
const (
	StateClosed   = resilience.StateClosed
	StateHalfOpen = resilience.StateHalfOpen
	StateOpen     = resilience.StateOpen
	StateIsolated = resilience.StateIsolated
)

// Counts are the outcomes in the window: of the attempts if the breaker stands inside a retry
// loop, of the calls if outside. A change of state clears them.
type Counts = gobreaker.Counts

// Breaker is a circuit breaker. It is safe for concurrent use, and is made by New. As a stage
// of several pipelines, it shares its state between them.
type Breaker struct {
	config   *Config // resolved, but for the name; shared with others made by Another
	name     string
	pipeline string
	observer resilience.Observer
	hears    bool // the observer cares for changes of state
	machine  *machine
}

// New returns a closed breaker, or an error that names every field of c that is wrong.
func New(c Config) (*Breaker, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return newBreaker(&r, r.Name), nil
}

func newBreaker(resolved *Config, name string) *Breaker {
	return &Breaker{config: resolved, name: name, machine: newMachine(resolved, name)}
}

// Another returns a closed breaker of b's settings, with the given name. It has a state of its own,
// and shares with b nothing but the memory of the settings: for whoever makes one for each of many keys.
func (b *Breaker) Another(name string) *Breaker { return newBreaker(b.config, name) }

// Build returns b itself, so that a Breaker can be a stage of several pipelines.
func (b *Breaker) Build() (resilience.Policy, error) {
	if b == nil {
		return nil, errors.New("breaker: a nil *Breaker; make one with breaker.New")
	}
	return b, nil
}

// Link returns a Breaker that reports to the links' observer and shares b's state.
func (b *Breaker) Link(l resilience.Links) resilience.Policy {
	linked := *b
	linked.pipeline, linked.observer = l.Pipeline, l.Observer
	linked.hears = resilience.Hears(l.Observer, resilience.EventBreaker)
	if linked.hears {
		b.machine.watched.Store(true)
	}
	return &linked
}

// With returns a breaker made of c. Where c has b's numbers it shares b's state and kept is
// true, even if its Classify or Name is another.
func (b *Breaker) With(c Config) (fresh *Breaker, kept bool, err error) {
	fresh, err = New(c)
	if err != nil {
		return nil, false, err
	}
	if fresh.config.sameNumbers(*b.config) {
		fresh.machine, kept = b.machine, true
	}
	return fresh, kept, nil
}

// Wrap returns next behind b.
func (b *Breaker) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return b.Do(ctx, next) }
}

// exit is what a Goexit of the op is turned into on its way through gobreaker, whose Execute
// sees panics only, and would take the call for running for ever.
type exit struct{}

// Do runs op if the breaker lets it, and counts what comes of it. If not, it returns an
// *OpenError without running op. It does not allocate. A panic or Goexit of op counts as a
// failure and goes on through Do.
func (b *Breaker) Do(ctx context.Context, op resilience.Func) (err error) {
	if refusal := b.machine.refusal(); refusal != nil {
		return b.refuse(ctx, refusal)
	}
	var ran, returned, exiting bool
	var turnedAway *OpenError
	defer func() {
		if exiting {
			_ = recover() // the exit below; the Goexit itself goes on
		}
	}()
	generation := b.machine.generation.Load()
	_, refused := generation.Execute(func() (struct{}, error) {
		if turnedAway = b.machine.admit(generation); turnedAway != nil {
			return struct{}{}, errExcluded
		}
		ran = true
		epoch := generation.streak.begin()
		defer func() {
			if returned {
				return
			}
			generation.streak.end(epoch, errFailure)
			if p := recover(); p != nil {
				panic(p) // gobreaker counts it
			}
			exiting = true
			panic(exit{})
		}()
		b.report(ctx)
		err = op(ctx)
		outcome := outcomeOf(resilience.Judge(ctx, b.config.Classify, err))
		if outcome != nil || generation.streak.length() > 0 { // else there is nothing to note: that saves a call
			generation.streak.end(epoch, outcome)
		}
		returned = true
		return struct{}{}, outcome
	})
	if turnedAway != nil {
		return b.refuse(ctx, turnedAway)
	}
	if !ran {
		return b.refuse(ctx, b.machine.probing(refused))
	}
	b.report(ctx)
	return err
}

// The outcomes by which gobreaker is told what to count; a success is nil.
var (
	errFailure  = errors.New("failure")
	errExcluded = errors.New("excluded")
)

func outcomeOf(v resilience.Verdict) error {
	switch v {
	case resilience.Transient, resilience.Overload:
		return errFailure
	case resilience.Canceled, resilience.Rejected:
		return errExcluded
	}
	return nil
}

func (b *Breaker) refuse(ctx context.Context, refusal *OpenError) error {
	b.report(ctx)
	if b.observer != nil {
		b.observer.Observe(ctx, resilience.Event{
			Kind: resilience.EventReject, Pipeline: b.pipeline, Stage: "breaker", Breaker: b.name,
			Verdict: resilience.Rejected, Reason: resilience.ReasonBreakerOpen, Err: refusal,
		})
	}
	return refusal
}

// report tells the observer of changes of state that nobody was told of yet. It runs outside
// every lock, so that an observer may ask the breaker anything.
func (b *Breaker) report(ctx context.Context) {
	if b.hears && b.machine.changes.waiting() {
		b.machine.changes.deliver(func(c change) {
			b.observer.Observe(ctx, resilience.Event{
				Kind: resilience.EventBreaker, Pipeline: b.pipeline, Stage: "breaker", Breaker: b.name,
				From: c.from, To: c.to, Err: c.why,
			})
		})
	}
}

// Ready returns the error with which a call would be refused now, or nil. A half-open breaker is ready.
func (b *Breaker) Ready() error {
	if refusal := b.machine.refusal(); refusal != nil {
		return refusal
	}
	return nil
}

// State returns the state: half-open too when the breaker was open and it is time to probe.
// Reading it changes nothing and calls no observer.
func (b *Breaker) State() State {
	s := b.machine.status.Load()
	if s.due() {
		return StateHalfOpen
	}
	return s.state
}

// RetryAfter returns how long it is until the breaker probes; 0 if it is not open. An
// isolated breaker waits for Reset, and returns 0 as well.
func (b *Breaker) RetryAfter() time.Duration { return b.machine.status.Load().retryAfter() }

// Why returns what opened the breaker, and by which numbers: "10 failures in a row (ConsecutiveFailures is 10)",
// "17 of 20 outcomes in 10s failed (85%; FailureRatio is 50%)", or that a probe failed, and what had opened it before. It is
// nil while the breaker is closed, and when it is isolated.
func (b *Breaker) Why() error {
	if why := b.machine.status.Load().why; why != nil {
		return why
	}
	return nil
}

// Counts returns the outcomes in the window; ConsecutiveFailures is how many in a row there were up to now, over any time.
func (b *Breaker) Counts() Counts { return b.machine.counts() }

// Config returns the breaker's settings, with every default filled in.
func (b *Breaker) Config() Config {
	c := *b.config
	c.Name = b.name
	return c
}

// Isolate keeps every call out until Reset. Calls in flight finish, and count as nothing.
// Observers are told by the next call that comes by.
func (b *Breaker) Isolate() {
	b.machine.force(&status{state: StateIsolated, refusal: &OpenError{Name: b.name, State: StateIsolated}})
}

// Reset closes the breaker and forgets all outcomes, also those of calls in flight. Observers
// are told by the next call that comes by.
func (b *Breaker) Reset() { b.machine.force(closed) }

// String returns the breaker in words: "breaker 50%/20".
func (b *Breaker) String() string {
	if b.config.FailureRatio < 0 {
		return fmt.Sprintf("breaker %d in a row", b.config.ConsecutiveFailures)
	}
	return fmt.Sprintf("breaker %v%%/%d", b.config.FailureRatio*100, b.config.MinRequests)
}
