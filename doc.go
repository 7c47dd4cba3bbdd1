// Package holdfast runs critical calls (payments, logins, queries) through a pipeline of
// deadline, retry budget, retry loop and circuit breaker. Calls survive a flaky dependency, and
// retries do not finish off a dying one.
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
// The order of the stages matters: the first is the outermost. A stage inside the retry loop runs
// for every attempt, a stage outside it once per call.
//
// A call that succeeds at its first attempt allocates nothing if the caller's ctx ends before every
// deadline of the pipeline. That is true of [Pipeline.Do], of [Value], of what the op's closure
// captures, and with observers. Otherwise the call allocates once, for the ctx of the attempt, and
// more if the op asks that ctx for its Done channel.
//
// A [Registry] holds pipelines by name, and changes all of them at once: package config fills it
// from a file, and again whenever the file changes. A [Keyed] makes one pipeline for each host,
// shard or tenant. [Pipeline.Lint] does the arithmetic on a pipeline's numbers.
//
// Package resilience decides what an error means. Its subfolders contain the stages.
package holdfast
