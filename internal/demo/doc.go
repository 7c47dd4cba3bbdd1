// Package demo is the play that "holdfast demo" puts on: what retries do to a dependency that
// has lost most of its capacity, and what is left of the calls.
//
// Four clients make the same calls at the same moments. They differ in one thing, how they
// protect a call: without retries, with naive retries, with naive retries behind a circuit
// breaker, and with a Holdfast pipeline. Each has two backends of its own, payments and auth,
// so that no client suffers for another's load.
//
// Nothing in it is acted. The backends are HTTP servers with a bounded worker pool and a
// bounded first-in-first-out queue; they know nothing of who calls them, and they go on
// working for callers who have left. The traffic is open-loop: it arrives when the schedule
// says, however the earlier calls fare. The script does one thing only: for a few seconds it
// makes every backend slower, then lets it be as fast as before. Whether the backends come back
// is up to the load that the clients keep up, and every figure in the report is counted.
//
// Goodput, throughout, is the share of calls that succeed within the caller's deadline.
package demo
