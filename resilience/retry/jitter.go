package retry

import (
	"math"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
)

// Jitter spreads pauses at random, so that callers who failed together do not come back
// together. (What a retry-after makes of a pause: Config.MaxRetryAfter.) It is called from many
// goroutines at once. A negative result is taken for 0.
type Jitter interface {
	// Jitter returns the pause to make of s.Delay.
	Jitter(s Step) time.Duration
}

// StandardJitter is one of the jitters without a parameter. All but NoJitter are described
// in "Exponential Backoff And Jitter" (Marc Brooker, AWS, 2015). U(a, b) is uniform from a to b.
type StandardJitter uint8

const (
	// NoJitter leaves the delay as it is.
	NoJitter StandardJitter = iota + 1
	// FullJitter: U(0, delay).
	FullJitter
	// EqualJitter: delay/2 + U(0, delay/2).
	EqualJitter
	// DecorrelatedJitter: min(max, U(base, 3 · the previous pause)), whatever the backoff.
	DecorrelatedJitter
)

var jitterNames = [...]string{"default", "none", "full", "equal", "decorrelated"}

// String returns the jitter in lower case.
func (j StandardJitter) String() string {
	if int(j) < len(jitterNames) {
		return jitterNames[j]
	}
	return "unknown"
}

// Jitter returns the pause to make of s.Delay.
func (j StandardJitter) Jitter(s Step) time.Duration {
	switch j {
	case FullJitter:
		return between(0, s.Delay)
	case EqualJitter:
		return between(s.Delay/2, s.Delay)
	case DecorrelatedJitter:
		return min(s.Max, between(s.Base, times(max(s.Prev, s.Base), 3, math.MaxInt64)))
	default:
		return s.Delay
	}
}

// AdditiveJitter adds up to that fraction of the delay to it: delay + U(0, f · delay). The
// fraction is above 0 and at most 1. AdditiveJitter(0.3) is the presets' jitter.
type AdditiveJitter float64

// Jitter returns the pause to make of s.Delay.
func (f AdditiveJitter) Jitter(s Step) time.Duration {
	extra := time.Duration(chance.Float64() * float64(f) * float64(s.Delay))
	if extra > math.MaxInt64-s.Delay {
		return math.MaxInt64
	}
	return s.Delay + extra
}

// String returns "additive(0.3)".
func (f AdditiveJitter) String() string { return "additive(" + formatFactor(float64(f)) + ")" }

// ProportionalJitter shortens or lengthens the delay by up to that fraction of it:
// U((1-f) · delay, (1+f) · delay). The fraction is above 0 and at most 1.
type ProportionalJitter float64

// Jitter returns the pause to make of s.Delay.
func (f ProportionalJitter) Jitter(s Step) time.Duration {
	d := float64(s.Delay) * (1 + float64(f)*(2*chance.Float64()-1))
	if !(d < math.MaxInt64) {
		return math.MaxInt64
	}
	return time.Duration(d)
}

// String returns "proportional(0.3)".
func (f ProportionalJitter) String() string {
	return "proportional(" + formatFactor(float64(f)) + ")"
}

// between returns U(low, high), or low if high is not above it.
func between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(chance.Uint64N(uint64(high-low)+1))
}

func formatFactor(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
