package holdfastaws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience"
)

// retryable is an error that says of itself whether to try again, as models of services do.
type retryable struct {
	error
	yes bool
}

func (r retryable) RetryableError() bool { return r.yes }
func (r retryable) Unwrap() error        { return r.error }

func TestClassify(t *testing.T) {
	code := func(code string) error { return &smithy.GenericAPIError{Code: code} }
	fault := func(f smithy.ErrorFault) error { return &smithy.GenericAPIError{Code: "Odd", Fault: f} }
	answer := func(status int, err error) error {
		return &smithy.OperationError{ServiceID: "X", OperationName: "Y", Err: &awshttp.ResponseError{
			ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err},
		}}
	}
	for _, c := range []struct {
		err  error
		want resilience.Verdict
	}{
		{nil, resilience.Success},
		{errors.New("odd"), resilience.Unclassified},
		{resilience.MarkOverload(code("Odd"), 1), resilience.Overload},
		{resilience.MarkPermanent(code("ThrottlingException")), resilience.Permanent},
		{code("RequestTimeout"), resilience.Transient},
		{answer(400, code("IDPCommunicationError")), resilience.Transient},
		{answer(400, code("TransactionInProgressException")), resilience.Transient},
		{answer(403, retryable{code("RequestTimeTooSkewed"), true}), resilience.Transient},
		{answer(503, retryable{code("Odd"), false}), resilience.Unclassified},
		{answer(400, retryable{code("Odd"), false}), resilience.Permanent},
		{answer(500, code("Odd")), resilience.Transient},
		{answer(400, code("Odd")), resilience.Permanent},
		{answer(429, code("Odd")), resilience.Overload},
		{answer(299, code("Odd")), resilience.Unclassified},
		{answer(300, code("Odd")), resilience.Permanent},
		{answer(399, code("Odd")), resilience.Permanent},
		{fault(smithy.FaultClient), resilience.Permanent},
		{fault(smithy.FaultServer), resilience.Transient},
		{fault(smithy.FaultUnknown), resilience.Unclassified},
		{&smithyhttp.RequestSendError{Err: syscall.ECONNRESET}, resilience.Transient},
		{&smithy.DeserializationError{Err: io.ErrUnexpectedEOF}, resilience.Transient},
		{&smithy.CanceledError{Err: context.DeadlineExceeded}, resilience.Transient},
	} {
		require.Equal(t, c.want.String(), holdfastaws.Classify(c.err).String(), "%v", c.err)
	}
	// The lists are the SDK's, of whatever version it is.
	for code := range retry.DefaultThrottleErrorCodes {
		v := holdfastaws.Classify(&smithy.GenericAPIError{Code: code})
		require.Equal(t, code != "TransactionInProgressException", v == resilience.Overload, code)
	}
	for code := range retry.DefaultRetryableErrorCodes {
		require.Equal(t, resilience.Transient, holdfastaws.Classify(&smithy.GenericAPIError{Code: code}), code)
	}
	for status := range retry.DefaultRetryableHTTPStatusCodes {
		require.Equal(t, resilience.Transient, holdfastaws.Classify(answer(status, code("Odd"))), status)
	}
}
