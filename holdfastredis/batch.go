package holdfastredis

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"
)

// ProcessPipelineHook runs a pipeline of commands, or a transaction, through the pipeline: as one call, whose error is that of
// the first command that says that Redis failed, or else go-redis's.
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		switch {
		case h.pipeline == nil:
			return failAll(cmds, errNoPipeline)
		case !slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return !setsUp(cmd) }):
			return setupFailed(next(ctx, cmds))
		case ctx.Value(setupKey{}) != nil:
			return next(ctx, cmds)
		}
		var last outcome
		attempts := 0
		err := h.pipeline.Do(ctx, func(ctx context.Context) error {
			if attempts++; attempts > 1 {
				clearErrors(cmds) // go-redis keeps the first error that a command got
			}
			last = outcome{raw: firstFailure(cmds, next(ctx, h.allOnce(ctx, cmds)))}
			if isAnswer(last.raw) {
				return nil
			}
			last.judge(h.allHarmless(ctx, cmds))
			return last.marked
		})
		final := last.returned(err)
		stamp(cmds, last.raw, final)
		return final
	}
}

// firstFailure returns the error by which a batch is judged. go-redis returned err; beside a key that is not
// there, it may not tell of a command that failed.
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

// allHarmless reports whether the batch may be sent again: each command may be executed twice, or was not executed.
func (h *hook) allHarmless(ctx context.Context, cmds []redis.Cmder) bool {
	for _, cmd := range cmds {
		if err := cmd.Err(); !isFrame(cmd) && !h.isIdempotent(ctx, cmd) && (err == nil || !notExecuted(cmd, err)) {
			return false
		}
	}
	return true
}

// isFrame reports whether cmd is the MULTI or EXEC around a transaction, to which go-redis gives no reply.
func isFrame(cmd redis.Cmder) bool { return cmd.Name() == "multi" || cmd.Name() == "exec" }

func clearErrors(cmds []redis.Cmder) {
	for _, cmd := range cmds {
		cmd.SetErr(nil)
	}
}

func failAll(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}

// stamp gives final to the commands that failed as the batch did, with cause, and to all if the batch was never
// sent. A command that got a reply of its own keeps it.
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
