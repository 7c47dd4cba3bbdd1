// Package breaker stops calling a dependency that is failing, and finds out when it is back.
//
// A breaker is closed (calls pass, and are counted), open (no call passes) or half-open (a few
// calls pass, as probes). It is github.com/sony/gobreaker over a rolling window, with what a
// production service needs on top:
//
//   - it counts verdicts, not errors: the caller's mistakes are successes of the dependency, and a
//     caller who gives up counts as nothing;
//   - the error of an open breaker is built once per opening and says when to come back;
//   - every failed round of probes doubles the time to the next, jittered;
//   - a probe that panics, exits its goroutine or hangs does not leave the breaker stuck;
//   - no callback runs under its lock.
//
// Inside a retry loop a breaker sees attempts, outside it sees calls; both work. Inside is
// the usual place: it learns faster, and an open breaker ends the loop at once.
package breaker
