package retry

import (
	"math"
	"math/bits"
	"time"
)

// Step is what a Backoff and a Jitter are told about the pause to compute. It is passed by
// value, and holds all there is to know: neither keeps anything between two pauses, so one
// value serves all calls.
type Step struct {
	Retry      int           // which retry the pause precedes, from 0
	Base       time.Duration // BaseDelay
	Max        time.Duration // MaxDelay; the longest duration there is if that is off
	Multiplier float64       // Multiplier
	Delay      time.Duration // what the Backoff yielded, for a Jitter; at most Max
	Prev       time.Duration // the pause before the previous retry, 0 if there was none
}

// Backoff is how pauses grow. What it yields is cut to between 0 and MaxDelay. It is called
// from many goroutines at once.
type Backoff interface {
	Backoff(s Step) time.Duration
}

// BackoffFunc makes a Backoff of a function of the retry's number, from 0.
type BackoffFunc func(retry int) time.Duration

// Backoff returns f(s.Retry).
func (f BackoffFunc) Backoff(s Step) time.Duration { return f(s.Retry) }

// StandardBackoff is one of the backoffs that the package brings. No retry number overflows
// them: what would be too long is MaxDelay.
type StandardBackoff uint8

const (
	// Exponential: base · multiplierⁿ.
	Exponential StandardBackoff = iota + 1
	// Constant: base.
	Constant
	// Linear: base · (n+1).
	Linear
	// Fibonacci: base · 1, 1, 2, 3, 5, 8, …
	Fibonacci
)

var backoffNames = [...]string{"default", "exponential", "constant", "linear", "fibonacci"}

// String returns the backoff in lower case.
func (b StandardBackoff) String() string {
	if int(b) < len(backoffNames) {
		return backoffNames[b]
	}
	return "unknown"
}

// Backoff returns the pause before retry s.Retry.
func (b StandardBackoff) Backoff(s Step) time.Duration {
	switch b {
	case Constant:
		return min(s.Base, s.Max)
	case Linear:
		return times(s.Base, uint64(s.Retry)+1, s.Max)
	case Fibonacci:
		return fibonacci(s.Base, s.Retry, s.Max)
	default:
		return exponential(s.Base, s.Multiplier, s.Retry, s.Max)
	}
}

func exponential(base time.Duration, multiplier float64, n int, limit time.Duration) time.Duration {
	if multiplier == 2 { // exact
		if n >= 63 || base > limit>>n {
			return limit
		}
		return base << n
	}
	d := float64(base) * math.Pow(multiplier, float64(n))
	if !(d < float64(limit)) { // also where it is +Inf
		return limit
	}
	return max(base, time.Duration(d)) // a float rounds a base of months
}

// times returns n·d, or limit if that is less.
func times(d time.Duration, n uint64, limit time.Duration) time.Duration {
	hi, lo := bits.Mul64(uint64(d), n)
	if hi != 0 || lo > uint64(limit) {
		return limit
	}
	return time.Duration(lo)
}

func fibonacci(base time.Duration, n int, limit time.Duration) time.Duration {
	a, b := time.Duration(0), base
	for range n {
		if b > limit-a {
			return limit
		}
		a, b = b, a+b
	}
	return min(b, limit)
}
