package holdfastgrpc

import (
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for the errors of gRPC's clients. It asks, in this order:
//
//  1. a verdict that the error carries: see [resilience.Classify];
//  2. the status. UNAVAILABLE and DEADLINE_EXCEEDED are Transient. So is CANCELLED, since a cancel
//     by the caller shows in the ctx. RESOURCE_EXHAUSTED is Overload, or Permanent if its message
//     says that a message was too large. UNKNOWN, INTERNAL, DATA_LOSS and codes that gRPC does not
//     define are Unclassified: a failure of the server that is not retried. The other codes are
//     Permanent;
//  3. [resilience.Classify].
//
// The interceptors of this package do not need it, since they know more than the error. It is safe
// for concurrent use.
func Classify(err error) resilience.Verdict {
	if err == nil || resilience.Explains(err) {
		return resilience.Classify(err)
	}
	st, ok := status.FromError(err)
	if !ok {
		return resilience.Classify(err)
	}
	return rpc.Code(st.Code()).Verdict(isTooLarge(st, rpc.Pushback{}, 0, 0))
}
