package holdfast

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Critical returns the stages for calls that must succeed: payments, logins, what the core
// of the business does. Up to 5 retries, within 10 s; an attempt may take 1 s.
//
// They are a deadline, a budget that prices slow failures, a Patient retry loop, an adaptive
// bulkhead for attempts, a breaker whose pauses follow its failures, and a deadline for each
// attempt. In an outage that refuses at once a call fails after 1.8 s on average, and later where
// attempts hang.
func Critical() []resilience.Stage {
	return preset(10*time.Second, time.Second, retry.Aggressive())
}

// Standard returns the stages for most calls: API requests, queries. Up to 3 retries, within
// 10 s; an attempt may take 2 s.
//
// They are those of Critical, with other numbers. In an outage that refuses at once a call fails
// after 0.8 s on average, and later where attempts hang.
func Standard() []resilience.Stage {
	return preset(10*time.Second, 2*time.Second, retry.Default())
}

// Background returns the stages for calls that may fail: analytics, cache updates, log
// shipping. Up to 2 retries, within 30 s; an attempt may take 8 s.
//
// They are those of Critical, with other numbers. In an outage that refuses at once a call fails
// after 1.7 s on average, and later where attempts hang.
func Background() []resilience.Stage {
	return preset(30*time.Second, 8*time.Second, retry.Gentle())
}

// preset returns the stages of a preset. The numbers are from the storms of the lab:
// docs/adr/0028-never-worse-than-no-retries.md.
//
//   - A success pays for three retries, but one after a slow failure costs five, since an overloaded
//     dependency fails slowly; and what a retry costs comes back if it succeeds. While successes
//     come late, all failures are slow. There is no floor: many small clients would live on theirs
//     in an overload, and keep it up.
//   - Slow failures in a row limit how many attempts are in flight. One more waits for as long as an
//     attempt may take.
//   - The breaker opens in an outage, but not while a tenth of the dependency works. It asks again
//     soon where failures are quick.
func preset(call, attempt time.Duration, loop retry.Config) []resilience.Stage {
	loop.Patient = true
	return []resilience.Stage{
		deadline.In(call),
		budget.Config{
			Ratio: 3, Floor: -1, Burst: 5, DepositOn: budget.AnySuccess,
			SlowCost: 5, SlowTimes: 3, RefundOnSuccess: true,
		},
		loop,
		bulkhead.Config{MaxWait: attempt, QueueLimit: 1000, Adaptive: &bulkhead.Adaptive{}},
		breaker.Config{
			FailureRatio: 0.95, ConsecutiveFailures: 40,
			MinOpenFor: 100 * time.Millisecond, OpenFor: attempt + attempt/4, // the quarter is for the spread
		},
		deadline.In(attempt),
	}
}
