package holdfastredis

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"
)

// ProcessPipelineHook runs a pipeline of commands, or a transaction, through the pipeline: as one
// call, whose error is that of the first command that says that Redis failed, or else go-redis's.
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		switch {
		case !slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return !setsUp(cmd) }):
			return setupFailed(next(ctx, cmds))
		case ctx.Value(setupKey{}) != nil:
			return next(ctx, cmds)
		}
		c := called{transaction: isTransaction(cmds)}
		attempts := 0
		err := h.pipeline.Do(ctx, func(ctx context.Context) error {
			if attempts++; attempts > 1 {
				clearErrors(cmds) // go-redis keeps the first error that a command got
			}
			return c.attemptAll(ctx, h, cmds, firstFailure(cmds, next(ctx, h.allOnce(ctx, cmds))))
		})
		final := c.returned(ctx, err)
		stamp(cmds, c.raw, final)
		return final
	}
}

// firstFailure returns the error by which a batch is judged. go-redis returned err; beside a key
// that is not there, it may not tell of a command that failed.
func firstFailure(cmds []redis.Cmder, err error) error {
	if err == nil {
		return nil
	}
	for _, cmd := range cmds {
		if e := cmd.Err(); !isAnswer(e) && Classify(e).Failure() {
			return e
		}
	}
	return err
}

// batchAttempt is the errors of a batch's commands, which say together how an attempt at it ended.
type batchAttempt struct {
	*hook
	ctx  context.Context //nolint:containedctx // of one look at the batch
	cmds []redis.Cmder
	all  error // that of every command, if none has one of its own: an interceptor inside did not tell them
}

func (h *hook) attempted(ctx context.Context, cmds []redis.Cmder, err error) batchAttempt {
	for _, cmd := range cmds {
		if !isFrame(cmd) && cmd.Err() != nil {
			err = nil
		}
	}
	return batchAttempt{h, ctx, cmds, err}
}

// every reports whether is holds for every command with its error.
func (a batchAttempt) every(is func(cmd redis.Cmder, err error) bool) bool {
	for _, cmd := range a.cmds {
		if !isFrame(cmd) && !is(cmd, cmp.Or(cmd.Err(), a.all)) {
			return false
		}
	}
	return true
}

// unsent reports whether every command provably was not executed.
func (a batchAttempt) unsent() bool {
	return a.every(func(cmd redis.Cmder, err error) bool { return err != nil && notExecuted(cmd, err) })
}

// harmless reports whether the batch may be sent again: each command may be executed twice, or was
// not executed.
func (a batchAttempt) harmless() bool {
	return a.every(func(cmd redis.Cmder, err error) bool {
		return a.mayRepeat(a.ctx, cmd) || err != nil && notExecuted(cmd, err)
	})
}

// settled reports whether every write got a reply of its own, or provably was not executed.
func (a batchAttempt) settled() bool {
	return a.every(func(cmd redis.Cmder, err error) bool {
		return err == nil || isRead(cmd) || isDefinite(err) && !runsScript(cmd) || notExecuted(cmd, err)
	})
}

func isTransaction(cmds []redis.Cmder) bool {
	return len(cmds) > 0 && cmds[0].Name() == "multi"
}

// isFrame reports whether cmd is the MULTI or EXEC around a transaction, to which go-redis gives no
// reply.
func isFrame(cmd redis.Cmder) bool { return cmd.Name() == "multi" || cmd.Name() == "exec" }

func clearErrors(cmds []redis.Cmder) {
	for _, cmd := range cmds {
		cmd.SetErr(nil)
	}
}

// stamp gives final to the commands that failed as the batch did, with cause, and to all if the
// batch was never sent. A command that got a reply of its own keeps it.
func stamp(cmds []redis.Cmder, cause, final error) {
	if final == nil {
		return
	}
	for _, cmd := range cmds {
		if cause == nil || errors.Is(cmd.Err(), cause) {
			cmd.SetErr(final)
		}
	}
}
