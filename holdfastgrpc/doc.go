// Package holdfastgrpc sends gRPC calls through Holdfast's pipelines, on the client and on the
// server.
//
//	auth, err := holdfast.New("auth", holdfast.Critical()...)
//	…
//	options, err := holdfastgrpc.DialOptions(auth)
//	…
//	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(creds))...)
//
// # What is retried
//
// A failed call is retried if its code says that another attempt may help, and a second attempt is
// safe.
//
// Another attempt may help after UNAVAILABLE; after RESOURCE_EXHAUSTED (an Overload), unless a
// message was too large; after DEADLINE_EXCEEDED and CANCELLED, if the call's own ctx has not
// ended; and after the codes given to [WithRetryCodes], such as ABORTED.
//
// A second attempt is safe in three cases:
//
//   - the call was provably not carried out: gRPC had no connection for it, or the server says that
//     its handler did not run (a server with this package says so);
//   - the method is idempotent: its .proto file gives it an idempotency_level,
//     [WithIdempotentMethods] names it, or the call's ctx is marked by resilience.MarkIdempotent;
//   - the server asked for another attempt with a grpc-retry-pushback-ms of 0 or more.
//
// Any other call is sent once: a server that becomes unavailable may have carried it out before.
// After resilience.MarkOnce only proof counts, not the method or the pushback.
//
// The error of a failed call that may have been carried out is resilience.ErrOutcomeUnknown, unless
// its method has NO_SIDE_EFFECTS. One such attempt is enough, whatever the later attempts returned.
// If the call must not be repeated, no RetryIf overrules that, and breakers still count the
// failure. Inner interceptors must pass the call options on: without them, this package cannot
// prove that a call was not sent. An inner interceptor that fails before it sends the call can
// return an error with a method Unsent() bool, or use resilience.MarkRejected.
//
// A breaker counts UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, INTERNAL and DATA_LOSS as
// failures of the server, and CANCELLED if the caller did not cancel. It counts UNKNOWN too, which
// is Unclassified: a classifier of the pipeline may say what it means. The other codes are answers
// of a healthy server.
//
// # What the server asks for
//
// A grpc-retry-pushback-ms in the trailer is the minimum pause before the next attempt. So is the
// delay of a google.rpc.RetryInfo in the status; the longer one counts. A pushback that is negative
// or not a number ends the call. Each attempt except the first carries grpc-previous-rpc-attempts.
//
// A holdfast-gave-up in the trailer ends the call too: a retry loop of the server gave up, or must
// not retry. The server interceptors of this package send it.
//
// # Errors
//
// The final error of a call always has a gRPC status: status.Code and status.FromError work on it,
// and errors.Is and errors.As find everything that a pipeline returns. The code is that of the last
// attempt, except DEADLINE_EXCEEDED if time ran out, and CANCELLED if the caller canceled. If no
// attempt was made, it is RESOURCE_EXHAUSTED if a limit on this side was reached (a full bulkhead,
// for example: see [resilience.Reason.AtLimit]), and UNAVAILABLE for an open breaker and other
// guards.
package holdfastgrpc
