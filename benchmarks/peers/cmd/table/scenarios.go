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
		"PresetServer", "A preset under a request's ctx, as net/http gives it", "gobreaker",
		"The README's first example, in a handler: Critical's six stages, or Standard's, whose attempt derives a ctx. " +
			"Each library has the same stages, as far as it has them; the baseline is a breaker alone.",
	},
	{
		"PresetServerDone", "A preset under a request's ctx, and the op asks for Done", "gobreaker",
		"The same, and the op waits for whatever comes first, its answer or the ctx's end, so that the ctx needs a channel and a timer.",
	},
	{
		"PresetServerChild", "A preset under a request's ctx, and the op derives a child ctx", "gobreaker",
		"The same, and the op derives a ctx of its own, as net/http and pgx do, and asks for its Done.",
	},
	{
		"PresetRequest", "A preset under a ctx that can be canceled", "gobreaker",
		"The caller can cancel, but has no deadline; the op ignores Done.",
	},
	{
		"PresetRequestDone", "A preset under a ctx that can be canceled, and the op asks for Done", "gobreaker",
		"The same, and the op waits for whatever comes first, its answer or the ctx's end.",
	},
	{
		"PresetRequestChild", "A preset under a ctx that can be canceled, and the op derives a child ctx", "gobreaker",
		"The same, and the op derives a ctx of its own and asks for its Done.",
	},
	{
		"PresetBare", "A preset from a bare ctx", "gobreaker",
		"The caller has context.Background(); the op ignores Done.",
	},
	{
		"PresetBareDone", "A preset from a bare ctx, and the op asks for Done", "gobreaker",
		"The same, and the op waits for whatever comes first, its answer or the ctx's end.",
	},
	{
		"PresetBareChild", "A preset from a bare ctx, and the op derives a child ctx", "gobreaker",
		"The same, and the op derives a ctx of its own and asks for its Done.",
	},
	{
		"PresetRetry1", "One retry through a preset", "holdfast",
		"Critical's stages with pauses of 1 ns; the op fails once, then succeeds, and ignores Done.",
	},
	{
		"PresetRetry5", "Five retries through a preset", "holdfast",
		"The same, with five failures.",
	},
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
		"HTTPPreset", "A RoundTripper with a preset, in a handler", "plain transport",
		"A GET under a request's ctx through Critical, over a base transport that answers at once with a body, which is read and closed. " +
			"In one row the base asks for Done.",
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
	{
		floorScenario, "The floor of this machine", nanotime,
		"What the least takes that a protected call has to do: one reading of the clock, one striped add, one allocation.",
	},
}
