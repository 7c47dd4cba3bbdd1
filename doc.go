// Package holdfast wraps critical calls (payments, logins, queries) in a pipeline of
// deadline, retry budget, retry loop and circuit breaker, so that a flaky dependency is
// survived and a dying one is not beaten to death by retries.
//
//	payments, err := holdfast.New("payments",
//		deadline.In(2*time.Second), // the whole call
//		budget.Config{Ratio: 0.1, Floor: 1},
//		retry.Custom(3, 50*time.Millisecond, time.Second, true),
//		breaker.Config{FailureRatio: 0.5, MinRequests: 20},
//		deadline.In(350*time.Millisecond), // each attempt
//	)
//	…
//	receipt, err := holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) {
//		return client.Charge(ctx, order)
//	})
//
// Position is meaning: the first stage is the outermost. What stands inside the retry loop
// happens for every attempt, what stands outside once for the call.
//
// A call on which nothing goes wrong allocates nothing where the caller's ctx ends before every
// deadline of the pipeline: not in [Pipeline.Do], not in [Value], not for what its closure
// captures, not with observers on. Else it allocates once, for the ctx of the attempt, and more if
// the op asks that ctx for its Done channel.
//
// A [Registry] holds pipelines by name, and changes all of them at once: package config fills it
// from a file, and again whenever the file changes. A [Keyed] makes one pipeline for each host,
// shard or tenant. [Pipeline.Lint] does the arithmetic on a pipeline's numbers.
//
// What an error means is decided by package resilience; the stages are in its folders.
package holdfast
