package holdfast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// Observe returns a stage that reports everything inside it to the observers, in order. It goes
// first. Reporting allocates nothing; an observer itself may.
func Observe(observers ...resilience.Observer) resilience.Stage { return observe(observers) }

type observe []resilience.Observer

// Build checks the observers. A pipeline does not use the Policy.
func (o observe) Build() (resilience.Policy, error) {
	if len(o) == 0 {
		return nil, errors.New("observe: no observers; want at least one")
	}
	var errs []error
	for i, observer := range o {
		if isNil(observer) {
			errs = append(errs, fmt.Errorf("observe: observer %d is nil; leave it out, or give an Observer", i+1))
		}
	}
	return passOn, errors.Join(errs...)
}

func (observe) frontName() string { return "Observe" }

func (o observe) join(b *assembler) { b.observers = append(b.observers, o...) }

// recorder is the Observer of the stages inside a pipeline: it counts denials, and forwards events
// to next.
type recorder struct {
	of   *Pipeline
	next resilience.Observer
}

// Hears reports whether events of kind k are needed: those that may be denials, for the counters,
// and those that next hears.
func (r *recorder) Hears(k resilience.EventKind) bool {
	return k == resilience.EventReject || k == resilience.EventGiveUp || resilience.Hears(r.next, k)
}

// InFlight returns how many calls of the pipeline are in flight: see stage.Population.
func (r *recorder) InFlight() (calls, firsts int) { return r.of.counters.inFlight() }

func (r *recorder) Observe(ctx context.Context, e resilience.Event) {
	if e.Denied() {
		r.of.deny(e.Reason)
	}
	if r.next == nil {
		return
	}
	if r.of.group != nil {
		e.Pipeline, e.Key = r.of.nameAndKey()
	}
	r.next.Observe(ctx, e)
}

// reportUpdate tells the observers that the assembly is in force.
func (b *assembler) reportUpdate(ctx context.Context) {
	if b.observer() != nil {
		name, key := b.recorder.of.nameAndKey()
		b.observer().Observe(ctx, resilience.Event{Kind: resilience.EventUpdate, Pipeline: name, Key: key, Update: b.news})
	}
}

func (c *call) reportAttempt(ctx context.Context, err error) {
	name, key := c.recorder.of.nameAndKey()
	verdict := resilience.Judge(ctx, c.classify, err)
	c.observer().Observe(ctx, resilience.Event{
		Kind: resilience.EventAttempt, Pipeline: name, Key: key, Attempt: c.attempts,
		Verdict: verdict, Elapsed: c.elapsed, Err: err,
	})
	if verdict == resilience.Unclassified {
		c.warn(ctx, err)
	}
}

func (c *call) reportCall(ctx context.Context, j resilience.Judgment, err error) {
	name, key := c.recorder.of.nameAndKey()
	e := resilience.Event{
		Kind: resilience.EventCall, Pipeline: name, Key: key, Attempts: c.attempts, Elapsed: c.took(err), Err: err,
	}
	e.Verdict, e.Reason = outcome(j, err)
	c.observer().Observe(ctx, e)
}

// outcome returns the verdict and reason of a call that returned err, judged as j.
func outcome(j resilience.Judgment, err error) (resilience.Verdict, resilience.Reason) {
	switch {
	case err == nil:
		return resilience.Success, resilience.ReasonNone
	case err == resilience.ErrAborted: //nolint:errorlint // identity: set by Do
		return resilience.Unclassified, resilience.ReasonAborted
	}
	return j.Retry, resilience.ReasonFor(j.Retry, err)
}

// took returns how long the call took. If it succeeded at its first attempt, and no guard can have
// waited, it took as long as the attempt: this saves a look at the clock.
func (c *call) took(err error) time.Duration {
	if err == nil && c.attempts == 1 && !c.mayWait {
		return c.elapsed
	}
	return mono.Since(c.start)
}
