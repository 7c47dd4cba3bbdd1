package holdfastgrpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// statusError gives an error the gRPC status that callers expect. It adds nothing else.
type statusError struct {
	err    error
	status *status.Status
}

func (e *statusError) Error() string              { return e.err.Error() }
func (e *statusError) Unwrap() error              { return e.err }
func (e *statusError) Origin() error              { return e.err }
func (e *statusError) GRPCStatus() *status.Status { return e.status }

// Is reports that DEADLINE_EXCEEDED is context.DeadlineExceeded: the server's clock may be slightly
// ahead, so ctx may not have ended yet.
func (e *statusError) Is(target error) bool {
	return target == context.DeadlineExceeded && e.status.Code() == codes.DeadlineExceeded //nolint:errorlint // Is compares, by contract
}

// Timeout reports whether the error inside is a timeout.
func (e *statusError) Timeout() bool {
	t, ok := e.err.(interface{ Timeout() bool }) //nolint:errorlint // only the error inside
	return ok && t.Timeout()
}

func withCode(err error, code codes.Code) error {
	return &statusError{err, status.New(code, err.Error())}
}

// final returns the error of a call with a gRPC status. err is the error of the pipeline. doubt
// says that some attempt may have been carried out, which the last attempt's error may not say.
// repeatable says that the call may be repeated even so.
func final(err error, doubt, repeatable bool) error {
	if err == nil {
		return nil
	}
	reason := resilience.ReasonOf(err)
	err = rpc.Doubted(err, doubt, repeatable)
	if _, ok := err.(*statusError); ok { //nolint:errorlint // identity: an attempt's own error
		return err
	}
	_, coded := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if code := rpc.FinalCode(reason, coded); code != rpc.OK {
		return withCode(err, codes.Code(code))
	}
	return err
}

// noPipeline returns the error of a call for which no pipeline was chosen. The call was not made.
func noPipeline(method string, err error) error {
	return withCode(resilience.MarkRejected(&resilience.FieldError{
		Stage: "holdfastgrpc", Field: "pipeline", Value: "for " + method, Want: err.Error(),
	}), codes.Internal)
}
