package holdfastredis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/resilience"
)

// called is what is known of a call: a command, or a batch of them.
type called struct {
	raw         error // go-redis's error of the last attempt
	marked      error // the same, as the pipeline gets it; nil for an answer
	doubt       bool  // an attempt may have changed data, and none was answered since
	lost        bool  // the connection of a WATCH or a Conn is gone
	transaction bool
}

// attempt takes note of how an attempt at cmd ended, and returns what the pipeline gets.
func (c *called) attempt(ctx context.Context, h *hook, cmd redis.Cmder, err error) error {
	c.raw, c.marked = err, nil
	if isAnswer(err) {
		return nil
	}
	proven := h.proves(cmd, err)
	c.mark(ctx, facts{proven: proven, settled: isRead(cmd), repeatable: proven || h.mayRepeat(ctx, cmd)})
	return c.marked
}

// attemptAll is attempt for a batch, which is judged by err.
func (c *called) attemptAll(ctx context.Context, h *hook, cmds []redis.Cmder, err error) error {
	c.raw, c.marked = err, nil
	if isAnswer(err) {
		return nil
	}
	a := h.attempted(ctx, cmds, err)
	c.mark(ctx, facts{proven: a.unsent(), settled: a.settled(), repeatable: a.harmless()})
	return c.marked
}

// facts are what is known of an attempt beside its error.
type facts struct {
	proven     bool // it was not executed
	settled    bool // nobody needs to know whether it was
	repeatable bool // to make it again does no harm
}

// mark makes the error that tells the stages what is known, since they do not know go-redis.
func (c *called) mark(ctx context.Context, known facts) {
	if !resilience.Explains(c.raw) && errors.Is(c.raw, redis.Nil) {
		return // an answer, in somebody's wrapper
	}
	e := &resilience.CallError{Err: c.raw, Judgment: resilience.Assess(ctx, Classify, c.raw)}
	switch {
	case known.proven && isReply(c.raw):
		e.Effect = resilience.EffectUndone
	case known.proven:
		e.Effect = resilience.EffectUnsent
	case known.settled, e.Dependency == resilience.Permanent: // which is an answer
		e.Effect, e.Final = resilience.EffectNone, !known.repeatable
	default:
		e.Effect, e.Repeatable = resilience.EffectUnknown, known.repeatable
		c.doubt = true
	}
	c.lost = c.lost || isBadSession(c.raw)
	c.marked = e
}

// returned turns what the pipeline returned into what the caller gets: the error as it came from
// go-redis, unless the pipeline, the marks or ctx have something to add.
func (c *called) returned(ctx context.Context, err error) error {
	if err == nil {
		return c.raw // nil, or that there is no such key
	}
	return ended(ctx, c.added(ctx, err))
}

func (c *called) added(ctx context.Context, err error) error {
	switch {
	case c.doubt:
		// What the closure of a WATCH computed from what it read must not be computed again from
		// what it wrote.
		return withDoubt(ctx, err, c.lost || c.transaction)
	case err == c.marked: //nolint:errorlint // identity: the very error of the last attempt
		if resilience.NoRetry(err) && resilience.Judge(ctx, Classify, err).Failure() {
			return err
		}
		return c.raw
	}
	return err
}

// ended returns err so that errors.Is finds in it how ctx ended, if it has: go-redis reports a
// deadline as a timeout of the connection.
func ended(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		ctx = overdue{ctx} // the connection's timer was a moment ahead
	}
	if ctx.Err() == nil {
		return err
	}
	return resilience.Ended(ctx, resilience.Assess(ctx, Classify, err), err)
}

// overdue is a ctx whose deadline has passed, and which does not know it yet.
type overdue struct{ context.Context }

func (overdue) Err() error { return context.DeadlineExceeded }

// withDoubt returns err, with which a call ended, as one that may have changed data. If it is that
// of a later attempt, which was refused, say, it does not tell of the earlier one. final: the call
// must not be made again, although the command could be.
func withDoubt(ctx context.Context, err error, final bool) error {
	final = final || resilience.NoRetry(err)
	e, ok := err.(*resilience.CallError) //nolint:errorlint // what the attempt itself ended with
	if ok && e.Effect == resilience.EffectUnknown && e.Repeatable == !final {
		return err // it says so already
	}
	return &resilience.CallError{
		Err: err, Judgment: resilience.Assess(ctx, Classify, err), Effect: resilience.EffectUnknown, Repeatable: !final,
	}
}
