package holdfastgrpc

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast/resilience"
)

// finalError gives a pipeline's error the status that gRPC's callers look for.
type finalError struct {
	err  error
	code codes.Code
}

func (e *finalError) Error() string              { return e.err.Error() }
func (e *finalError) Unwrap() error              { return e.err }
func (e *finalError) GRPCStatus() *status.Status { return status.New(e.code, e.err.Error()) }

// final returns what a pipeline returned as gRPC knows it. What has the right status stays as it is.
func final(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(*callError); ok { //nolint:errorlint // identity: an attempt's error, untouched
		return err
	}
	reason := resilience.ReasonOf(err)
	switch reason {
	case resilience.ReasonTooLate:
		return &finalError{err, codes.DeadlineExceeded}
	case resilience.ReasonCanceled:
		return &finalError{err, codes.Canceled}
	}
	if _, ok := errors.AsType[statusError](err); ok {
		return err
	}
	switch reason {
	case resilience.ReasonBulkheadFull:
		return &finalError{err, codes.ResourceExhausted}
	case resilience.ReasonBreakerOpen, resilience.ReasonRejected:
		return &finalError{err, codes.Unavailable}
	}
	return &finalError{err, codes.Unknown}
}

type statusError interface {
	error
	GRPCStatus() *status.Status
}
