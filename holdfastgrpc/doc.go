// Package holdfastgrpc takes gRPC calls through Holdfast's pipelines, on the client and on the server.
//
//	auth, err := holdfast.New("auth", holdfast.Critical()...)
//	conn, err := grpc.NewClient(target, append(holdfastgrpc.DialOptions(auth), grpc.WithTransportCredentials(creds))...)
//
// # What is retried
//
// Two things have to hold: the code says that another try may help, and a second try does no harm.
//
// It may help after UNAVAILABLE; after RESOURCE_EXHAUSTED, which is an Overload, unless a message was too large; after
// DEADLINE_EXCEEDED, while the call's own ctx lives; and after the codes given to [RetryCodes], such
// as ABORTED.
//
// It does no harm if the call never left the client (there was no connection); if the server asked for it by a
// grpc-retry-pushback-ms of 0 or more; or if the method is idempotent. A method is, if its .proto
// file gives it an idempotency_level, if it is named in [IdempotentMethods], or if the call's ctx was marked by
// [MarkIdempotent]. Any other call is sent once: a server that became unavailable may have carried it out before.
// Such an error ends the call whatever a RetryIf says (see resilience.MarkNoRetry), and still counts for a
// breaker. Interceptors inside have to pass the call options on, by which this package learns whether a call was sent.
//
// A breaker counts UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, UNKNOWN, INTERNAL and DATA_LOSS against
// the server, and CANCELLED if it was not the caller who canceled. The other codes are an answer from a server that is well.
//
// # What the server asks for
//
// A grpc-retry-pushback-ms in the trailer is the least pause before the next attempt, as is the
// delay of a google.rpc.RetryInfo in the status; the longer one counts. A pushback that is negative or no number ends the call.
// Each attempt but the first carries grpc-previous-rpc-attempts.
//
// # Errors
//
// The final error of a call always has a gRPC status: status.Code and status.FromError work on it, as
// do errors.Is and errors.As with everything a pipeline returns. Its code is that of the last attempt, but
// DEADLINE_EXCEEDED where time ran out, and CANCELLED where the caller left; without an attempt, it is
// RESOURCE_EXHAUSTED for a full bulkhead, and UNAVAILABLE for an open breaker and other guards.
package holdfastgrpc
