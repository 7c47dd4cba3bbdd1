package resilience

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// asType is errors.AsType, which costs no allocation where errors.As with an interface
// target costs one per call.
func asType[E error](err error) (E, bool) { return errors.AsType[E](err) }

type (
	verdictError interface {
		error
		Verdict() Verdict
	}
	retryableError interface {
		error
		Retryable() bool
	}
	retryAfterError interface {
		error
		RetryAfter() time.Duration
	}
)

// Classify is the default [Classifier]. It asks, in this order, and stops at the first answer:
//
//  1. a method Verdict() Verdict, anywhere in the error's tree: [Error], the Mark functions
//     and the errors of this module's stages have one;
//  2. [context.Canceled]: Canceled;
//  3. [context.DeadlineExceeded], [os.ErrDeadlineExceeded], a [net.Error] that is a timeout:
//     Transient;
//  4. a method Retryable() bool: Transient (Overload with a retry-after) or Permanent;
//  5. connection refused, reset or aborted, broken pipe, network or host unreachable,
//     unexpected EOF, a temporary DNS failure: Transient. A host that does not exist is
//     Permanent;
//  6. anything else is Permanent: only what is known to be worth another try gets one.
//
// It does not allocate, and is safe for concurrent use.
func Classify(err error) Verdict {
	if err == nil {
		return Success
	}
	if v, ok := marked(err); ok {
		return v
	}
	return classifyUnmarked(err)
}

// marked returns the verdict that err carries itself, if it does. An error that calls itself
// a Success is taken for Permanent: no stage may lose an error.
func marked(err error) (Verdict, bool) {
	v, ok := asType[verdictError](err)
	if !ok {
		return Permanent, false
	}
	if verdict := v.Verdict(); verdict != Success {
		return verdict, true
	}
	return Permanent, true
}

func classifyUnmarked(err error) Verdict {
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Transient
	}
	if t, ok := asType[net.Error](err); ok && t.Timeout() {
		return Transient
	}
	if r, ok := asType[retryableError](err); ok {
		switch {
		case !r.Retryable():
			return Permanent
		case RetryAfter(err) > 0:
			return Overload
		}
		return Transient
	}
	if d, ok := asType[*net.DNSError](err); ok {
		if d.IsTemporary && !d.IsNotFound {
			return Transient
		}
		return Permanent
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || brokenConnection(err) {
		return Transient
	}
	return Permanent
}

// Explains reports whether err says itself what it means, by a Verdict or a Retryable method.
// A stage that knows why a call ended may then leave the error's own word in force.
func Explains(err error) bool {
	if _, ok := marked(err); ok {
		return true
	}
	_, ok := asType[retryableError](err)
	return ok
}

// RetryAfter returns how long the dependency asked to be left alone: the RetryAfter of an
// [Error], or what a method RetryAfter() time.Duration anywhere in err's tree returns. It is
// 0 if nothing was asked, and never negative.
func RetryAfter(err error) time.Duration {
	if e, ok := asType[*Error](err); ok && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	if e, ok := asType[retryAfterError](err); ok {
		return max(0, e.RetryAfter())
	}
	return 0
}
