// Package demo is the simulation of "holdfast demo". It shows what retries do to a dependency that
// has lost most of its capacity, and how many calls still succeed. The code calls one run a play.
//
// Four clients make the same calls at the same moments. They differ in one thing, how they
// protect a call: without retries, with naive retries, with naive retries behind a circuit
// breaker, and with a Holdfast pipeline. Each has two backends of its own, payments and auth,
// so that no client suffers for another's load.
//
// The results are real. The backends are HTTP servers with a bounded worker pool and a bounded
// first-in-first-out queue. They do not know which client calls them, and they continue to work for
// callers who have left. The traffic is open-loop: calls arrive by a schedule, whether or not
// earlier calls have ended. The script only makes every backend slower for a few seconds, and then
// as fast as before. Whether the backends recover depends on the load of the clients. Every figure
// in the report is counted.
//
// Goodput is the share of calls that succeed within the caller's deadline.
package demo
