// Package deadline bounds how long a call, or one attempt of it, may take.
//
// Outside the retry loop a deadline ends the whole call; inside the loop it ends one attempt,
// and the loop may try again. It is cooperative: it ends the ctx, and waits for the op to
// notice. It never abandons a running op, so an op that ignores its ctx is not cut short.
package deadline

import (
	"context"
	"errors"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrTooLate is why a retry loop stopped when the deadline left no room for another attempt.
var ErrTooLate = errors.New("too late for another attempt: the deadline comes first")

// Config is a deadline as data. There is no default: a Limit has to be given.
type Config struct {
	// Limit is the most that what stands inside may take. It must be positive.
	Limit time.Duration
}

// In returns the Config of a deadline d from the moment the call (or attempt) reaches it.
func In(d time.Duration) Config { return Config{Limit: d} }

// Resolve returns c, or an error that says what is wrong with it.
func (c Config) Resolve() (Config, error) {
	p := check.Stage("deadline")
	c.Limit = check.Number(p, "Limit", c.Limit, check.Range[time.Duration]{})
	return c, p.Err()
}

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	p, err := New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Policy bounds calls. It has no state, is safe for concurrent use, and is made by New. A zero
// Policy, and a nil one, run nothing: Do returns an error that says so.
type Policy struct {
	cause    Error                 // what ends the ctx, and most often the error too; knows the limit
	classify resilience.Classifier // the pipeline's, or that of a stage inside; nil if none has one
}

// New returns a deadline, or an error that says what is wrong with c.
func New(c Config) (*Policy, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return &Policy{cause: Error{Limit: r.Limit}}, nil
}

// Build returns p itself.
func (p *Policy) Build() (resilience.Policy, error) {
	if err := p.unmade(); err != nil {
		return nil, err
	}
	return p, nil
}

// unmade returns what to say of a Policy that New did not make, else nil.
func (p *Policy) unmade() error {
	if p == nil {
		return errors.New("deadline: a nil *Policy; make one with deadline.New or deadline.In")
	}
	if p.cause.Limit <= 0 {
		return errors.New("deadline: a zero Policy; make one with deadline.New or deadline.In")
	}
	return nil
}

// Limit returns how long a call may take; 0 for a Policy that New did not make.
func (p *Policy) Limit() time.Duration {
	if p == nil {
		return 0
	}
	return p.cause.Limit
}

// String returns the deadline in words: "deadline 500ms".
func (p *Policy) String() string { return "deadline " + p.Limit().String() }

// Wrap returns next bounded by p.
func (p *Policy) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return p.Do(ctx, next) }
}

// Do runs op under a ctx that ends after the limit, and under ctx itself if that ends sooner:
// then nothing is derived and nothing allocated. Otherwise the ctx is one allocation. It starts a
// timer only when somebody asks for its Done channel, as waiting clients do.
//
// If the limit ended the op, the error is an *Error: it is context.DeadlineExceeded by
// errors.Is, Transient by its verdict unless the op's own error inside says otherwise. A definite
// answer that came late is returned as it is, as is a success.
func (p *Policy) Do(ctx context.Context, op resilience.Func) error {
	if err := p.unmade(); err != nil {
		return err
	}
	now := mono.Now()
	if lazyctx.EndsBy(ctx, now, p.cause.Limit) {
		return op(ctx)
	}
	bounded := lazyctx.New(ctx, now.Add(p.cause.Limit), &p.cause)
	defer bounded.End()
	return p.Returned(bounded, op(bounded))
}

// Cause returns what context.Cause finds in a ctx that the limit has ended: an *Error, the same
// each time.
func (p *Policy) Cause() error {
	if p == nil {
		return p.unmade()
	}
	return &p.cause
}

// Returned returns what to call the error of an op that ran under bounded. It is for this module's
// pipelines, which run the op themselves.
func (p *Policy) Returned(bounded *lazyctx.Ctx, err error) error {
	if err != nil && p != nil && bounded != nil && bounded.Expired() {
		return p.exceeded(bounded, err)
	}
	return err
}

// exceeded returns what to call an error that came back after the limit had ended ctx. Clients
// differ in what they return then, and stages outside of this one, whose ctx lives, cannot tell. A
// definite answer that came just after the limit stays one, and so does what must not be made
// again.
func (p *Policy) exceeded(ctx context.Context, err error) error {
	if err == context.DeadlineExceeded { //nolint:errorlint // identity: nothing to keep of it
		return &p.cause
	}
	if !resilience.Assess(ctx, p.classify, err).Retry.Failure() || foreign.Is(err, &p.cause) {
		return err
	}
	return &Error{Pipeline: p.cause.Pipeline, Limit: p.cause.Limit, Err: err}
}

// Error says that a limit ended a call or an attempt. It is also the ctx's cause
// (see context.Cause), for the op to see which limit it was.
type Error struct {
	Pipeline string        // "" outside of a pipeline
	Limit    time.Duration // the limit that was reached
	Err      error         // what the op returned; nil if it was only the ctx's own error
}

// Error returns "payments: deadline of 500ms exceeded", and the op's error if there is one.
func (e *Error) Error() string {
	if e == nil {
		return "a nil *deadline.Error"
	}
	s := "deadline of " + e.Limit.String() + " exceeded"
	if e.Pipeline != "" {
		s = e.Pipeline + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the op's error.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Origin returns the op's error: see [resilience.Origin].
func (e *Error) Origin() error { return e.Unwrap() }

// Is reports that an Error is a context.DeadlineExceeded.
func (e *Error) Is(target error) bool { return e != nil && target == context.DeadlineExceeded } //nolint:errorlint // Is compares, by contract

// Timeout returns true, as net.Error has it.
func (e *Error) Timeout() bool { return e != nil }

// StopReason returns ReasonTooLate.
func (e *Error) StopReason() resilience.Reason {
	if e == nil {
		return resilience.ReasonUnclassified
	}
	return resilience.ReasonTooLate
}

// Verdict returns what the op's error says of itself, if it does, and else Transient. A Classifier
// that knows the op's error goes before the latter: see resilience.Assess.
func (e *Error) Verdict() resilience.Verdict {
	switch {
	case e == nil:
		return resilience.Unclassified
	case e.explained():
		return resilience.Classify(e.Err)
	}
	return resilience.Transient
}

// Expired reports that the limit, and nothing that the op's error says of itself, is why the call
// failed.
func (e *Error) Expired() bool { return e != nil && !e.explained() }

func (e *Error) explained() bool {
	_, ok := foreign.As[interface {
		error
		Verdict() resilience.Verdict
	}](e.Err)
	return ok && resilience.Classify(e.Err) != resilience.Unclassified
}
