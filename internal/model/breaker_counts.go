package model

import (
	"fmt"
	"math/big"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Counts returns the outcomes in the window, of the round of probes, or the latest of a series.
func (b *Breaker) Counts(now time.Time) breaker.Counts {
	b.pass(now)
	return b.counts(now)
}

// counts is Counts once time has passed.
func (b *Breaker) counts(now time.Time) (c breaker.Counts) {
	outcomes := b.outcomes
	if b.state == resilience.StateOpen {
		outcomes = b.recent()
	}
	for _, o := range outcomes {
		if b.state == resilience.StateClosed && !b.remembers(o, now) {
			continue
		}
		switch o.is {
		case Success:
			c.Successes++
		case Unclassified:
			c.Unclassified++
			c.Failures++
		case Failure:
			c.Failures++
		case Nothing:
			c.Excluded++
		}
		if o.slow && o.is != Nothing {
			c.Slow++
		}
	}
	c.Requests = c.Successes + c.Failures
	c.ConsecutiveFailures = uint64(b.row())
	return c
}

// row is how many failures in a row there were up to now, over any time.
func (b *Breaker) row() (n int) {
	for _, o := range b.outcomes {
		switch o.is {
		case Success:
			n = 0
		case Failure, Unclassified:
			n++
		default: // it says nothing about the dependency
		}
	}
	return n
}

// remembers reports whether the window still holds an outcome: by the part of it in which the call
// began.
func (b *Breaker) remembers(o outcome, now time.Time) bool {
	return !o.lost && b.part(now)-b.part(o.began) < int64(b.Config.Buckets)
}

// part numbers the parts of which the window holds Buckets. Each is Window/Buckets long, exactly.
func (b *Breaker) part(t time.Time) int64 {
	n := new(big.Int).Mul(big.NewInt(int64(t.Sub(b.since))), big.NewInt(int64(b.Config.Buckets)))
	return n.Div(n, big.NewInt(int64(b.Config.Window))).Int64()
}

// trips returns why a closed breaker has to open now, or nil: more than one rule may say so.
func (b *Breaker) trips(now time.Time) (why []string) {
	if n := b.Config.ConsecutiveFailures; n > 0 && b.row() >= n {
		failures := fmt.Sprintf("%d failures in a row", b.row())
		if b.row() == 1 {
			failures = "1 failure"
		}
		why = append(why, failures)
	}
	c := b.Counts(now)
	if c.Requests < uint64(b.Config.MinRequests) {
		return why
	}
	if b.fails(c, c.Requests) {
		why = append(why, fmt.Sprintf("%d of %d outcomes in %v failed", c.Failures, c.Requests, b.Config.Window))
	}
	if b.slows(c, c.Requests) {
		why = append(why, fmt.Sprintf("%d of %d calls in %v took longer", c.Slow, c.Requests, b.Config.Window))
	}
	return why
}

// fails reports whether the share of failures of so many is too large.
func (b *Breaker) fails(c breaker.Counts, of uint64) bool {
	return b.Config.FailureRatio > 0 && float64(c.Failures)/float64(of) >= b.Config.FailureRatio
}

// slows reports whether the share of slow calls of so many is too large.
func (b *Breaker) slows(c breaker.Counts, of uint64) bool {
	return b.Config.SlowCallDuration > 0 && float64(c.Slow)/float64(of) >= b.Config.SlowCallRatio
}
