package main

// scenario is one group of benchmarks and how to present it.
type scenario struct {
	name     string // BenchmarkName
	title    string
	baseline string // the library that is 1.00×
	about    string // one sentence: what is measured
}

// scenarios are the benchmarks of this module, in the order of their tables.
var scenarios = []scenario{
	{
		"Pipeline", "The whole pipeline, success", "gobreaker",
		"Deadline, bulkhead, retry budget, retry loop, breaker and attempt deadline around a call " +
			"that succeeds at once, in the nearest composition each library has, against a breaker alone.",
	},
	{
		"PipelineParallel", "The whole pipeline, parallel callers", "gobreaker",
		"The same, from as many goroutines as there are processors.",
	},
	{
		"RetrySuccess", "Retry loop, success at the first attempt", "eapache",
		"What a retry loop costs on a good day.",
	},
	{
		"RetrySuccessDeadline", "Retry loop, success at the first attempt, under a deadline", "eapache",
		"The same, where the caller's ctx has a deadline.",
	},
	{
		"RetryPath", "Retry loop, two failures, then success", "eapache",
		"Three attempts with pauses of 1 ns: what the loop costs when it retries.",
	},
	{
		"BreakerClosed", "Breaker, closed", "gobreaker",
		"A breaker around a call that succeeds.",
	},
	{
		"OpenRejection", "Breaker, open", "gobreaker",
		"What it costs to refuse a call.",
	},
	{
		"DeadlineCreated", "A deadline created for the call", "context.WithTimeout",
		"The caller has no deadline, so that each call needs one of its own.",
	},
	{
		"HTTPSuccess", "A RoundTripper, success", "holdfast pipeline",
		"The whole pipeline around a base transport that answers 200 at once, against the pipeline called by hand; " +
			"retryablehttp has retries only.",
	},
	{
		"HTTPRetryPath", "A RoundTripper, two 503s, then success", "holdfast",
		"Three attempts with pauses of 1 ns.",
	},
}
