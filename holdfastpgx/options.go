package holdfastpgx

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// Option configures the DB that [New] returns.
type Option func(*options)

type options struct {
	classify resilience.Classifier
	atomic   func(sql string) bool
	wrong    *adapter.Check
}

// New returns a DB that sends pool's calls through p. The caller still owns both, and closes pool.
// The error names every problem: a nil pool, pipeline, option, or argument of an option.
func New(pool *pgxpool.Pool, p *holdfast.Pipeline, opts ...Option) (*DB, error) {
	o := options{classify: Classify, atomic: holdfastsql.Atomic, wrong: &adapter.Check{Package: "holdfastpgx"}}
	adapter.Apply(o.wrong, &o, opts)
	o.wrong.NotNil("pool", pool, "want one made by pgxpool.New")
	o.wrong.Pipeline(p)
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	return &DB{pool, p, o}, nil
}

// WithClassifier sets the Classifier for pgx's errors. Default: [Classify]. Your own should call
// [Classify] for errors that it does not know.
func WithClassifier(c resilience.Classifier) Option {
	return func(o *options) {
		o.wrong.NotNil("WithClassifier", c, "want a Classifier; leave the option out for Classify")
		o.classify = c
	}
}

// WithAtomic sets the function that says which statements are atomic: they happen as a whole or not
// at all. Default: [holdfastsql.Atomic]. Your own may know your procedures, or the names of your
// prepared statements.
func WithAtomic(atomic func(sql string) bool) Option {
	return func(o *options) {
		o.wrong.NotNil("WithAtomic", atomic, "want a function that knows atomic statements; leave the option out for holdfastsql.Atomic")
		o.atomic = atomic
	}
}
