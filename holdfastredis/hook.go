package holdfastredis

import (
	"context"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// NewHook returns the redis.Hook that runs commands and pipelines of commands through p.
// [NewClient] and [Protect] add it, and see to what it cannot see to: that go-redis does not retry
// as well, and that it heeds deadlines. Use it by itself where you build the client in a way that
// they do not know. Its error names everything that is wrong.
//
// A command that succeeds costs no allocation, apart from what p's stages derive.
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
	sendOnce   bool // the client retries by itself what is not marked
}

// DialHook marks what fails before there is a connection.
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
		c := called{}
		err := h.pipeline.Do(ctx, func(ctx context.Context) error {
			return c.attempt(ctx, h, cmd, next(ctx, h.once(ctx, cmd)))
		})
		return c.returned(ctx, err)
	}
}

// isAnswer reports whether Redis answered: a missing key is an answer.
func isAnswer(err error) bool {
	return err == nil || err == redis.Nil //nolint:errorlint // the plain value, on the path where nothing goes wrong; Classify looks deeper
}

// mayRepeat reports whether cmd may be executed twice: by the word of whoever makes the call, else
// by the rule.
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

// proves reports whether err proves that an attempt at cmd did not execute it.
func (h *hook) proves(cmd redis.Cmder, err error) bool {
	return notExecuted(cmd, err) && !h.mayResend(cmd)
}
