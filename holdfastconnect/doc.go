// Package holdfastconnect sends the calls of connect-go through Holdfast's pipelines, in clients
// and in handlers, by the protocols of Connect, gRPC and gRPC-Web.
//
//	auth, err := holdfast.New("auth", holdfast.Critical()...)
//	…
//	interceptor, err := holdfastconnect.NewClientInterceptor(auth)
//	…
//	client := authconnect.NewAuthClient(http.DefaultClient, url, connect.WithInterceptors(interceptor))
//
// # What is retried
//
// A failed call is retried if its code says that another attempt may help, and a second attempt is
// safe.
//
// Another attempt may help after CodeUnavailable; after CodeResourceExhausted (an Overload), unless
// a message was too large; after CodeDeadlineExceeded and CodeCanceled, if the call's own ctx has
// not ended; after a connection that broke while the answer came; and after the codes given to
// [WithRetryCodes], such as CodeAborted.
//
// A second attempt is safe in three cases:
//
//   - the call was provably not carried out: there was no connection for it, HTTP/2 says that the
//     server did not process it, or the server says that its handler did not run (a server with
//     this package or with holdfastgrpc says so);
//   - the procedure is idempotent: its schema gives it an idempotency_level,
//     [WithIdempotentProcedures] names it, or the call's ctx is marked by
//     resilience.MarkIdempotent;
//   - the server asked for another attempt with a grpc-retry-pushback-ms of 0 or more.
//
// Any other call is sent once: a server that becomes unavailable may have carried it out before.
// After resilience.MarkOnce only proof counts, not the procedure or the pushback.
//
// The error of a failed call that may have been carried out is resilience.ErrOutcomeUnknown, unless
// its procedure has NO_SIDE_EFFECTS. One such attempt is enough, whatever the later attempts
// returned. If the call must not be repeated, no RetryIf overrules that, and breakers still count
// the failure. An inner interceptor that fails before it sends the call can return an error with a
// method Unsent() bool, or use resilience.MarkRejected.
//
// A code says what the server means only if the server sent it. The client makes errors too, and
// some have a misleading code: a connection that was reset has CodeCanceled, and an answer that the
// client cannot read has CodeInvalidArgument. Such an error is judged by the error of net/http
// inside it, as holdfasthttp would.
//
// A breaker counts CodeUnavailable, CodeResourceExhausted, CodeDeadlineExceeded, CodeInternal and
// CodeDataLoss as failures of the server, and CodeCanceled if the caller did not cancel. It counts
// CodeUnknown too, which is Unclassified: a classifier of the pipeline may say what it means. The
// other codes are answers of a healthy server.
//
// # What the server asks for
//
// A grpc-retry-pushback-ms in the metadata of an error is the minimum pause before the next
// attempt. So is the delay of a google.rpc.RetryInfo in its details, and with [NewHTTPClient] the
// Retry-After of a response by HTTP; the longest one counts. A pushback that is negative or not a
// number ends the call. Each attempt except the first carries grpc-previous-rpc-attempts.
//
// A holdfast-gave-up in the metadata ends the call too: a retry loop of the server gave up, or must
// not retry. The handler interceptor of this package sends it, as holdfastgrpc does.
//
// # Errors
//
// errors.As finds a *connect.Error in the final error of a call, and connect.CodeOf its code.
// errors.Is and errors.As find everything that a pipeline returns. The code is that of the last
// attempt, except CodeDeadlineExceeded if time ran out, and CodeCanceled if the caller canceled. If
// no attempt was made, it is CodeResourceExhausted if a limit on this side was reached (a full
// bulkhead, for example: see [resilience.Reason.AtLimit]), and CodeUnavailable for an open breaker
// and other guards.
package holdfastconnect
