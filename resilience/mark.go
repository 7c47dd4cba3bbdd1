package resilience

import "time"

// MarkTransient returns err with the verdict Transient: it will be retried. It returns nil
// for a nil err, allocates otherwise, and err stays reachable by errors.Is and errors.As.
func MarkTransient(err error) error { return mark(err, Transient, 0) }

// MarkPermanent returns err with the verdict Permanent: it will not be retried. See MarkTransient.
func MarkPermanent(err error) error { return mark(err, Permanent, 0) }

// MarkOverload returns err with the verdict Overload: it will be retried, and not before
// retryAfter (0 or less: whenever the backoff says). See MarkTransient.
func MarkOverload(err error, retryAfter time.Duration) error { return mark(err, Overload, retryAfter) }

// MarkRejected returns err with the verdict Rejected: refused on this side, before the
// dependency was asked. It is for Guards. See MarkTransient.
func MarkRejected(err error) error { return mark(err, Rejected, 0) }

// MarkNoRetry returns err as the end of a call that must not be made again, since a second time
// could do harm: the connection died, say, and nobody knows whether the payment was made. Retry
// loops take it for Permanent, and no RetryIf overrules that. About the dependency it says what
// v says, so that a breaker counts it. See MarkTransient.
func MarkNoRetry(err error, v Verdict) error {
	if err == nil {
		return nil
	}
	return &noRetryError{err, v}
}

// NoRetry reports whether err, or an error in its tree, was marked by MarkNoRetry, or has a method
// NoRetry() bool that says so.
func NoRetry(err error) bool {
	e, ok := asType[interface {
		error
		NoRetry() bool
	}](err)
	return ok && e.NoRetry()
}

type noRetryError struct {
	err        error
	dependency Verdict
}

func (e *noRetryError) Error() string              { return e.err.Error() }
func (e *noRetryError) Unwrap() error              { return e.err }
func (e *noRetryError) Verdict() Verdict           { return Permanent }
func (e *noRetryError) DependencyVerdict() Verdict { return e.dependency }
func (e *noRetryError) NoRetry() bool              { return true }

func mark(err error, v Verdict, retryAfter time.Duration) error {
	if err == nil {
		return nil
	}
	return &markedError{err, v, max(0, retryAfter)}
}

type markedError struct {
	err        error
	verdict    Verdict
	retryAfter time.Duration
}

func (e *markedError) Error() string             { return e.err.Error() }
func (e *markedError) Unwrap() error             { return e.err }
func (e *markedError) Verdict() Verdict          { return e.verdict }
func (e *markedError) RetryAfter() time.Duration { return e.retryAfter }
