// Package peers does the same work with Holdfast and with the libraries a Go team would
// otherwise use, in one run on one machine, so that what Holdfast costs can be read as a
// ratio and checked by anyone.
//
// It is a module of its own, so that the rivals never reach the go.mod of those who use
// Holdfast. What is measured is always the tree it stands in.
//
// It holds benchmarks, and tests that keep them fair. Three scripts run them:
//
//	./run.sh -check    # all tables; exits 1 if a target is missed
//	./growth.sh        # what becomes of it with more stages, keys and callers (package benchmarks)
//	./profile.sh       # where the nanoseconds go
//
// With -update, they write README.md and docs/benchmarks.md, and keep their runs in run.txt and
// growth.txt.
//
// # What is measured
//
//   - BenchmarkPreset…: a preset under a request's ctx as net/http gives it (Server), under one that
//     can be canceled (Request), and from a bare one (Bare). The op ignores its ctx, asks for its
//     Done, or derives a child of it (Child). This is what the README's first example does.
//     BenchmarkPresetRetry1 and 5 are the same with retries.
//   - BenchmarkPipeline: the whole protection of a critical call, in the nearest composition
//     each library has, where the caller's deadline is already the nearest.
//   - BenchmarkPipelineParallel: the same from as many goroutines as there are cores, to show
//     what the counters and locks cost under contention. Run it with -cpu 2.
//   - BenchmarkRetrySuccess: a retry loop around a call that succeeds at once. This is nearly
//     every call, so it is what a retry library costs on a good day. The caller can cancel;
//     in BenchmarkRetrySuccessDeadline he has a deadline too, which Holdfast reads.
//   - BenchmarkRetryPath: the call fails twice, then succeeds, with pauses of 1 ns: what the
//     loop itself costs per retry.
//   - BenchmarkBreakerClosed and BenchmarkOpenRejection: a circuit breaker on a good day, and
//     while it sheds the load of a dead dependency.
//   - BenchmarkDeadlineCreated: a call that needs a deadline of its own.
//   - BenchmarkHTTPPreset: a GET through a preset, in a handler. BenchmarkHTTPSuccess and
//     BenchmarkHTTPRetryPath: an http.RoundTripper over a base that answers at once, and over one
//     that answers 503 twice.
//   - BenchmarkFloor: the least that the machine takes for a reading of the clock, a count and an
//     allocation.
//
// # How it is kept fair
//
// Every library runs the same op: a closure that captures a variable it writes to, as the
// closures of real code do. What a library lets you build once is built once, outside of the
// loop; what its API wants per call is part of the call. Settings are equal wherever the
// libraries have them: 3 retries, 100 ms to 5 s, exponential, no jitter; a breaker at 50 % of
// at least 20 calls in 10 s; 64 concurrent calls. Where a library lacks a part, the comment
// at its entry says what stands in for it, or it is left out of that scenario.
// TestLikeWithLike holds each of them to the number of attempts it is supposed to make.
//
// # How to read it
//
// Compare rows of one scenario, by their ratio to the scenario's baseline. Nanoseconds
// depend on the machine and the minute; allocations do not. Multiples of the floor compare across
// machines, which ratios to gobreaker do not: it reads the clock twice, and does little else.
// run.sh goes round all scenarios several times rather than repeating each of them in place, so
// that a noisy minute hits all rows alike, and the table shows medians.
//
// A ratio says what the protection costs, not what it is worth: the rivals differ in what
// they do for it, and a call over a network takes longer than anything here.
package peers
