package holdfastredis

import (
	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

// Option changes how commands are protected.
type Option func(*options)

type options struct {
	idempotent func(redis.Cmder) bool
	wrong      *adapter.Check
}

// newHook returns a hook, and notes what is wrong with what it is made of.
func newHook(wrong *adapter.Check, p *holdfast.Pipeline, opts []Option) *hook {
	o := options{idempotent: Idempotent, wrong: wrong}
	adapter.Apply(wrong, &o, opts)
	wrong.Pipeline(p)
	return &hook{pipeline: p, idempotent: o.idempotent}
}

// WithIdempotent replaces [Idempotent] as the rule that says which commands may be executed twice.
// idempotent is called after failures only, from many goroutines at once.
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
