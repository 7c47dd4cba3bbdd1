package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// Policy is a retry loop. It is safe for concurrent use, and is made by New. It has no state,
// unless it learns (Config.Adaptive).
type Policy struct {
	config     *Config // resolved; not changed, so that the policies linked to it share it
	maxRetries int
	budget     *budget.Budget
	gates      []resilience.Gate
	learner    *learner // nil if it does not learn
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
	p.config, p.learner = &r, newLearner(r.Adaptive)
	return &p, nil
}

// firstOf returns what a resolved Config's first attempt needs of a policy.
func firstOf(r *Config) Policy {
	p := Policy{budget: r.Budget, maxRetries: r.MaxRetries}
	switch r.MaxRetries {
	case NoRetries:
		p.maxRetries = 0
	case -1:
		p.maxRetries = math.MaxInt
	}
	return p
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
	err = p.first(ctx, op)
	if err == nil {
		return nil
	}
	failed, config := p, r // on the heap: only a call that needs the loop pays for it
	failed.config = &config
	return failed.again(ctx, &mono.Mark{}, op, err)
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
	if p == nil {
		return nil, errors.New("retry: a nil *Policy; make one with retry.New")
	}
	return p, nil
}

// Link returns a Policy that draws on the budget around it, asks the gates inside it, and
// reports to the links' observer.
func (p *Policy) Link(l resilience.Links) resilience.Policy {
	linked := *p
	linked.pipeline, linked.observer, linked.gates = l.Pipeline, l.Observer, nil
	for _, outer := range l.Outer {
		if b, ok := outer.(*budget.Budget); ok {
			linked.budget = b // the last one wins: it is the nearest
		}
	}
	for _, inner := range l.Inner {
		if g, ok := inner.(resilience.Gate); ok {
			linked.gates = append(linked.gates, g)
		}
	}
	return &linked
}

// SpendsBudget marks p as a budget.Spender.
func (p *Policy) SpendsBudget() {}

// Wrap returns next with p's retries.
func (p *Policy) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return p.Do(ctx, next) }
}

// Config returns the policy's settings, with every default filled in.
func (p *Policy) Config() Config { return *p.config }

// String returns the policy in words: "retry 5× 50ms…5s", and "adaptive" if it learns.
func (p *Policy) String() string {
	times := fmt.Sprintf("%d×", p.maxRetries)
	switch p.maxRetries {
	case 0:
		return "no retry"
	case math.MaxInt:
		times = "without limit"
	}
	text := fmt.Sprintf("retry %s %v…", times, p.config.BaseDelay)
	if p.config.MaxDelay >= 0 {
		text += p.config.MaxDelay.String()
	}
	if p.learner != nil {
		text += " adaptive"
	}
	return text
}

// Do runs op, and again while that can help. An op whose first attempt succeeds costs no
// allocation; neither does a retry. If ctx has ended, op does not run.
//
// The error is op's own, untouched, if the first attempt ends Permanent, Canceled or Rejected;
// otherwise it is an *Error.
func (p *Policy) Do(ctx context.Context, op resilience.Func) error {
	if ctx.Err() != nil {
		return p.ended(ctx)
	}
	return p.DoSince(ctx, &mono.Mark{}, op)
}

// DoSince is Do for a pipeline, which has looked at ctx, and may know when the call began. Do
// itself does not read the clock before something has gone wrong: that takes longer than all
// the rest of the path on which nothing does.
func (p *Policy) DoSince(ctx context.Context, start *mono.Mark, op resilience.Func) error {
	err := p.first(ctx, op)
	if err == nil {
		return nil
	}
	return p.again(ctx, start, op, err)
}

// first runs op for the first time.
func (p *Policy) first(ctx context.Context, op resilience.Func) error {
	if p.budget != nil {
		p.budget.OnArrival()
	}
	err := op(ctx)
	if err != nil {
		return err
	}
	if p.budget != nil {
		p.budget.OnSuccess()
	}
	if p.learner != nil { // asked here, since a call of note would cost as much as all of the above
		p.learner.note(0, true, false)
	}
	return nil
}

// ended returns the error of a call whose ctx had ended before the first attempt.
func (p *Policy) ended(ctx context.Context) error {
	e := NotStarted(ctx, p.pipeline)
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

// pause returns how long to sleep before the given retry (from 0).
func (p *Policy) pause(retry int, prev, hint time.Duration) time.Duration {
	s := Step{
		Retry: retry, Base: p.config.BaseDelay, Max: p.config.MaxDelay, Multiplier: p.config.Multiplier, Prev: prev,
	}
	if s.Max < 0 {
		s.Max = math.MaxInt64
	}
	if p.learner != nil {
		s.Base = stretched(s.Base, p.learner.stretch(), s.Max)
	}
	s.Delay = min(max(0, p.config.Backoff.Backoff(s)), s.Max)
	return max(0, p.config.Jitter.Jitter(s), hint)
}

// verdict judges err for this loop.
func (p *Policy) verdict(err error) resilience.Verdict {
	classify, retryIf := p.config.Classify, p.config.RetryIf
	if (classify != nil || retryIf != nil) && resilience.NoRetry(err) {
		classify, retryIf = nil, nil // they know what errors are worth a retry, not what a retry would do
	}
	if classify == nil {
		classify = resilience.Classify
	}
	v := classify(err)
	switch {
	case v == resilience.Rejected || retryIf == nil:
		return v
	case !retryIf(err):
		if v.Failure() {
			return resilience.Permanent
		}
		return v
	case v.Failure():
		return v
	}
	return resilience.Transient
}
