package holdfast

import (
	"context"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// straight is the usual form of a row: a deadline, a bulkhead without a queue, a loop, a breaker
// and an attempt deadline, in this order. Each may be missing. The first attempt passes such a row
// without a stack frame for each stage, which saves a third of the cost of the stages.
type straight struct {
	whole    *deadline.Policy
	bulkhead *bulkhead.Bulkhead
	loop     *retry.Policy
	breaker  *breaker.Breaker
	attempt  *deadline.Policy

	is     bool  // the row has this form
	inside uint8 // the first step inside the loop
}

// straighten returns the steps as a straight, or a zero one if they have another form. later is
// assembly.later.
func straighten(steps []resilience.Policy, later int) straight {
	s := straight{is: true}
	last := 0
	for i, step := range steps {
		at := 0
		switch p := step.(type) {
		case *deadline.Policy:
			if i == later {
				at, s.whole = 1, p
			} else {
				at, s.attempt = 5, p
			}
		case *bulkhead.Bulkhead:
			if p.Config().MaxWait == 0 {
				at, s.bulkhead = 2, p
			}
		case *retry.Policy:
			at, s.loop, s.inside = 3, p, uint8(i+1) //nolint:gosec // there are 5 steps at the most
		case *breaker.Breaker:
			at, s.breaker = 4, p
		}
		if at <= last { // not one of these, or not in this order
			return straight{}
		}
		last = at
	}
	return s
}

// runStraight runs the first attempt of op inside all steps, in one frame. It must do the same as
// run: TestBothWaysAreOne compares the two. It leaves to run what is rare: a breaker that is not
// closed, and every attempt after the first.
func (c *call) runStraight(ctx context.Context, left time.Duration, op resilience.Func) error {
	s := &c.straight
	var entry breaker.Entry
	if s.breaker != nil {
		if c.now == 0 {
			c.now = mono.Now()
		}
		if entry = s.breaker.Enter(mono.At(c.now)); !entry.OK() {
			return c.run(ctx, 0, left, op)
		}
	}
	if s.bulkhead != nil {
		if err := s.bulkhead.Acquire(ctx); err != nil {
			return c.refused(ctx, slices.Index(c.steps, resilience.Policy(s.bulkhead)), resilience.Refused(err))
		}
	}
	var bounded *lazyctx.Ctx
	returned := false
	defer func() {
		if !returned {
			c.abandon(ctx, &entry, bounded)
		}
	}()
	later := s.whole != nil && left > s.whole.Limit()
	if later {
		left = s.whole.Limit()
		c.limit = lazyctx.At(c.now.Add(left), s.whole.Cause())
	}
	if s.loop != nil && s.loop.Arrived() && c.now == 0 {
		c.now = mono.Now()
	}
	first := c.now
	inner := ctx
	if s.attempt != nil && left > s.attempt.Limit() {
		bounded = lazyctx.New(ctx, c.now.Add(s.attempt.Limit()), s.attempt.Cause())
		inner = bounded
	}
	err := c.attempt(inner, op)
	if bounded != nil {
		err = s.attempt.Returned(bounded, err)
		bounded.End()
	}
	if s.breaker != nil {
		err = s.breaker.Leave(ctx, &entry, err)
	}
	switch {
	case s.loop == nil:
	case err == nil:
		s.loop.Succeeded()
	default:
		err = c.again(ctx, s.loop, first, int(s.inside), left, op, err)
	}
	if later {
		err = c.returnedLater(ctx, s.whole, err)
		c.limit.End()
	}
	if s.bulkhead != nil {
		s.bulkhead.Release(ctx, nil)
	}
	returned = true
	return err
}

// abandon ends what a runStraight that did not return has begun. Each part has a defer of its own:
// one that panics, as a ctx of somebody's own may, keeps none of the others from its end.
func (c *call) abandon(ctx context.Context, entry *breaker.Entry, bounded *lazyctx.Ctx) {
	if b := c.straight.bulkhead; b != nil {
		defer b.Release(ctx, nil)
	}
	defer c.limit.End()
	defer c.straight.breaker.Abort(entry) // unless it has left
	if bounded != nil {
		bounded.End()
	}
}
