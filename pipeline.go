package holdfast

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pipeline is a row of stages around a call. It is safe for concurrent use, and is made by
// New. It is a resilience.Policy itself, so other policies can go around it by resilience.Chain.
type Pipeline struct {
	name     string
	current  atomic.Pointer[assembly]
	front    *Pipeline         // for a Keyed's keys: whose stages it follows, and where it counts too; else nil
	keys     func() KeyedStats // for the front of a Keyed: how its keys stand; else nil
	counters counters
	updating sync.Mutex
	watchers []*watcher // changed under updating
}

// New returns a pipeline of the given stages, the first being the outermost. A stage is a
// Config, or a policy already built, which shares its state with whoever else uses it.
//
// New checks everything, and its error names every problem: the stage, the field, the value and what would be
// right. Beside what the stages refuse, it refuses: no name, no stage, a nil stage; two retry
// loops; a budget without a retry loop inside it, or two budgets; a deadline that could never
// end anything because one further out ends sooner; the same stateful stage twice; a Policy that is neither
// one of this module's stages nor a resilience.Guard.
func New(name string, stages ...resilience.Stage) (*Pipeline, error) {
	p := blank(name)
	b, err := p.assemble(stages, nil)
	if err != nil {
		return nil, err
	}
	p.place(b)
	p.commit(b)
	return p, nil
}

// blank returns a pipeline without stages, for observers that look at it before it has any.
func blank(name string) *Pipeline {
	p := &Pipeline{name: name}
	p.counters.split()
	p.current.Store(&assembly{name: name, shortest: noDeadline, recorder: recorder{of: p}})
	return p
}

// Must returns p, and panics if err is not nil. It is for package-level variables:
//
//	var payments = holdfast.Must(holdfast.New("payments", holdfast.Critical()...))
func Must(p *Pipeline, err error) *Pipeline {
	if err != nil {
		panic(err)
	}
	return p
}

// Name returns the pipeline's name.
func (p *Pipeline) Name() string { return p.name }

// String returns the chain in words:
// "payments: deadline 2s → budget 10%+1/s → retry 5× 50ms…5s → breaker 50%/20 → deadline 500ms".
func (p *Pipeline) String() string { return p.name + ": " + p.current.Load().String() }

// Wrap returns next inside the pipeline.
func (p *Pipeline) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return p.Do(ctx, next) }
}

// Do runs op through the stages. If ctx has ended, op does not run. It does not allocate on
// the path on which nothing goes wrong, apart from a deadline that has to derive a ctx; op, and what it
// captures, stay on the caller's stack.
//
// A first attempt that ends Permanent or Canceled, and a refusal by a stage, come back as they are; a call that
// was retried, or should have been, comes back as a *retry.Error that says why it stopped.
func (p *Pipeline) Do(ctx context.Context, op resilience.Func) (err error) {
	c := call{assembly: p.current.Load()}
	left := c.readClock(ctx)
	if p.front == nil {
		c.counters = p.counters.pick(&c)
	} else {
		c.counters, c.also = &p.counters.only, p.front.counters.pick(&c)
		c.also.started.Add(1)
	}
	c.counters.started.Add(1)
	returned := false
	defer func() {
		c.counters.finished.Add(1)
		if c.also != nil {
			c.also.finished.Add(1)
		}
		if !returned {
			err = resilience.ErrAborted
		}
		if err != nil || c.attempts == 0 || c.observer != nil {
			c.end(ctx, err)
		}
	}()
	err = c.begin(ctx, left, op)
	returned = true
	return err
}

// Value is p.Do for an op with a result. It returns what the last attempt returned, also
// beside an error; the zero value if there was no attempt. It does not allocate either.
func Value[T any](ctx context.Context, p *Pipeline, op func(ctx context.Context) (T, error)) (T, error) {
	var v T
	err := p.Do(ctx, func(ctx context.Context) (err error) {
		v, err = op(ctx)
		return err
	})
	return v, err
}

// Update replaces the stages, the observers included: whoever is to go on observing is
// passed again. The new ones are checked as by New, whole, before anything
// changes; if they are refused, nothing changes. Calls in flight finish on the old stages.
//
// A breaker or bulkhead keeps its state if its numbers did not change. A budget keeps its bank even if they
// did: raising a ratio does not fill it. Stages are matched in order: the first breaker.Config
// with the breaker that the first breaker.Config made, and so on. Stages that were passed in
// already built are used as they are.
func (p *Pipeline) Update(stages ...resilience.Stage) error {
	a, err := p.update(stages)
	if err == nil {
		a.reportUpdate()
	}
	return err
}

// update returns the new assembly, whose observer is to be told outside of the lock.
func (p *Pipeline) update(stages []resilience.Stage) (*assembly, error) {
	p.updating.Lock()
	defer p.updating.Unlock()
	b, err := p.assemble(stages, p.current.Load())
	if err != nil {
		return nil, err
	}
	p.place(b)
	p.commit(b)
	return b.assembly, nil
}

// deny counts a call that stopped, for reason.
func (p *Pipeline) deny(reason resilience.Reason) {
	p.counters.deny(reason)
	if p.front != nil {
		p.front.counters.deny(reason)
	}
}

// call is the frame of one call. It stays on the caller's stack.
type call struct {
	*assembly
	counters *stripe
	also     *stripe       // of the front; nil without one
	start    mono.Mark     // zero if nobody knows
	attempts int           // so far: how often op was run
	elapsed  time.Duration // of the last attempt, if somebody observes
}

// begin runs op inside all stages.
func (c *call) begin(ctx context.Context, left time.Duration, op resilience.Func) error {
	if ctx.Err() != nil {
		return c.notStarted(ctx)
	}
	return c.run(ctx, 0, left, op)
}

// noDeadline is more time than any ctx has.
const noDeadline = time.Duration(math.MaxInt64)

// readClock notes when the call began, if a stage wants to know, and returns the most that
// is left of ctx's time: noDeadline if that is not limited or was not asked.
//
// A look at the clock takes longer than all the pipeline's own work on a call, so it is saved
// where it can be. Under a ctx that ends sooner than any deadline here (which a reading made
// some time ago can prove as well as a new one), nothing but an *retry.Error's Elapsed would want it.
func (c *call) readClock(ctx context.Context) (left time.Duration) {
	if !c.readsClock {
		return noDeadline
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		if c.observer != nil || !c.bounded { // else the deadline's ctx will tell
			c.start = mono.MarkNow()
		}
		return noDeadline
	}
	if c.observer == nil && c.shortest < noDeadline {
		earlier := mono.Time(c.lastLook.Load())
		if left, ok := mono.AtMost(deadline, earlier); ok && left <= c.shortest {
			return left
		}
		c.lastLook.Store(int64(mono.Now()))
	}
	c.start, left = mono.MarkUntil(deadline)
	return left
}

// run runs op inside the steps from i on. left is the most that can be left of ctx's time.
//
// It switches over concrete stages on purpose: an op that is only ever called by code known
// when compiling stays on its caller's stack, with all it captures. One call through an
// interface that takes the op would move both to the heap. (It is not a type switch, since that
// looks up the type's hash, where these compare one pointer.)
func (c *call) run(ctx context.Context, i int, left time.Duration, op resilience.Func) error {
	for ; i < len(c.steps); i++ {
		policy := c.steps[i]
		next := i + 1
		if d, ok := policy.(*deadline.Policy); ok {
			limit := d.Limit()
			if left <= limit || d.Inherits(ctx) {
				continue
			}
			return d.Bound(ctx, func(ctx context.Context) error {
				if deadline, ok := ctx.Deadline(); ok && i == 0 && c.start.IsZero() {
					c.start = mono.MarkBefore(deadline, limit)
				}
				return c.run(ctx, next, limit, op)
			})
		}
		if r, ok := policy.(*retry.Policy); ok {
			return r.DoSince(ctx, &c.start, func(ctx context.Context) error { return c.run(ctx, next, left, op) })
		}
		if b, ok := policy.(*breaker.Breaker); ok {
			return b.Do(ctx, func(ctx context.Context) error { return c.run(ctx, next, left, op) })
		}
		if b, ok := policy.(*bulkhead.Bulkhead); ok {
			return c.bulkheaded(ctx, i, b, left, op)
		}
		return c.guarded(ctx, i, left, op)
	}
	return c.attempt(ctx, op)
}

// bulkheaded is guarded for the bulkhead b at i, in static calls.
func (c *call) bulkheaded(ctx context.Context, i int, b *bulkhead.Bulkhead, left time.Duration, op resilience.Func) error {
	if err := b.Acquire(ctx); err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	defer b.Release(ctx, nil) // it does not care how the call ended
	if c.mayWait && ctx.Err() != nil {
		return c.notStarted(ctx)
	}
	return c.run(ctx, i+1, left, op)
}

// guarded runs op inside the guard at i, and what stands inside that.
func (c *call) guarded(ctx context.Context, i int, left time.Duration, op resilience.Func) (err error) {
	g := c.steps[i].(resilience.Guard) //nolint:forcetypeassert // build lets nothing else pass
	if err := g.Acquire(ctx); err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	err = resilience.ErrAborted
	defer func() { g.Release(ctx, err) }()
	if c.mayWait && ctx.Err() != nil {
		return c.notStarted(ctx)
	}
	err = c.run(ctx, i+1, left, op)
	return err
}

// refused reports a guard's refusal. A ctx that ended while the guard waited is none.
func (c *call) refused(ctx context.Context, i int, err error) error {
	switch {
	case ctx.Err() == nil:
		c.recorder.Observe(ctx, resilience.Event{
			Kind: resilience.EventReject, Pipeline: c.name, Stage: stageName(c.steps[i]),
			Verdict: resilience.Rejected, Reason: resilience.ReasonOf(err), Err: err,
		})
	case c.attempts == 0:
		return c.notStarted(ctx)
	}
	return err
}

// attempt runs op itself.
func (c *call) attempt(ctx context.Context, op resilience.Func) error {
	c.attempts++
	if c.attempts > 1 {
		c.counters.repeated.Add(1)
		if c.also != nil {
			c.also.repeated.Add(1)
		}
	}
	if c.observer == nil {
		return op(ctx)
	}
	start := c.start
	if c.attempts > 1 || c.mayWait {
		start = mono.MarkNow()
	}
	err := op(ctx)
	c.elapsed = start.Elapsed()
	c.reportAttempt(ctx, err)
	return err
}

// end counts and reports what became of the call, also if it panicked.
func (c *call) end(ctx context.Context, err error) {
	c.counters.end(c.attempts, err)
	if c.also != nil {
		c.also.end(c.attempts, err)
	}
	if c.observer != nil {
		c.reportCall(ctx, err)
	}
}

// notStarted is what a call gets whose ctx had ended before it came.
func (a *assembly) notStarted(ctx context.Context) error {
	e := retry.NotStarted(ctx, a.name)
	a.recorder.Observe(ctx, resilience.Event{
		Kind: resilience.EventGiveUp, Pipeline: a.name, Verdict: e.Verdict(), Reason: e.Reason, Err: e,
	})
	return e
}
