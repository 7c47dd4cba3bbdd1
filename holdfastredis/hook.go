package holdfastredis

import (
	"context"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Option changes how commands are protected.
type Option func(*hook)

// WithIdempotent replaces [Idempotent] as the rule that says which commands may be executed twice. idempotent is
// called after failures only, from many goroutines at once; a nil one changes nothing.
//
//	holdfastredis.WithIdempotent(func(cmd redis.Cmder) bool {
//		return cmd.Name() == "json.get" || holdfastredis.Idempotent(cmd)
//	})
func WithIdempotent(idempotent func(cmd redis.Cmder) bool) Option {
	return func(h *hook) {
		if idempotent != nil {
			h.idempotent = idempotent
		}
	}
}

// NewHook returns the redis.Hook that runs commands and pipelines of commands through p. [NewClient] and [Protect] add it, and see
// to what it cannot see to: that go-redis does not retry as well, and that it heeds deadlines. Use it by itself
// where you build the client in a way that they do not know. With a nil p, every command fails.
//
// A command that succeeds costs no allocation, apart from what p's stages derive.
func NewHook(p *holdfast.Pipeline, opts ...Option) redis.Hook { return newHook(p, opts) }

func newHook(p *holdfast.Pipeline, opts []Option) *hook {
	h := &hook{pipeline: p, idempotent: Idempotent}
	for _, opt := range opts {
		if opt != nil {
			opt(h)
		}
	}
	return h
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
		case h.pipeline == nil:
			return errNoPipeline
		case setsUp(cmd):
			return setupFailed(next(ctx, cmd))
		case ctx.Value(setupKey{}) != nil:
			return next(ctx, cmd)
		}
		var last outcome
		err := h.pipeline.Do(ctx, func(ctx context.Context) error {
			last = outcome{raw: next(ctx, h.once(ctx, cmd))}
			if isAnswer(last.raw) {
				return nil
			}
			last.judge(h.harmless(ctx, cmd, last.raw))
			return last.marked
		})
		return last.returned(err)
	}
}

// isAnswer reports whether Redis answered: a missing key is an answer.
func isAnswer(err error) bool {
	return err == nil || err == redis.Nil //nolint:errorlint // the plain value, on the path where nothing goes wrong; Classify looks deeper
}

// isIdempotent reports whether cmd may be executed twice.
func (h *hook) isIdempotent(ctx context.Context, cmd redis.Cmder) bool {
	if marked, ok := ctx.Value(idempotentKey{}).(bool); ok {
		return marked && !cmd.NoRetry()
	}
	return h.idempotent(cmd)
}

// harmless reports whether cmd, which failed with err, may be sent again.
func (h *hook) harmless(ctx context.Context, cmd redis.Cmder, err error) bool {
	return h.isIdempotent(ctx, cmd) || notExecuted(cmd, err)
}

// outcome is how an attempt ended.
type outcome struct {
	raw     error // go-redis's error
	marked  error // the same, as the pipeline gets it; nil for an answer
	unknown bool  // the command was executed, or was not
}

// judge marks the error for the stages, which do not know go-redis.
func (o *outcome) judge(harmless bool) {
	v := Classify(o.raw)
	switch {
	case v == resilience.Success:
	case harmless || v == resilience.Canceled || v == resilience.Rejected:
		o.marked = &attemptError{o.raw, v}
	default:
		o.unknown = v.Failure()
		o.marked = resilience.MarkNoRetry(o.raw, v) // a RetryIf must not overrule it, whatever v is
	}
}

// returned turns what the pipeline returned into what the caller gets: the error as it came from go-redis, unless
// the pipeline or the mark has something to add.
func (o *outcome) returned(err error) error {
	if err == o.marked && !o.unknown { //nolint:errorlint // identity: the very error of the last attempt
		return o.raw
	}
	return err
}

// attemptError is go-redis's error with what it means.
type attemptError struct {
	error
	verdict resilience.Verdict
}

func (e *attemptError) Unwrap() error               { return e.error }
func (e *attemptError) Verdict() resilience.Verdict { return e.verdict }
