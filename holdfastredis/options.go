package holdfastredis

import (
	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

// Option configures how a client's commands are protected.
type Option func(*options)

type options struct {
	idempotent func(redis.Cmder) bool
	wrong      *adapter.Check
}

// newHook returns a hook, and records in wrong the errors of its arguments.
func newHook(wrong *adapter.Check, p *holdfast.Pipeline, opts []Option) *hook {
	o := options{idempotent: Idempotent, wrong: wrong}
	adapter.Apply(wrong, &o, opts)
	wrong.Pipeline(p)
	return &hook{pipeline: p, idempotent: o.idempotent}
}

// WithIdempotent sets the function that says which commands may be executed twice. Default:
// [Idempotent]. It is called for failed commands, and for each one that reads before a cluster
// client sends it. It must return soon, and be safe for concurrent use.
//
//	holdfastredis.WithIdempotent(func(cmd redis.Cmder) bool {
//		return cmd.Name() == "json.get" || holdfastredis.Idempotent(cmd)
//	})
func WithIdempotent(idempotent func(cmd redis.Cmder) bool) Option {
	return func(o *options) {
		o.wrong.NotNil("WithIdempotent", idempotent, "want a function that says which commands may be executed twice")
		o.idempotent = idempotent
	}
}
