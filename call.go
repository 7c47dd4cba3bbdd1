package holdfast

import (
	"context"
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// call is the frame of one call. It stays on the caller's stack.
type call struct {
	*assembly
	counters *stripe
	also     *stripe       // of the Keyed's total; nil without one
	start    mono.Time     // zero if nobody knows
	now      mono.Time     // the clock, read a moment ago; zero if that may be longer ago
	limit    lazyctx.Later // of a deadline of the call, which no ctx knows of yet
	attempts int           // so far: how often op was run
	elapsed  time.Duration // of the last attempt, if somebody observes
}

// begin runs op inside all stages.
func (c *call) begin(ctx context.Context, left time.Duration, op resilience.Func) error {
	if ctx.Err() != nil {
		return c.notStarted(ctx)
	}
	if c.straight.is {
		return c.runStraight(ctx, left, op)
	}
	return c.run(ctx, 0, left, op)
}

// noDeadline is more time than any ctx has.
const noDeadline = time.Duration(math.MaxInt64)

// readClock notes when the call began, if a stage wants to know, and returns the most that
// is left of ctx's time: noDeadline if that is not limited or was not asked.
//
// A look at the clock takes longer than all the pipeline's own work on a call, so it is saved where
// it can be. Under a ctx that ends sooner than any deadline here (which a reading made some time
// ago can prove as well as a new one), nothing but an *retry.Error's Elapsed would want it.
func (c *call) readClock(ctx context.Context) (left time.Duration) {
	if !c.readsClock {
		return noDeadline
	}
	deadline, ok := ctx.Deadline()
	saves := ok && c.observer() == nil && c.shortest < noDeadline
	if saves {
		earlier := mono.Time(c.lastLook.Load())
		if left, ok := mono.AtMost(deadline, earlier); ok && left <= c.shortest {
			return left
		}
	}
	c.now = mono.Now()
	c.start = c.now
	if !ok {
		return noDeadline
	}
	left = mono.Left(deadline, c.now)
	if saves && left <= c.shortest { // else it would prove nothing
		c.lastLook.Store(int64(c.now))
	}
	return left
}

// run runs op inside the steps from i on. left is the most that can be left of ctx's time.
//
// It asks for concrete stages on purpose: an op that is only ever called by code known
// when compiling stays on its caller's stack, with all it captures. One call through an
// interface that takes the op would move both to the heap. (It is not a type switch, since that
// looks up the type's hash, where these compare one pointer.)
func (c *call) run(ctx context.Context, i int, left time.Duration, op resilience.Func) error {
	for ; i < len(c.steps); i++ {
		policy := c.steps[i]
		next := i + 1
		if d, ok := policy.(*deadline.Policy); ok {
			if c.endsWithin(ctx, left, d.Limit()) {
				continue
			}
			if i == int(c.later) {
				return c.limitedLater(ctx, d, next, op)
			}
			return c.limited(ctx, d, next, op)
		}
		if r, ok := policy.(*retry.Policy); ok {
			r.Arrived()
			err := c.run(ctx, next, left, op)
			if err == nil {
				r.Succeeded()
				return nil
			}
			return c.again(ctx, r, next, left, op, err)
		}
		if b, ok := policy.(*breaker.Breaker); ok {
			if e := b.Enter(mono.At(c.now)); e.OK() {
				return c.entered(ctx, b, e, next, left, op)
			}
			return b.Do(ctx, func(ctx context.Context) error {
				c.now = 0 // observers have heard of the breaker, and may have taken their time
				return c.run(c.limit.Ctx(ctx), next, left, op)
			})
		}
		if b, ok := policy.(*bulkhead.Bulkhead); ok {
			return c.bulkheaded(ctx, i, b, left, op)
		}
		if g, ok := policy.(*ticketed); ok {
			return c.ticketed(ctx, i, g.TicketGuard, left, op)
		}
		return c.guarded(ctx, i, left, op)
	}
	return c.attempt(ctx, op)
}

// endsWithin reports whether ctx, of whose time at most left was left when the call began, ends
// within limit, or sooner. It leaves the clock read.
func (c *call) endsWithin(ctx context.Context, left, limit time.Duration) bool {
	if left <= limit {
		return true
	}
	if c.now != 0 && c.now == c.start {
		return false // left is what it says
	}
	if c.now == 0 {
		c.now = mono.Now()
	}
	return lazyctx.EndsBy(ctx, c.now, limit)
}

// limited runs the steps from i on within the deadline d, which stands before them.
func (c *call) limited(ctx context.Context, d *deadline.Policy, i int, op resilience.Func) error {
	bounded := lazyctx.New(ctx, c.now.Add(d.Limit()), d.Cause())
	defer bounded.End()
	return d.Returned(bounded, c.run(bounded, i, d.Limit(), op))
}

// limitedLater is limited for a deadline of which no ctx has to know yet.
func (c *call) limitedLater(ctx context.Context, d *deadline.Policy, i int, op resilience.Func) error {
	c.limit = lazyctx.At(c.now.Add(d.Limit()), d.Cause())
	defer c.limit.End()
	return c.returnedLater(ctx, d, c.run(ctx, i, d.Limit(), op))
}

func (c *call) returnedLater(ctx context.Context, d *deadline.Policy, err error) error {
	if err != nil {
		if over := c.limit.Over(ctx); over != nil {
			return d.Returned(over, err)
		}
	}
	return err
}

// again goes on where the first attempt has failed: the loop r runs the steps from i on.
func (c *call) again(ctx context.Context, r *retry.Policy, i int, left time.Duration, op resilience.Func, err error) error {
	return r.Again(ctx, mono.At(c.start), &c.limit, func(ctx context.Context) error {
		c.now = 0 // the attempt before took its time, and the pause
		return c.run(ctx, i, left, op)
	}, err)
}

// entered runs the steps from i on in the breaker b, which has let the call in.
func (c *call) entered(ctx context.Context, b *breaker.Breaker, e breaker.Entry, i int, left time.Duration, op resilience.Func) error {
	defer func() { b.Abort(&e) }()
	return b.Leave(ctx, &e, c.run(ctx, i, left, op))
}

// bulkheaded is guarded for the bulkhead b at i, in static calls.
func (c *call) bulkheaded(ctx context.Context, i int, b *bulkhead.Bulkhead, left time.Duration, op resilience.Func) error {
	if err := b.Acquire(ctx); err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	defer b.Release(ctx, nil) // it does not care how the call ended
	return c.admitted(ctx, i, left, op)
}

// guarded runs op inside the guard at i, and what stands inside that.
func (c *call) guarded(ctx context.Context, i int, left time.Duration, op resilience.Func) (err error) {
	g := c.steps[i].(resilience.Guard) //nolint:forcetypeassert // build lets nothing else pass
	if err := g.Acquire(ctx); err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	err = resilience.ErrAborted
	defer func() { g.Release(ctx, err) }()
	err = c.admitted(ctx, i, left, op)
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
	if c.observer() == nil {
		err := op(ctx)
		if err != nil && resilience.Judge(ctx, c.classify, err) == resilience.Unclassified {
			c.warn(ctx, err)
		}
		return err
	}
	start := mono.At(c.now).OrNow()
	err := op(ctx)
	c.elapsed = mono.Since(start)
	c.reportAttempt(ctx, err)
	return err
}

// end counts and reports what became of the call, also if it panicked. Its err was judged as j.
func (c *call) end(ctx context.Context, j resilience.Judgment, err error) {
	c.counters.end(c.attempts, err)
	if c.also != nil {
		c.also.end(c.attempts, err)
	}
	if err != nil {
		c.remember(j, err)
	}
	if c.observer() != nil {
		c.reportCall(ctx, j, err)
	}
}

// notStarted is what a call gets whose ctx had ended before it came.
func (a *assembly) notStarted(ctx context.Context) error {
	e := &retry.Error{
		Pipeline: a.name, Reason: resilience.ReasonOf(resilience.NotStarted(ctx)), Err: ctx.Err(), Cause: context.Cause(ctx),
	}
	a.recorder.Observe(ctx, resilience.Event{
		Kind: resilience.EventGiveUp, Pipeline: a.name, Verdict: e.Verdict(), Reason: e.Reason, Err: e,
	})
	return e
}
