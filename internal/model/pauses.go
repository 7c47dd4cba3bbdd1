package model

import (
	"math"
	"math/big"
	"time"

	"github.com/media-gateway/holdfast/resilience/retry"
)

// longest is the longest duration there is.
const longest = time.Duration(math.MaxInt64)

// Pause is how long a pause may be: from Least to Most.
type Pause struct {
	Least, Most time.Duration
}

// Has reports whether d is such a pause.
func (p Pause) Has(d time.Duration) bool { return d >= p.Least && d <= p.Most }

// pausesOf returns the pause before retry n, from 0, without a retry-after. prev is the pause
// before the last one. asked is how a user's own Jitter answered, if it was asked.
func pausesOf(c retry.Config, n int, prev time.Duration, asked func(retry.Step) time.Duration) Pause {
	backoff := backoffOf(c, n)
	switch j := c.Jitter.(type) {
	case retry.AdditiveJitter:
		return Pause{backoff.Least, scaled(backoff.Most, 1+float64(j))}
	case retry.ProportionalJitter:
		return Pause{scaled(backoff.Least, 1-float64(j)), scaled(backoff.Most, 1+float64(j))}
	case retry.StandardJitter:
		switch j {
		case retry.NoJitter:
			return backoff
		case retry.FullJitter:
			return Pause{0, backoff.Most}
		case retry.EqualJitter:
			return Pause{backoff.Least / 2, backoff.Most}
		case retry.DecorrelatedJitter:
			// The first has no previous pause: the presets' table begins with U(base, 3 · base).
			most := scaled(max(prev, c.BaseDelay), 3)
			return Pause{min(c.BaseDelay, maxDelay(c)), min(most, maxDelay(c))}
		}
	}
	d := max(0, asked(retry.Step{
		Retry: n, Base: c.BaseDelay, Max: maxDelay(c), Multiplier: c.Multiplier, Delay: backoff.Least, Prev: prev,
	}))
	return Pause{d, d}
}

// hinted returns the pause where the dependency asked for one. room is what the deadline leaves for
// a pause.
func hinted(c retry.Config, hint time.Duration, jittered Pause, room time.Duration) Pause {
	if c.Jitter == retry.NoJitter {
		return Pause{max(hint, jittered.Least), max(hint, jittered.Most)}
	}
	spread := max(jittered.Most, hint/2)
	return Pause{hint, hint + min(spread, room-hint, longest-hint)}
}

// backoffOf is the backoff before retry n, from 0. It is exact, apart from what a Multiplier makes
// of the last nanoseconds.
func backoffOf(c retry.Config, n int) Pause {
	var d *big.Float
	times := func(factor float64) *big.Float {
		return new(big.Float).Mul(big.NewFloat(float64(c.BaseDelay)), big.NewFloat(factor))
	}
	switch b := c.Backoff.(type) {
	case retry.BackoffFunc:
		own := min(maxDelay(c), max(0, b(n)))
		return Pause{own, own}
	case retry.StandardBackoff:
		switch b {
		case retry.Exponential:
			d = times(1)
			for range n {
				d.Mul(d, big.NewFloat(c.Multiplier))
			}
			if whole, _ := d.Int64(); c.Multiplier != math.Trunc(c.Multiplier) && whole < int64(maxDelay(c)) {
				slack := time.Duration(1 + whole/1e9)
				return Pause{time.Duration(whole) - slack, min(maxDelay(c), time.Duration(whole)+slack)}
			}
		case retry.Constant:
			d = times(1)
		case retry.Linear:
			d = times(float64(n + 1))
		case retry.Fibonacci:
			this, next := big.NewFloat(1), big.NewFloat(1)
			for range n {
				this, next = next, new(big.Float).Add(this, next)
			}
			d = this.Mul(this, big.NewFloat(float64(c.BaseDelay)))
		}
	}
	whole, _ := d.Int64()
	cut := min(maxDelay(c), time.Duration(whole))
	return Pause{cut, cut}
}

// maxDelay is the longest pause that a backoff yields.
func maxDelay(c retry.Config) time.Duration {
	if c.MaxDelay < 0 {
		return longest
	}
	return c.MaxDelay
}

// scaled is d times factor, and a nanosecond for rounding, but never more than the longest.
func scaled(d time.Duration, factor float64) time.Duration {
	f := float64(d) * factor
	switch {
	case f >= float64(longest):
		return longest
	case factor < 1:
		return max(0, time.Duration(f)-1)
	}
	return time.Duration(f) + 1
}
