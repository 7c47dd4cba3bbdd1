package holdfastredis

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"
)

// ProcessPipelineHook runs a pipeline of commands, or a transaction, through the Holdfast pipeline
// as one call. firstFailure says which error the call is judged by.
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		switch {
		case !slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return !setsUp(cmd) }):
			return setupFailed(next(ctx, cmds))
		case ctx.Value(setupKey{}) != nil:
			return next(ctx, cmds)
		}
		c := outcome{transaction: isTransaction(cmds)}
		attempts := 0
		err := h.pipeline.Do(ctx, func(ctx context.Context) error {
			if attempts++; attempts > 1 {
				clearErrors(cmds) // go-redis does not overwrite a command's error
			}
			return c.attemptAll(ctx, h, cmds, firstFailure(cmds, next(ctx, h.allOnce(ctx, cmds))))
		})
		final := c.returned(ctx, err)
		stamp(cmds, c.raw, final)
		return final
	}
}

// firstFailure returns the error by which a batch is judged: that of the first command that says
// that Redis failed, else err, which go-redis returned. err alone is not enough: it may be the
// redis.Nil of one command although another failed.
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

// batchAttempt holds the commands of a batch after an attempt. Together, their errors say how it
// ended.
type batchAttempt struct {
	*hook
	ctx  context.Context //nolint:containedctx // it lives as long as one attempt
	cmds []redis.Cmder
	all  error // of every command, if none has its own: an inner hook did not set them
}

func (h *hook) attempted(ctx context.Context, cmds []redis.Cmder, err error) batchAttempt {
	for _, cmd := range cmds {
		if !isFrame(cmd) && cmd.Err() != nil {
			err = nil
		}
	}
	return batchAttempt{h, ctx, cmds, err}
}

// every reports whether is returns true for every command with its error. It skips MULTI and EXEC.
func (a batchAttempt) every(is func(cmd redis.Cmder, err error) bool) bool {
	for _, cmd := range a.cmds {
		if !isFrame(cmd) && !is(cmd, cmp.Or(cmd.Err(), a.all)) {
			return false
		}
	}
	return true
}

// unsent reports whether it is proven that no command was executed.
func (a batchAttempt) unsent() bool {
	return a.every(func(cmd redis.Cmder, err error) bool { return err != nil && notExecuted(cmd, err) })
}

// harmless reports whether the batch may be sent again: each command is idempotent, or was provably
// not executed.
func (a batchAttempt) harmless() bool {
	return a.every(func(cmd redis.Cmder, err error) bool {
		return a.mayRepeat(a.ctx, cmd) || err != nil && notExecuted(cmd, err)
	})
}

// settled reports whether the outcome of every write is known: it got a reply of its own, or was
// provably not executed.
func (a batchAttempt) settled() bool {
	return a.every(func(cmd redis.Cmder, err error) bool {
		return err == nil || isSettled(cmd, err) || notExecuted(cmd, err)
	})
}

func isTransaction(cmds []redis.Cmder) bool {
	return len(cmds) > 0 && cmds[0].Name() == "multi"
}

// isFrame reports whether cmd is the MULTI or EXEC around a transaction. go-redis sets no reply on
// these.
func isFrame(cmd redis.Cmder) bool { return cmd.Name() == "multi" || cmd.Name() == "exec" }

func clearErrors(cmds []redis.Cmder) {
	for _, cmd := range cmds {
		cmd.SetErr(nil)
	}
}

// stamp sets final as the error of the commands that failed with cause, the batch's error, or of
// all commands if there is no cause: the batch was not sent. A command with a reply of its own
// keeps it.
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
