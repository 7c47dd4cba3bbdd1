package breaker

import (
	"context"
	"errors"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
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

// Breaker is a circuit breaker. It is safe for concurrent use, and is made by New. As a stage of
// several pipelines, it shares its state between them. A zero Breaker, and a nil one, run nothing:
// what they wrap returns an error that says so.
type Breaker struct {
	config   *settings // shared with those of other keys
	name     string
	pipeline string
	observer resilience.Observer
	hears    bool                  // the observer cares for changes of state
	classify resilience.Classifier // the Config's, else that of the pipeline; nil if neither has one
	limit    time.Duration         // the most that an attempt may take; 0 if that is not known
	machine  *machine
}

// settings are a Config, resolved but for its name, and its numbers.
type settings struct {
	Config
	numbers numbers
}

// New returns a closed breaker, or an error that names every field of c that is wrong.
func New(c Config) (*Breaker, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return newBreaker(&settings{r, r.numbers()}, r.Name, false), nil
}

func newBreaker(s *settings, name string, narrow bool) *Breaker {
	return &Breaker{config: s, name: name, classify: s.Classify, machine: newMachine(&s.numbers, name, narrow, false)}
}

// Build returns b itself, so that a Breaker can be a stage of several pipelines.
func (b *Breaker) Build() (resilience.Policy, error) {
	if err := b.unmade(); err != nil {
		return nil, err
	}
	return b, nil
}

// unmade returns what to say of a Breaker that New did not make, else nil.
func (b *Breaker) unmade() error {
	if b == nil {
		return errors.New("breaker: a nil *Breaker; make one with breaker.New")
	}
	if b.machine == nil {
		return errors.New("breaker: a zero Breaker; make one with breaker.New")
	}
	return nil
}

// Wrap returns next behind b.
func (b *Breaker) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return b.Do(ctx, next) }
}

// Do runs op if the breaker lets it, and counts what comes of it. If not, it returns an *OpenError
// without running op. Under a ctx that has ended op does not run either, and nothing is counted:
// see resilience.NotStarted. If ctx ended meanwhile, the error says so: see resilience.Ended. A
// panic or Goexit of op counts as a failure and goes on through Do; if that changes the state,
// observers are told by the next call that comes by. While the breaker is closed, a call that
// succeeds does not allocate, and looks at the clock once.
func (b *Breaker) Do(ctx context.Context, op resilience.Func) (err error) {
	if b == nil || b.machine == nil {
		return b.unmade()
	}
	if ctx.Err() != nil {
		return resilience.NotStarted(ctx)
	}
	w := b.machine.status.Load().window
	for w == nil {
		var closed bool
		if err, closed = b.tryProbe(ctx, op); !closed {
			return err
		}
		w = b.machine.status.Load().window // and most likely it still is
	}
	b.report(ctx)
	e := Entry{w, mono.Now()}
	defer func() { b.Abort(&e) }()
	return b.Leave(ctx, &e, op(ctx))
}

// look reads the clock after a success, for whoever wants to know.
func (b *Breaker) look(w *window, began mono.Time, decide, sample bool) {
	now := mono.Now()
	if sample {
		b.machine.tookSuccess(time.Duration(now - began))
	}
	if decide {
		if by, opens := w.decide(now); opens {
			b.machine.trip(w, by, now)
		}
	}
}

// count counts what came of a call in the closed state.
func (b *Breaker) count(w *window, began mono.Time, j judged, err error) {
	if j.outcome == success && j.now == 0 {
		if look, sample := w.success(began); look || sample {
			b.look(w, began, look, sample && err == nil)
		}
		return
	}
	if j.now == 0 {
		j.now = mono.Now()
	}
	if err == nil && j.outcome == success {
		b.machine.tookSuccess(j.took)
	}
	if by, opens := w.add(j.outcome, j.slow, began, j.now, err); opens {
		b.machine.trip(w, by, j.now)
	}
}

// tryProbe runs op if it is time to probe and there is a place for it. If the breaker is closed by
// now, it does nothing and says so.
func (b *Breaker) tryProbe(ctx context.Context, op resilience.Func) (err error, closed bool) { //nolint:revive // the error is the call's, and not tryProbe's own
	m := b.machine
	refusal := m.refusal()
	var outer *probe
	if refusal == nil || m.status.Load().series != nil { // with a MinOpenFor, probes are under way in the open state
		outer, _ = ctx.Value(probeKey{m}).(*probe)
	}
	if refusal != nil && outer == nil {
		return b.refuse(ctx, refusal), false
	}
	var teller *Breaker
	if b.hears {
		teller = b
	}
	p, part, refusal := m.enter(outer, teller)
	switch {
	case refusal != nil:
		return b.refuse(ctx, refusal), false
	case part:
		if err = op(ctx); err != nil && ctx.Err() != nil {
			err = resilience.Ended(ctx, resilience.Assess(ctx, b.classify, err), err)
		}
		return err, false
	case p == nil:
		return nil, true
	}
	err = b.probe(context.WithValue(ctx, probeKey{m}, p), p, op)
	b.report(ctx)
	return err, false
}

// probe runs op as the probe p.
func (b *Breaker) probe(ctx context.Context, p *probe, op resilience.Func) (err error) {
	j := judged{outcome: excluded} // until op runs: an observer may panic before
	var began mono.Time
	var came error
	running := false
	defer func() {
		if running {
			j = b.aborted(began)
		}
		b.machine.leave(p, j.outcome, j.slow, came)
	}()
	b.report(ctx)
	began, running = mono.Now(), true
	came = op(ctx)
	verdict, err := b.judge(ctx, began, came)
	if came == nil {
		b.machine.tookSuccess(mono.Since(began))
	}
	j, running = verdict, false
	return err
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
	if !b.hears {
		return
	}
	if changes := b.machine.changes.Load(); changes.waiting() {
		changes.deliver(func(c change) {
			b.observer.Observe(ctx, resilience.Event{
				Kind: resilience.EventBreaker, Pipeline: b.pipeline, Stage: "breaker", Breaker: b.name,
				From: c.from, To: c.to, Why: c.why,
			})
		})
	}
}

// Ready returns the error with which a call would be refused now, or nil. A half-open breaker is
// ready.
func (b *Breaker) Ready() error {
	if err := b.unmade(); err != nil {
		return err
	}
	if refusal := b.machine.refusal(); refusal != nil {
		return refusal
	}
	return nil
}

// State returns the state: half-open too when the breaker was open and it is time to probe.
// Reading it changes nothing and calls no observer.
func (b *Breaker) State() State {
	s := b.machine.inForce()
	if s.due() {
		return StateHalfOpen
	}
	return s.state
}

// RetryAfter returns how long it is until the breaker probes; 0 if it is not open. An
// isolated breaker waits for Reset, and returns 0 as well.
func (b *Breaker) RetryAfter() time.Duration { return b.machine.inForce().retryAfter() }

// Why returns what opened the breaker, and by which numbers: "10 failures in a row
// (ConsecutiveFailures is 10)", "17 of 20 outcomes in 10s failed (85%; FailureRatio is 50%)", or
// that a probe failed, and what had opened it before. Of a breaker that is isolated by an order for
// a whole fleet it says whose order that is. It is nil while the breaker is closed, and when it is
// isolated by Isolate.
func (b *Breaker) Why() error {
	if why := b.machine.inForce().why; why != nil {
		return why
	}
	return nil
}

// Counts returns the outcomes in the window.
func (b *Breaker) Counts() Counts { return b.machine.counts() }

// Config returns the breaker's settings, with every default filled in, and the Classify that it
// goes by, which may be its pipeline's.
func (b *Breaker) Config() Config {
	c := b.config.Config
	c.Name, c.Classify = b.name, b.classify
	return c
}

// Isolate keeps every call out until Reset. Calls in flight finish, and count as nothing.
// Observers are told by the next call that comes by.
func (b *Breaker) Isolate() { b.machine.Isolate(nil) }

// Reset closes the breaker and forgets all outcomes, also those of calls in flight. Observers
// are told by the next call that comes by.
func (b *Breaker) Reset() { b.machine.Reset() }

// String returns the breaker in words: "breaker 50%/20", "breaker 10 in a row", "breaker 50%/20,
// slow 80%>2s", "breaker 50%/20, fleet".
func (b *Breaker) String() string {
	text := "breaker " + b.config.numbers.String()
	if b.config.Fleet {
		text += ", fleet"
	}
	return text
}
