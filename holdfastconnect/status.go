package holdfastconnect

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// attemptError is the error of an attempt. It adds to it what callers know of Connect's errors.
type attemptError struct {
	err  *resilience.CallError
	code connect.Code
}

func (e *attemptError) Error() string { return e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }
func (e *attemptError) Origin() error { return e.err }

// Is reports that CodeDeadlineExceeded is context.DeadlineExceeded: the server's clock may be
// slightly ahead, so ctx may not have ended yet.
func (e *attemptError) Is(target error) bool {
	return target == context.DeadlineExceeded && e.code == connect.CodeDeadlineExceeded //nolint:errorlint // Is compares, by contract
}

// Timeout reports whether the error inside is a timeout.
func (e *attemptError) Timeout() bool { return e.err.Timeout() }

// final returns the error of a call, in which there is a *connect.Error with the call's code. err
// is the error of the pipeline. doubt says that some attempt may have been carried out, which the
// last attempt's error may not say. repeatable says that the call may be repeated even so.
func final(err error, doubt, repeatable bool) error {
	if err == nil {
		return nil
	}
	reason := resilience.ReasonOf(err)
	err = rpc.Doubted(err, doubt, repeatable)
	if _, ok := err.(*attemptError); ok { //nolint:errorlint // identity: an attempt's own error
		return err
	}
	_, ofAttempt := asConnect(err)
	if code := rpc.FinalCode(reason, ofAttempt); code != rpc.OK {
		return connect.NewError(connect.Code(code), err)
	}
	return err
}

// noPipeline returns the error of a call for which no pipeline was chosen. The call was not made.
func noPipeline(procedure string, err error) error {
	return misused(&resilience.FieldError{
		Stage: "holdfastconnect", Field: "pipeline", Value: "for " + procedure, Want: err.Error(),
	})
}

var (
	errForClients  = errors.New("holdfastconnect: an interceptor of NewClientInterceptor was given to a handler; want one of NewHandlerInterceptor")
	errForHandlers = errors.New("holdfastconnect: an interceptor of NewHandlerInterceptor was given to a client; want one of NewClientInterceptor")
)

// wrongSide returns the error of a call through an interceptor that is for the other side. The call
// was not made.
func wrongSide(spec connect.Spec) error {
	if spec.IsClient {
		return misused(errForHandlers)
	}
	return misused(errForClients)
}

func misused(err error) error {
	return connect.NewError(connect.CodeInternal, resilience.MarkRejected(err))
}
