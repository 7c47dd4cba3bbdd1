package holdfastredis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/resilience"
)

// outcome is what is known about a call: a command, or a batch of commands.
type outcome struct {
	raw         error // the last attempt's, from go-redis
	marked      error // raw as a CallError, for the pipeline; nil for an answer
	doubt       bool  // some attempt may have changed data
	lost        bool  // the connection of a WATCH or a Conn was lost
	transaction bool
}

// attempt records how an attempt at cmd ended, and returns the error for the pipeline.
func (c *outcome) attempt(ctx context.Context, h *hook, cmd redis.Cmder, err error) error {
	c.raw, c.marked = err, nil
	if isAnswer(err) {
		return nil
	}
	proven := h.proves(cmd, err)
	c.mark(ctx, facts{proven: proven, settled: isSettled(cmd, err), repeatable: proven || h.mayRepeat(ctx, cmd)})
	return c.marked
}

// attemptAll is attempt for a batch, which is judged by err.
func (c *outcome) attemptAll(ctx context.Context, h *hook, cmds []redis.Cmder, err error) error {
	c.raw, c.marked = err, nil
	if isAnswer(err) {
		return nil
	}
	a := h.attempted(ctx, cmds, err)
	c.mark(ctx, facts{proven: a.unsent(), settled: a.settled(), repeatable: a.harmless()})
	return c.marked
}

// facts are what is known of an attempt in addition to its error.
type facts struct {
	proven     bool // it was not executed
	settled    bool // it does not matter, or is known, whether it was
	repeatable bool // it may be repeated
}

// mark wraps raw in a CallError with what is known, since the stages do not know go-redis.
func (c *outcome) mark(ctx context.Context, known facts) {
	if !resilience.Explains(c.raw) && errors.Is(c.raw, redis.Nil) {
		return // a wrapped redis.Nil: an answer
	}
	e := &resilience.CallError{Err: c.raw, Judgment: resilience.Assess(ctx, Classify, c.raw)}
	switch {
	case known.proven && isReply(c.raw):
		e.Effect = resilience.EffectUndone
	case known.proven:
		e.Effect = resilience.EffectUnsent
	case known.settled:
		e.Effect, e.Final = resilience.EffectNone, !known.repeatable
	default:
		e.Effect, e.Repeatable = resilience.EffectUnknown, known.repeatable
		c.doubt = true
	}
	c.lost = c.lost || isBadSession(c.raw)
	c.marked = e
}

// returned turns err, the error of the pipeline, into the error for the caller. It is go-redis's
// own error, unless the pipeline, the CallError or ctx adds something.
func (c *outcome) returned(ctx context.Context, err error) error {
	if err == nil {
		return c.raw // nil or redis.Nil
	}
	return ended(ctx, c.added(ctx, err))
}

func (c *outcome) added(ctx context.Context, err error) error {
	switch {
	case c.doubt:
		// A transaction is final: if its func ran again, it would compute new values from what the
		// first run may have written.
		return withDoubt(ctx, err, c.lost || c.transaction)
	case err == c.marked: //nolint:errorlint // identity: the last attempt's own error
		if resilience.NoRetry(err) && resilience.Judge(ctx, Classify, err).Failure() {
			return err
		}
		return c.raw
	}
	return err
}

// ended returns err. If ctx has ended, errors.Is finds the ctx's error in the result: go-redis
// itself reports a deadline as a timeout of the connection.
func ended(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		ctx = overdue{ctx} // the connection's timer fired just before that of ctx
	}
	if ctx.Err() == nil {
		return err
	}
	return resilience.Ended(ctx, resilience.Assess(ctx, Classify, err), err)
}

// overdue is a ctx whose deadline has passed, but whose timer has not fired yet.
type overdue struct{ context.Context }

func (overdue) Err() error { return context.DeadlineExceeded }

// withDoubt returns err, the error of a call, as ErrOutcomeUnknown. That is needed if err is from a
// later attempt, which was refused, for example: err itself says nothing about the earlier one.
// final says that the call must not be repeated, even if its command is idempotent.
func withDoubt(ctx context.Context, err error, final bool) error {
	final = final || resilience.NoRetry(err)
	e, ok := err.(*resilience.CallError) //nolint:errorlint // what the attempt itself ended with
	if ok && e.Effect == resilience.EffectUnknown && e.Repeatable == !final {
		return err // err says so already
	}
	return &resilience.CallError{
		Err: err, Judgment: resilience.Assess(ctx, Classify, err), Effect: resilience.EffectUnknown, Repeatable: !final,
	}
}
