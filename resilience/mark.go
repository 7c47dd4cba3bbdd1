package resilience

import (
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// MarkTransient returns err with the verdict Transient: it will be retried, and not before the
// retry-after that err may carry. It returns nil for a nil err, allocates otherwise, and err stays
// reachable by errors.Is and errors.As. The result is a [*CallError].
func MarkTransient(err error) error { return mark(err, Transient) }

// MarkPermanent returns err with the verdict Permanent: it will not be retried. See MarkTransient.
func MarkPermanent(err error) error { return mark(err, Permanent) }

// MarkOverload returns err with the verdict Overload: it will be retried, and not before
// retryAfter (0 or less: the retry-after that err carries, else the backoff). See MarkTransient.
func MarkOverload(err error, retryAfter time.Duration) error {
	if err == nil {
		return nil
	}
	return &CallError{Err: err, Judgment: Judgment{Retry: Overload}, Pause: retryAfter}
}

// MarkRejected returns err with the verdict Rejected: refused on this side, before the
// dependency was asked. It is for Guards. See MarkTransient.
func MarkRejected(err error) error { return mark(err, Rejected) }

// MarkNoRetry returns err as the error of a call that must not be made again, since a second time
// could do harm: the connection died, say, and nobody knows whether the payment was made. To retry
// loops it is Permanent, and no RetryIf overrules that. v is its verdict about the dependency, for
// breakers. See MarkTransient.
func MarkNoRetry(err error, v Verdict) error {
	if err == nil {
		return nil
	}
	return &CallError{Err: err, Judgment: Judgment{Dependency: v, Retry: Permanent}, Final: true}
}

func mark(err error, v Verdict) error {
	if err == nil {
		return nil
	}
	return &CallError{Err: err, Judgment: Judgment{Retry: v}}
}

// NoRetry reports whether err, or an error in its tree, was marked by MarkNoRetry, or has a method
// NoRetry() bool that says so.
func NoRetry(err error) bool {
	no, _ := foreign.Ask(err, neverError.NoRetry)
	return no
}

type neverError interface {
	error
	NoRetry() bool
}
