package holdfastsql

import (
	"context"
	"database/sql"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// Option configures the DB that [New] returns.
type Option func(*options)

type options struct {
	classify resilience.Classifier
	answers  func(err error) Answer
	atomic   func(query string) bool
	open     func(ctx context.Context, tx *sql.Tx) (bool, error) // nil: a transaction is always open
	left     func(ctx context.Context, conn *sql.Conn) error     // nil: ROLLBACK leaves nothing
	wrong    *adapter.Check
}

// New returns a DB that sends pool's calls through p. The caller still owns both, and closes pool.
// The error names every problem: a nil pool, pipeline, option, or argument of an option.
func New(pool *sql.DB, p *holdfast.Pipeline, opts ...Option) (*DB, error) {
	o := options{classify: Classify, answers: Answers, atomic: Atomic, wrong: &adapter.Check{Package: "holdfastsql"}}
	adapter.Apply(o.wrong, &o, opts)
	o.wrong.NotNil("pool", pool, "want one made by sql.Open")
	o.wrong.Pipeline(p)
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	return &DB{pool, p, o}, nil
}

// WithClassifier sets the Classifier for the driver's errors: it says what an error means, and
// [WithAnswers] what it proves. Default: [Classify]. Your own should call [Classify] for errors
// that it does not know.
func WithClassifier(c resilience.Classifier) Option {
	return func(o *options) {
		o.wrong.NotNil("WithClassifier", c, "want a Classifier; leave the option out for Classify")
		o.classify = c
	}
}

// WithAnswers sets the function that says which of the driver's errors come from the database, and
// what they prove. Default: [Answers]. A [NoAnswer] leaves the outcome unknown.
func WithAnswers(answers func(err error) Answer) Option {
	return func(o *options) {
		o.wrong.NotNil("WithAnswers", answers, "want a function that says what an error proves; leave the option out for Answers")
		o.answers = answers
	}
}

// WithAtomic sets the function that says which statements are atomic: they happen as a whole or not
// at all. Default: [Atomic]. Your own may know your procedures:
//
//	holdfastsql.WithAtomic(func(query string) bool {
//		return query == "call pay($1)" || holdfastsql.Atomic(query)
//	})
func WithAtomic(atomic func(query string) bool) Option {
	return func(o *options) {
		o.wrong.NotNil("WithAtomic", atomic, "want a function that knows atomic statements; leave the option out for Atomic")
		o.atomic = atomic
	}
}

// WithTxCheck sets how to ask the database whether a transaction is still open. It is for databases
// in which a statement may end a transaction without an error. [DB.Tx] calls open before COMMIT or
// ROLLBACK, except after a lost race. If the transaction is not open, the outcome is unknown. If
// open returns an error, the transaction failed and changed nothing. If open cannot know, it must
// return true. Default: the transaction is open.
func WithTxCheck(open func(ctx context.Context, tx *sql.Tx) (bool, error)) Option {
	return func(o *options) {
		o.wrong.NotNil("WithTxCheck", open, "want a function that asks whether a transaction is open; leave the option out to ask nobody")
		o.open = open
	}
}

// WithRollbackCheck sets how to ask the database, after a ROLLBACK of [DB.Tx], whether a part of
// the transaction could not be rolled back. If left returns an error, the outcome is unknown.
// Default: ROLLBACK undoes everything.
func WithRollbackCheck(left func(ctx context.Context, conn *sql.Conn) error) Option {
	return func(o *options) {
		o.wrong.NotNil("WithRollbackCheck", left, "want a function that looks for what is left; leave the option out if nothing ever is")
		o.left = left
	}
}

// WithName sets the package name at the beginning of the errors of [New]. Default: holdfastsql. It
// is for adapters that are built on this one, such as holdfastmysql.
func WithName(name string) Option {
	return func(o *options) { o.wrong.Package = name }
}
