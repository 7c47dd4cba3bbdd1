// Package retry tries a call again while that can help, and stops as soon as it cannot.
//
// A [Config] is data; [Default], [Aggressive], [Gentle] and [Custom] are the presets of the
// utility this package ports. Only errors that are known to be worth it are retried (see
// resilience.Classify). Before it sleeps, the loop asks, in this order: is the verdict retryable,
// does the ctx live, are attempts left, would a breaker inside refuse, is a retry-after too long,
// has an [Adaptive] loop learned that it does not help, does the delay fit before the deadline,
// does the budget pay. It never sleeps first and refuses after, unless it is Patient: then it
// pauses, asks breaker and budget after the pause, and pauses again if they refuse. Callers who
// were told the same retry-after do not come back together: see Config.MaxRetryAfter.
//
// A call that succeeds at its first attempt costs nothing but a look at the ctx; a retry
// allocates nothing; the final error, an [*Error] that says why the loop stopped, does.
package retry
