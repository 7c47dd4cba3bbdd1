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
	start    mono.Time     // zero if the clock was not read
	now      mono.Time     // a reading of the clock; zero if time may have passed since
	limit    lazyctx.Later // the call's deadline while no ctx has it
	attempts int           // how often op was run so far
	elapsed  time.Duration // of the last attempt, if there is an observer
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

// noDeadline stands for a time without a limit, or with one that was not asked for.
const noDeadline = time.Duration(math.MaxInt64)

// readClock sets when the call began, if a stage needs to know. It returns an upper bound of the
// time until ctx's deadline: noDeadline if there is none, or if it was not asked for.
//
// A look at the clock takes longer than all the pipeline's own work on a call, so readClock avoids
// it where it can. If ctx ends sooner than every deadline of the pipeline, only the Elapsed of a
// *retry.Error needs the time. An earlier look can prove that too, since less time is left now.
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
	if saves && left <= c.shortest { // otherwise it would prove nothing later
		c.lastLook.Store(int64(c.now))
	}
	return left
}

// run runs op inside the stages from i on. left is an upper bound of the time until ctx's deadline.
//
// It asks for concrete types on purpose: an op that only statically known code calls stays on its
// caller's stack, with all it captures. One call through an interface that takes the op would move
// both to the heap. (A type switch would look up the type's hash; each of these compares one
// pointer.)
func (c *call) run(ctx context.Context, i int, left time.Duration, op resilience.Func) error {
	for ; i < len(c.row); i++ {
		policy := c.row[i].policy
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
			if r.Arrived() && c.now == 0 {
				c.now = mono.Now()
			}
			first := c.now
			err := c.run(ctx, next, left, op)
			if err == nil {
				r.Succeeded(mono.At(first))
				return nil
			}
			return c.again(ctx, r, first, next, left, op, err)
		}
		if b, ok := policy.(*breaker.Breaker); ok {
			if e := b.Enter(mono.At(c.now)); e.OK() {
				return c.entered(ctx, b, e, next, left, op)
			}
			return b.Do(ctx, func(ctx context.Context) error {
				c.now = 0 // observers may have run, and taken some time
				return c.run(c.limit.Ctx(ctx), next, left, op)
			})
		}
		if b, ok := policy.(*bulkhead.Bulkhead); ok {
			return c.bulkheaded(ctx, i, b, left, op)
		}
		switch m := c.row[i].Member; {
		case m.Traits.DrawnOn: // the loop asks it
			continue
		case m.Tickets:
			return c.ticketed(ctx, i, left, op)
		}
		return c.guarded(ctx, i, left, op)
	}
	return c.attempt(ctx, op)
}

// endsWithin reports whether ctx ends within limit from now. left is an upper bound of the time
// that ctx had when the call began. If endsWithin returns false, c.now is set.
func (c *call) endsWithin(ctx context.Context, left, limit time.Duration) bool {
	if left <= limit {
		return true
	}
	if c.now != 0 && c.now == c.start {
		return false // left is exact
	}
	if c.now == 0 {
		c.now = mono.Now()
	}
	return lazyctx.EndsBy(ctx, c.now, limit)
}

// limited runs the stages from i on under a ctx with the deadline d.
func (c *call) limited(ctx context.Context, d *deadline.Policy, i int, op resilience.Func) error {
	bounded := lazyctx.New(ctx, c.now.Add(d.Limit()), d.Cause())
	defer bounded.End()
	return d.Returned(bounded, c.run(bounded, i, d.Limit(), op))
}

// limitedLater is limited for the deadline that needs no ctx in the first attempt: see
// stage.Row.Later.
func (c *call) limitedLater(ctx context.Context, d *deadline.Policy, i int, op resilience.Func) error {
	c.limit = lazyctx.At(c.now.Add(d.Limit()), d.Cause())
	defer c.limit.End()
	return c.returnedLater(ctx, d, c.run(ctx, i, d.Limit(), op))
}

// returnedLater is d.Returned if the limit has passed, or has a ctx by now.
func (c *call) returnedLater(ctx context.Context, d *deadline.Policy, err error) error {
	if err != nil {
		if over := c.limit.Over(ctx); over != nil {
			return d.Returned(over, err)
		}
	}
	return err
}

// again continues after the first attempt, which began at first, failed with err: the loop r
// repeats the stages from i on.
func (c *call) again(
	ctx context.Context, r *retry.Policy, first mono.Time, i int, left time.Duration, op resilience.Func, err error,
) error {
	c.counters.again.Add(1)
	defer c.counters.again.Add(-1)
	return r.Again(ctx, mono.At(c.start), mono.At(first), &c.limit, func(ctx context.Context) error {
		c.now = 0 // the attempt before and the pause took some time
		return c.run(ctx, i, left, op)
	}, err)
}

// entered runs the stages from i on inside the breaker b, which has admitted the call.
func (c *call) entered(ctx context.Context, b *breaker.Breaker, e breaker.Entry, i int, left time.Duration, op resilience.Func) error {
	defer func() { b.Abort(&e) }()
	return b.Leave(ctx, &e, c.run(ctx, i, left, op))
}

// bulkheaded is guarded for the bulkhead b at i, by static calls: see run.
func (c *call) bulkheaded(ctx context.Context, i int, b *bulkhead.Bulkhead, left time.Duration, op resilience.Func) error {
	if b.Adapts() {
		return c.adapting(ctx, i, b, left, op)
	}
	if err := b.Acquire(ctx); err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	defer b.Release(ctx, nil) // one that does not adapt ignores how the call ended
	return c.admitted(ctx, i, left, op)
}

// adapting is bulkheaded for a bulkhead that learns how the call ended.
func (c *call) adapting(ctx context.Context, i int, b *bulkhead.Bulkhead, left time.Duration, op resilience.Func) error {
	if c.now == 0 {
		c.now = mono.Now()
	}
	e := b.Enter(mono.At(c.now))
	if !e.OK() {
		if b.MayWait() {
			ctx = c.limit.Ctx(ctx) // but no longer
		}
		var err error
		if e, err = b.Await(ctx); err != nil {
			return c.refused(ctx, i, resilience.Refused(err))
		}
		c.now = 0
	}
	defer func() { b.Abort(&e) }()
	err := c.run(ctx, i+1, left, op)
	b.Leave(ctx, &e, err)
	return err
}

// guarded runs the stages inside the guard at i between its Acquire and Release.
func (c *call) guarded(ctx context.Context, i int, left time.Duration, op resilience.Func) (err error) {
	g := c.row[i].policy.(resilience.Guard) //nolint:forcetypeassert // build lets nothing else pass
	if err := g.Acquire(ctx); err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	err = resilience.ErrAborted
	defer func() { g.Release(ctx, err) }()
	err = c.admitted(ctx, i, left, op)
	return err
}

// refused reports a guard's refusal. If ctx ended while the guard waited, that is not one.
func (c *call) refused(ctx context.Context, i int, err error) error {
	switch {
	case ctx.Err() == nil:
		c.recorder.Observe(ctx, resilience.Event{
			Kind: resilience.EventReject, Pipeline: c.name, Stage: c.row[i].Name,
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

// end counts and reports how the call ended, even if it panicked. j is the judgment of err.
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

// notStarted reports and returns the error of a call whose ctx ended before its first attempt.
func (a *assembly) notStarted(ctx context.Context) error {
	e := &retry.Error{
		Pipeline: a.name, Reason: resilience.ReasonOf(resilience.NotStarted(ctx)), Err: ctx.Err(), Cause: context.Cause(ctx),
	}
	a.recorder.Observe(ctx, resilience.Event{
		Kind: resilience.EventGiveUp, Pipeline: a.name, Verdict: e.Verdict(), Reason: e.Reason, Err: e,
	})
	return e
}
