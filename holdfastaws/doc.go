// Package holdfastaws sends the operations of aws-sdk-go-v2's clients through Holdfast's pipelines.
//
//	orders, err := holdfast.New("orders", holdfast.Standard()...)
//	…
//	cfg, err = holdfastaws.NewConfig(cfg, orders) // of config.LoadDefaultConfig
//	…
//	client := sqs.NewFromConfig(cfg)
//
// The pipeline takes the place of the SDK's retry loop. So there is one loop: three attempts are
// three requests, whatever AWS_RETRY_MODE, AWS_MAX_ATTEMPTS, a client or a call say. For each
// attempt the SDK resolves the endpoint, gets credentials and signs anew, by a clock that it
// corrects.
//
// # What is retried
//
// A failed operation is retried if its error says that another attempt may help (see [Classify]),
// and if a second attempt is safe:
//
//   - nothing was sent: there was no connection, there were no credentials;
//   - AWS has refused it: it was throttled, or its signature is of another time;
//   - the operation is idempotent: [Idempotent] or [WithIdempotent] says so, or the ctx is marked
//     by resilience.MarkIdempotent.
//
// Any other operation is sent once, whereas the SDK sends everything again. Its error has
// [ErrNotIdempotent], and breakers still count the failure. If an attempt may have been carried
// out, and the operation does not only read, the error is resilience.ErrOutcomeUnknown, also if a
// later attempt was refused. After resilience.MarkOnce only proof counts.
//
// A body that cannot seek is sent once, unless nothing of it was read: [ErrNotReplayable].
//
// # Time
//
// An attempt's deadline covers everything up to the output, but not the body of a streaming output,
// which belongs to the caller's ctx. X-Amz-Retry-After and Retry-After are the least pause before
// the next attempt.
//
// # Errors
//
// errors.As finds the SDK's errors and the pipeline's in the error of an operation: a
// *smithy.OperationError around a *retry.Error, say, around the smithy.APIError of the last
// attempt.
//
// # Cost
//
// An operation that succeeds allocates 9 times more than by the SDK alone, which allocates about
// 270 times; and another 15 times, net/http's among them, if a deadline of the pipeline ends before
// the caller's ctx does.
package holdfastaws
