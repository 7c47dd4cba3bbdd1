package holdfastgrpc

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// ending is what is known of how an attempt ended, in addition to its error.
type ending struct {
	trailer  metadata.MD // nil if none was received
	unsent   bool        // it is proven that the attempt was not sent
	stop     bool        // no other attempt is possible
	unfit    bool        // gRPC could not send a message at all
	begun    bool        // the handler may have begun before the error: it has messages, or has answered
	repeated bool        // an interceptor inside called more than once
	sent     int         // size of the message, in bytes
	limit    int         // largest size that may be sent; 0 if unknown
}

// failed describes err, the error of an attempt under ctx. It reports whether the server may have
// carried out the call.
func (o *options) failed(ctx context.Context, method string, err error, how ending) (doubt bool, failure error) {
	asked := rpc.ParsePushback(how.trailer.Get(rpc.PushbackKey))
	st, err := statusOf(ctx, err)
	tooLarge := isTooLarge(st, asked, how.sent, how.limit)
	a := rpc.Attempt{
		Err: err, Judgment: o.assess(ctx, err, st, how.unfit || tooLarge),
		Pause: retryInfo(st), Pushback: asked,
		GaveUp: rpc.GaveUpBy(how.trailer.Get(rpc.GaveUpKey)), Refused: rpc.RefusedBy(how.trailer.Get(rpc.RefusedKey)),
		// The text of a limit does not say whose it is: the server's, before or after its handler
		// ran, or this client's, for the answer. A unary message that is over this client's limit
		// is not sent.
		Begun:  how.begun || tooLarge && !overLimit(how.sent, how.limit),
		Unsent: how.unsent, Repeated: how.repeated, Stop: how.stop, OnlyReads: onlyReads(ctx, method), Repeatable: o.mayRepeat(ctx, method),
	}
	e, doubt := a.CallError(ctx)
	return doubt, &statusError{e, st}
}

// statusOf returns err's status, and err. If gRPC canceled the call because of ctx's deadline, it
// returns DEADLINE_EXCEEDED for both.
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

// assess judges err, whose status is st, together with the attempt's ctx.
func (o *options) assess(ctx context.Context, err error, st *status.Status, tooLarge bool) resilience.Judgment {
	j := resilience.Assess(ctx, func(err error) resilience.Verdict {
		if _, ok := status.FromError(err); !ok {
			return resilience.Unclassified // an interceptor's own error, which has no status
		}
		return rpc.Code(st.Code()).DependencyVerdict(tooLarge)
	}, err)
	if resilience.Explains(err) {
		return j // an interceptor inside knows better
	}
	return rpc.Code(st.Code()).Judge(j, o.retryCodes)
}

// retryInfo returns the pause that a RetryInfo in the status's details asks for, 0 if there is
// none.
func retryInfo(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
