package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// Policy is a retry loop. It is safe for concurrent use, and is made by New. It has no state,
// unless it learns (Config.Adaptive). A zero Policy, and a nil one, run nothing: Do returns an
// error that says so.
type Policy struct {
	config     *Config // resolved; not changed, so that the policies linked to it share it
	maxRetries int
	budget     *budget.Budget
	gates      []resilience.Gate
	limit      time.Duration         // the most that an attempt may take; 0 if that is not known
	waiting    *waiting              // nil if it is not Patient
	learner    *learner              // nil if it does not learn
	classify   resilience.Classifier // the Config's, else that of the pipeline; nil if neither has one
	pipeline   string
	observer   resilience.Observer
}

// New returns a retry loop, or an error that names every field of c that is wrong.
func New(c Config) (*Policy, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	p := firstOf(&r)
	p.config, p.learner, p.classify = &r, newLearner(r.Adaptive), r.Classify
	if r.Patient {
		p.waiting = &waiting{}
	}
	return &p, nil
}

// firstOf returns what a resolved Config's first attempt needs of a policy.
func firstOf(r *Config) Policy {
	return Policy{maxRetries: max(r.MaxRetries, 0)} // None is below 0
}

// Do runs op with c's retries. It is New(c) and its Do in one, for a call made in one place.
// An Adaptive c is refused: what is learned in one call would be forgotten before the next.
func Do(ctx context.Context, c Config, op resilience.Func) error {
	if c.Adaptive != nil {
		return &resilience.FieldError{
			Stage: "retry", Field: "Adaptive", Value: "set in a call of Do or Value", Want: "want a Policy that is made once, by New, and learns from all its calls",
		}
	}
	r, err := c.Resolve()
	if err != nil {
		return err
	}
	p := firstOf(&r)
	if ctx.Err() != nil {
		return p.ended(ctx)
	}
	p.Arrived()
	err = op(ctx)
	if err == nil {
		p.Succeeded(mono.Began{})
		return nil
	}
	failed, config := p, r // on the heap: only a call that needs the loop pays for it
	failed.config, failed.classify = &config, config.Classify
	return failed.Again(ctx, mono.Began{}, mono.Began{}, nil, op, err)
}

// Value is Do for an op with a result. It returns what the last attempt returned, also
// beside an error; the zero value if there was no attempt.
func Value[T any](ctx context.Context, c Config, op func(ctx context.Context) (T, error)) (T, error) {
	var v T
	err := Do(ctx, c, func(ctx context.Context) (err error) {
		v, err = op(ctx)
		return err
	})
	return v, err
}

// Build returns p itself.
func (p *Policy) Build() (resilience.Policy, error) {
	if err := p.unmade(); err != nil {
		return nil, err
	}
	return p, nil
}

// unmade returns what to say of a Policy that New did not make, else nil.
func (p *Policy) unmade() error {
	if p == nil {
		return errors.New("retry: a nil *Policy; make one with retry.New")
	}
	if p.config == nil {
		return errors.New("retry: a zero Policy; make one with retry.New")
	}
	return nil
}

// Wrap returns next with p's retries.
func (p *Policy) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return p.Do(ctx, next) }
}

// Config returns the policy's settings, with every default filled in, and the Classify that it goes
// by, which may be its pipeline's.
func (p *Policy) Config() Config {
	if p.unmade() != nil {
		return Config{}
	}
	c := *p.config
	c.Classify = p.classify
	return c
}

// String returns the policy in words: "retry 5× 50ms…5s", "patient" if it is, and "adaptive" if it
// learns.
func (p *Policy) String() string {
	times := fmt.Sprintf("%d×", p.maxRetries)
	switch p.maxRetries {
	case 0:
		return "no retry"
	case Unlimited:
		times = "without limit"
	}
	text := fmt.Sprintf("retry %s %v…", times, p.config.BaseDelay)
	if p.config.MaxDelay >= 0 {
		text += p.config.MaxDelay.String()
	}
	if p.config.Patient {
		text += " patient"
	}
	if p.learner != nil {
		text += " adaptive"
	}
	return text
}

// Do runs op, and again while that can help. An op whose first attempt succeeds costs no
// allocation; neither does a retry. If ctx has ended, op does not run.
//
// The error is op's own, untouched, if the first attempt ends Permanent, Unclassified or Rejected,
// or Canceled by context.Canceled itself; otherwise it is an *Error. It is one also where RetryIf
// turns down an error that is worth a retry by itself, and where the outcome is unknown (see
// Config.OnlyUnsent): then it is resilience.ErrOutcomeUnknown, whatever ended the call.
func (p *Policy) Do(ctx context.Context, op resilience.Func) error {
	if p == nil || p.config == nil {
		return p.unmade()
	}
	if ctx.Err() != nil {
		return p.ended(ctx)
	}
	var first mono.Began
	if p.budget != nil { // Arrived and Succeeded, written out: two calls less are a tenth of all of this
		p.budget.OnArrival()
		if p.budget.PricesSlow() {
			first = mono.At(mono.Now())
		}
	}
	err := op(ctx)
	if err != nil {
		return p.Again(ctx, mono.Began{}, first, nil, op, err)
	}
	if p.budget != nil {
		p.budget.Succeeded(first)
	}
	if p.learner != nil {
		p.learner.note(0, true, false)
	}
	return nil
}

// ended returns the error of a call whose ctx had ended before the first attempt.
func (p *Policy) ended(ctx context.Context) error {
	e := notStarted(ctx, p.pipeline)
	p.observe(ctx, resilience.Event{
		Kind: resilience.EventGiveUp, Verdict: e.Verdict(), Reason: e.Reason, Err: e,
	})
	return e
}

func (p *Policy) observe(ctx context.Context, e resilience.Event) {
	if p.observer != nil {
		e.Pipeline, e.Stage = p.pipeline, "retry"
		p.observer.Observe(ctx, e)
	}
}

// assess judges err for this loop.
func (p *Policy) assess(ctx context.Context, err error) resilience.Judgment {
	j := resilience.Assess(ctx, p.classify, err)
	if p.config.RetryIf == nil || j.Retry == resilience.Canceled || j.Retry == resilience.Rejected || resilience.NoRetry(err) {
		return j // RetryIf knows what errors are worth a retry, not what a retry would do
	}
	switch wanted := p.config.RetryIf(err); {
	case wanted && !j.Retry.Retryable():
		j.Retry = resilience.Transient
	case !wanted && j.Retry.Retryable():
		j.Retry = resilience.Permanent
	}
	return j
}
