// Package breaker stops calling a dependency that is failing, and finds out when it is back.
//
// A breaker is closed (calls pass, and are counted), open (no call passes) or half-open (a few
// calls pass, as probes).
//
//   - It counts verdicts, not errors. Errors that nobody has classified are failures, and are named
//     in the reason of an opening; the caller's mistakes (Permanent) are successes of the
//     dependency.
//   - It opens by the share of failures in a rolling window, by failures in a row, or by the share
//     of slow calls.
//   - The error of an open breaker is built once per opening and says when to come back.
//   - Every failed round of probes doubles the time to the next, or, with a MinOpenFor, that time
//     follows the failures. All these times are spread at random.
//   - A probe that panics, exits its goroutine, hangs or ends without an outcome does not leave the
//     breaker stuck, and its time is over by the clock, whoever looks.
//   - No callback runs under its lock.
//
// Closed, it counts by itself. github.com/sony/gobreaker runs the rounds of probes.
//
// # Attempts that are cut off
//
// An attempt that ended because time was up or its caller hung up may say that the dependency
// hangs, or only that the caller had too little time. Whose limit it was does not tell. So the
// breaker compares how long the attempt had with how long successes take:
//
//   - all that an attempt may take (the limit of the deadline next to the breaker, on its inner
//     side): a failure;
//   - at least twice the slowest success of late, and at least a millisecond: a failure. Less:
//     nothing;
//   - as long as no success was seen: a failure after more than a tenth of that limit. If
//     no limit is known either, a deadline that ran out is a failure, and a caller who gave up is
//     nothing.
//
// An attempt is cut off if its ctx has ended and its error is no definite answer (Permanent,
// Overload), or if it failed by a client's timeout shortly before ctx's deadline (within an eighth
// of the time that it took). Any other failure is one however soon it comes: connection refused,
// 503. A caller who gave up before the dependency was asked says nothing.
//
// "The slowest of late" is a record of how long calls took that returned nil, of which the first
// four in each bucket of the window and then one in 16 are taken (of all successes: Permanent ones
// count for that, and are not timed; where callers crowd, the first four are those of each of 16
// counts). It rises at once and falls by a 64th of the difference.
//
// # Pauses that follow the failures
//
// A refusal after a microsecond costs a dependency next to nothing, and a call that hangs costs it
// a connection for a second. So a breaker with a MinOpenFor pauses for as long as failures took:
// the mean of about the last four, at least MinOpenFor and at most OpenFor. (Slow calls count as
// failures here.) A pause begins with the opening, or with a probe.
//
//   - Each pause lets one probe pass, whatever became of the one before. As long as a probe is under
//     way, a pause is at least as long as the oldest has been. So the pauses double by themselves at
//     a dependency that hangs, up to OpenFor. After ProbeTimeout the probe is a failure that took so
//     long, and what it returns changes nothing any more.
//   - The last HalfOpenProbes outcomes decide, as in a round. Those that are missing count as
//     failures: it was they that opened the breaker. It closes with the first success, not a slow
//     one, after which fewer than FailureRatio of them have failed (and fewer than SlowCallRatio were
//     slow), or MinSuccesses have succeeded. Without a FailureRatio, and with a ConsecutiveFailures
//     of 1, all have to succeed. With one probe, its success closes the breaker.
//   - After a success the next probe comes soon, after MinOpenFor.
//   - A probe that ends without an outcome can make the pauses longer, but not shorter: nobody knows
//     how long it would have taken.
//   - The breaker is open from the first failure to the closing. StateHalfOpen says that the next
//     call is a probe, which begins and ends by the clock alone. Observers hear of the opening and of
//     the closing, and not of each probe.
//
// # Where it stands
//
// Inside a retry loop a breaker sees attempts, outside it sees calls; both work. Inside is
// the usual place: it learns faster, and an open breaker ends the loop at once, or makes a Patient
// one wait for the next probe.
package breaker
