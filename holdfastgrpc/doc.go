// Package holdfastgrpc takes gRPC calls through Holdfast's pipelines, on the client and on the
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
// Two things have to hold: the code says that another try may help, and a second try does no harm.
//
// It may help after UNAVAILABLE; after RESOURCE_EXHAUSTED, which is an Overload, unless a message
// was too large; after DEADLINE_EXCEEDED and CANCELLED, while the call's own ctx lives; and after
// the codes given to [WithRetryCodes], such as ABORTED.
//
// It does no harm in three cases:
//
//   - the call provably was not carried out: gRPC ended it before it had a connection for it, or
//     the server says that its handler did not run (a server with this package does);
//   - the method is idempotent: its .proto file gives it an idempotency_level, it is named in
//     [WithIdempotentMethods], or the call's ctx was marked by resilience.MarkIdempotent;
//   - the server asked for another attempt by a grpc-retry-pushback-ms of 0 or more.
//
// Any other call is sent once: a server that became unavailable may have carried it out before.
// After resilience.MarkOnce only proof counts, neither the method nor the server's wish.
//
// A failed call that may have been carried out is resilience.ErrOutcomeUnknown, unless its method
// has NO_SIDE_EFFECTS. One such attempt is enough, whatever a later one ended with. If the call
// must not be repeated, it ends whatever a RetryIf says, and still counts for a breaker. What is
// not known is not proven: interceptors inside have to pass the call options on, by which this
// package learns whether a call was sent. An interceptor that fails by itself may say so by an
// error with a method Unsent() bool, or by resilience.MarkRejected.
//
// A breaker counts UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, INTERNAL and DATA_LOSS
// against the server, and CANCELLED if it was not the caller who canceled; and UNKNOWN, which is
// Unclassified: a classifier of the pipeline may say what that means. The other codes are an answer
// from a server that is well.
//
// # What the server asks for
//
// A grpc-retry-pushback-ms in the trailer is the least pause before the next attempt, as is the
// delay of a google.rpc.RetryInfo in the status; the longer one counts. A pushback that is negative
// or no number ends the call. Each attempt but the first carries grpc-previous-rpc-attempts.
//
// A holdfast-gave-up in the trailer ends the call too: a retry loop further in has tried in vain,
// or must not try again. The server interceptors of this package send it.
//
// # Errors
//
// The final error of a call always has a gRPC status: status.Code and status.FromError work on it,
// as do errors.Is and errors.As with everything a pipeline returns. Its code is that of the last
// attempt, but DEADLINE_EXCEEDED where time ran out, and CANCELLED where the caller left; without
// an attempt, it is RESOURCE_EXHAUSTED where a limit of this side was reached (a full bulkhead: see
// [resilience.Reason.AtLimit]), and UNAVAILABLE for an open breaker and other guards.
package holdfastgrpc
