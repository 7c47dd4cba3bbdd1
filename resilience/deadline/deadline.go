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

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	p, err := New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Policy bounds calls. It has no state, is safe for concurrent use, and is made by New.
type Policy struct {
	cause Error // what ends the ctx, and most often the error too; knows the limit
}

// New returns a deadline, or an error that says what is wrong with c.
func New(c Config) (*Policy, error) {
	if c.Limit <= 0 {
		problems := check.Stage("deadline")
		problems.Fail("Limit", c.Limit, "want a positive duration, such as 500ms")
		return nil, problems.Err()
	}
	return &Policy{cause: Error{Limit: c.Limit}}, nil
}

// Build returns p itself.
func (p *Policy) Build() (resilience.Policy, error) {
	if p == nil {
		return nil, errors.New("deadline: a nil *Policy; make one with deadline.New or deadline.In")
	}
	return p, nil
}

// Link returns p with errors that name the pipeline.
func (p *Policy) Link(l resilience.Links) resilience.Policy {
	return &Policy{cause: Error{Pipeline: l.Pipeline, Limit: p.cause.Limit}}
}

// Limit returns how long a call may take.
func (p *Policy) Limit() time.Duration { return p.cause.Limit }

// String returns the deadline in words: "deadline 500ms".
func (p *Policy) String() string { return "deadline " + p.cause.Limit.String() }

// Wrap returns next bounded by p.
func (p *Policy) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return p.Do(ctx, next) }
}

// Do runs op under a ctx that ends after the limit, and under ctx itself if that ends sooner:
// then nothing is derived and nothing allocated. Otherwise it costs what
// context.WithTimeout costs (4 allocations).
//
// If the limit ended the op, the error is an *Error: it is context.DeadlineExceeded by
// errors.Is, Transient by its verdict, and the op's own error is inside. An error that knows its own verdict, or
// was marked by resilience.MarkNoRetry, is returned as it is, as is a success that came late.
func (p *Policy) Do(ctx context.Context, op resilience.Func) error {
	if p.Inherits(ctx) {
		return op(ctx)
	}
	return p.Bound(ctx, op)
}

// Inherits reports whether ctx ends no later than the limit would end it.
func (p *Policy) Inherits(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= p.cause.Limit
}

// Bound is Do for a caller that knows that ctx does not end sooner than the limit: it always
// derives a ctx.
func (p *Policy) Bound(ctx context.Context, op resilience.Func) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cause.Limit, &p.cause)
	defer cancel()
	err := op(ctx)
	if err != nil && context.Cause(ctx) == error(&p.cause) { //nolint:errorlint // identity: this very limit, not one like it
		return p.exceeded(err)
	}
	return err
}

// exceeded returns what to call an error that came back after the limit had ended the ctx.
// Clients differ in what they return then, and an unknown error would pass for the
// caller's fault.
func (p *Policy) exceeded(err error) error {
	switch {
	case err == context.DeadlineExceeded: //nolint:errorlint // identity: nothing to keep of it
		return &p.cause
	case errors.Is(err, &p.cause), resilience.NoRetry(err):
		return err // says so already; or says what is more, and would not be heard inside another
	case resilience.Explains(err) && !errors.Is(err, context.DeadlineExceeded):
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
func (e *Error) Unwrap() error { return e.Err }

// Is reports that an Error is a context.DeadlineExceeded.
func (e *Error) Is(target error) bool { return target == context.DeadlineExceeded } //nolint:errorlint // Is compares, by contract

// Timeout returns true, as net.Error has it.
func (e *Error) Timeout() bool { return true }

// StopReason returns ReasonTooLate.
func (e *Error) StopReason() resilience.Reason { return resilience.ReasonTooLate }

// Verdict returns Transient.
func (e *Error) Verdict() resilience.Verdict { return resilience.Transient }
