package holdfastaws

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for the errors of the SDK's clients. It asks, in this
// order:
//
//  1. a verdict that the error carries: see [resilience.Classify];
//  2. the error code. Those that the SDK takes for throttling (retry.DefaultThrottleErrorCodes) are
//     Overload, but for TransactionInProgressException, which is Transient. Those that it always
//     retries (retry.DefaultRetryableErrorCodes), and STS' IDPCommunicationError, are Transient;
//  3. a method RetryableError() bool: if it returns true, as that of a clock that differs from
//     AWS', Transient. If it returns false, what would be retried is Unclassified;
//  4. [resilience.Classify], which knows more codes, HTTP statuses and errors of the network;
//  5. a status of 300 to 399, with which S3 says that an object is in another region, or that it
//     was not modified: Permanent;
//  6. the API error's fault: the client's is Permanent, the server's Transient.
//
// Any other error is Unclassified: a failure that is not retried. The middleware of this package
// does not need Classify, since it knows more than the error. It is safe for concurrent use.
func Classify(err error) resilience.Verdict {
	if err == nil || resilience.Explains(err) {
		return resilience.Classify(err)
	}
	api, _ := errors.AsType[smithy.APIError](err)
	if api != nil {
		switch code := api.ErrorCode(); {
		case isThrottling(code):
			return resilience.Overload
		case isIn(retry.DefaultRetryableErrorCodes, code), code == "IDPCommunicationError":
			return resilience.Transient
		}
	}
	v := resilience.Classify(err)
	if says, ok := errors.AsType[interface {
		error
		RetryableError() bool
	}](err); ok {
		switch {
		case says.RetryableError():
			return resilience.Transient
		case v.Retryable():
			return resilience.Unclassified
		}
	}
	if v != resilience.Unclassified {
		return v
	}
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.HTTPStatusCode()/100 == 3 {
		return resilience.Permanent
	}
	if api == nil {
		return v
	}
	switch api.ErrorFault() {
	case smithy.FaultClient:
		return resilience.Permanent
	case smithy.FaultServer:
		return resilience.Transient
	default:
		return v
	}
}

// isThrottling reports whether AWS has refused the call because there were too many.
// TransactionInProgressException is on the SDK's list, but says that the same transaction is being
// carried out.
func isThrottling(code string) bool {
	return code != "TransactionInProgressException" && isIn(retry.DefaultThrottleErrorCodes, code)
}

func isIn(codes map[string]struct{}, code string) bool {
	_, ok := codes[code]
	return ok
}

// retryAfter returns the pause that the answer asks for: X-Amz-Retry-After in milliseconds, which
// AWS sends since 2026, or Retry-After. It returns 0 if there is none, or none that is valid.
func retryAfter(resp *smithyhttp.Response, now time.Time) time.Duration {
	if resp == nil || resp.Response == nil {
		return 0
	}
	if d, ok := whole(resp.Header.Get("X-Amz-Retry-After"), time.Millisecond); ok {
		return d
	}
	after := resp.Header.Get("Retry-After")
	if d, ok := whole(after, time.Second); ok {
		return d
	}
	at, err := http.ParseTime(after)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = date // by the server's clock
	}
	return max(0, at.Sub(now))
}

// whole parses a whole number of units. One that does not fit into a Duration is not valid.
func whole(s string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > uint64(1<<63-1)/uint64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true //nolint:gosec // checked above
}
