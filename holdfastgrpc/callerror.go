package holdfastgrpc

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast/resilience"
)

// callError is the error of one attempt, with what the protocol says about it.
type callError struct {
	err        error
	status     *status.Status
	verdict    resilience.Verdict // for a retry loop
	dependency resilience.Verdict // for a breaker
	retryAfter time.Duration
	noRetry    bool // a second try could do harm, or the server does not want it
}

func (e *callError) Error() string                         { return e.err.Error() }
func (e *callError) Unwrap() error                         { return e.err }
func (e *callError) GRPCStatus() *status.Status            { return e.status }
func (e *callError) Verdict() resilience.Verdict           { return e.verdict }
func (e *callError) DependencyVerdict() resilience.Verdict { return e.dependency }
func (e *callError) RetryAfter() time.Duration             { return e.retryAfter }
func (e *callError) NoRetry() bool                         { return e.noRetry }

// failed returns err, with which an attempt under ctx ended, as a callError. harmless reports whether
// a second try is so whatever the method.
func (s *settings) failed(ctx context.Context, method string, err error, asked pushback, harmless bool) error {
	st, err := statusOf(ctx, err)
	e := &callError{err: err, status: st, retryAfter: max(asked.pause, retryInfo(st))}
	if resilience.Explains(err) { // an interceptor inside knows better
		e.verdict = resilience.Classify(err)
		e.dependency = resilience.Judge(ctx, nil, err)
		e.retryAfter = max(e.retryAfter, resilience.RetryAfter(err))
	} else {
		e.dependency = dependencyVerdict(ctx, st)
		e.verdict = s.retryVerdict(st, e.dependency)
	}
	if e.verdict == resilience.Canceled || e.verdict == resilience.Rejected {
		return e
	}
	if e.verdict == resilience.Transient && e.retryAfter > 0 {
		e.verdict = resilience.Overload
	}
	e.noRetry = resilience.NoRetry(err) || asked.stop || !harmless && !asked.asked && !s.isIdempotent(ctx, method)
	if e.noRetry {
		e.verdict = resilience.Permanent
	}
	return e
}

// statusOf returns err's status, and err itself, unless it is a cancelation that was the doing of ctx's deadline.
func statusOf(ctx context.Context, err error) (*status.Status, error) {
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	if st.Code() == codes.Canceled && ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // Err documents these very values
		st = status.FromContextError(ctx.Err())
		err = st.Err()
	}
	return st, err
}

// dependencyVerdict returns what a status says about the server.
func dependencyVerdict(ctx context.Context, st *status.Status) resilience.Verdict {
	switch st.Code() {
	case codes.Canceled:
		if ctx.Err() != nil {
			return resilience.Canceled
		}
		return resilience.Transient
	case codes.ResourceExhausted:
		if isTooLarge(st) {
			return resilience.Permanent
		}
		return resilience.Overload
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unknown, codes.Internal, codes.DataLoss:
		return resilience.Transient
	}
	return resilience.Permanent
}

// retryVerdict returns what a status says to a retry loop.
func (s *settings) retryVerdict(st *status.Status, dependency resilience.Verdict) resilience.Verdict {
	switch code := st.Code(); {
	case dependency == resilience.Canceled, dependency == resilience.Overload:
		return dependency
	case code == codes.Unavailable, code == codes.DeadlineExceeded, slices.Contains(s.retryCodes, code):
		return resilience.Transient
	}
	return resilience.Permanent
}

// isTooLarge reports whether a message was over a limit, for which gRPC has the code of an
// overload. The words are those of its implementations in Go and C.
func isTooLarge(st *status.Status) bool {
	return strings.Contains(st.Message(), "larger than max")
}

// retryInfo returns the pause that the status' details ask for.
func retryInfo(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
