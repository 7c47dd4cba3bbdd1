package holdfastredis

import (
	"context"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// NewHook returns a redis.Hook that runs commands and pipelines of commands through p. Use it only
// for a client that [NewClient] and [Protect] do not cover: they add the hook, and also make sure
// that go-redis does not retry and heeds deadlines. If go-redis does retry (MaxRetries is not -1),
// the error of its last try is taken for that of all. The error names every problem.
//
// A command that succeeds allocates nothing beyond what p allocates. The hook is safe for
// concurrent use.
func NewHook(p *holdfast.Pipeline, opts ...Option) (redis.Hook, error) {
	wrong := check()
	h := newHook(wrong, p, opts)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return h, nil
}

type hook struct {
	pipeline   *holdfast.Pipeline
	idempotent func(redis.Cmder) bool
	sendOnce   bool // a cluster client: it resends commands that are not an onceCmd
}

// DialHook marks errors of dialing as unsent: the command was not sent.
func (h *hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		return conn, setupFailed(err)
	}
}

// ProcessHook runs a command through the pipeline.
func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch {
		case setsUp(cmd):
			return setupFailed(next(ctx, cmd))
		case ctx.Value(setupKey{}) != nil:
			return next(ctx, cmd)
		}
		c := outcome{}
		err := h.pipeline.Do(ctx, func(ctx context.Context) error {
			return c.attempt(ctx, h, cmd, next(ctx, h.once(ctx, cmd)))
		})
		return c.returned(ctx, err)
	}
}

// isAnswer reports whether Redis answered: a missing key is an answer.
func isAnswer(err error) bool {
	return err == nil || err == redis.Nil //nolint:errorlint // the plain value, to be fast for a success; Classify unwraps
}

// mayRepeat reports whether cmd may be executed twice. A mark of ctx (MarkOnce, MarkIdempotent)
// decides, else the rule for idempotent commands.
func (h *hook) mayRepeat(ctx context.Context, cmd redis.Cmder) bool {
	switch resilience.RepetitionOf(ctx) {
	case resilience.Once:
		return false
	case resilience.Idempotent:
		return !cmd.NoRetry()
	default:
		return h.idempotent(cmd)
	}
}

// proves reports whether err, the error of an attempt, proves that cmd was not executed.
func (h *hook) proves(cmd redis.Cmder, err error) bool {
	return notExecuted(cmd, err) && !h.mayResend(cmd)
}
