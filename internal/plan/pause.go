package plan

import (
	"time"

	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pause is how long a loop may pause.
type Pause struct {
	// Shortest and Longest bound the pause. An adaptive loop stretches its pauses while most first
	// attempts fail: Longest includes the full stretch, Shortest and Mean include none.
	Shortest, Mean, Longest time.Duration

	// Known is false if the Backoff or Jitter is the user's own code. Then all times are 0, which
	// is a lower bound.
	Known bool
}

// Pause returns the pause before retry n, counted from 0. It does not include a retry-after of the
// dependency, which is not known beforehand: see LongestAfter.
func (p Plan) Pause(n int) Pause {
	q := p.bounds(n)
	if c := p.Retry; q.Known && c.Jitter == retry.Jitter(retry.DecorrelatedJitter) {
		q.Mean = decorrelatedMean(c.BaseDelay, p.maxDelay(), n, p.means)
	}
	return q
}

// LongestAfter returns the longest pause that a retry-after of hint may lead to: hint, plus half of
// it or the longest of the first 20 pauses, whichever is longer. Without jitter it is the longer of
// hint and that pause. Pauses that are not known are left out.
func (p Plan) LongestAfter(hint time.Duration) time.Duration {
	longest := time.Duration(0)
	for n := range p.pausesToLookAt() {
		longest = max(longest, p.bounds(n).Longest)
	}
	if p.Retry != nil && p.Retry.Jitter == retry.Jitter(retry.NoJitter) {
		return max(hint, longest)
	}
	return plus(hint, max(hint/2, longest))
}

// Spread returns the largest difference between the longest and the shortest value of one pause, in
// the first 20 pauses; later ones change little. 0 if pauses are not known.
func (p Plan) Spread() (widest time.Duration) {
	for n := range p.pausesToLookAt() {
		q := p.bounds(n)
		widest = max(widest, q.Longest-q.Shortest)
	}
	return widest
}

// pausesToLookAt returns how many pauses a call may make, at most 20.
func (p Plan) pausesToLookAt() int {
	if p.Attempts() == Unlimited {
		return 20
	}
	return min(p.Attempts()-1, 20)
}

// maxDelay returns the longest pause that a backoff yields.
func (p Plan) maxDelay() time.Duration {
	if p.Retry.MaxDelay < 0 {
		return Forever
	}
	return p.Retry.MaxDelay
}

// bounds is Pause without the mean of decorrelated jitter, which takes some time to compute.
func (p Plan) bounds(n int) Pause {
	c := p.Retry
	if c == nil || n < 0 {
		return Pause{}
	}
	s := retry.Step{Retry: n, Base: c.BaseDelay, Max: p.maxDelay(), Multiplier: c.Multiplier}
	backoff, ok := c.Backoff.(retry.StandardBackoff)
	if c.Jitter == retry.Jitter(retry.DecorrelatedJitter) {
		return Pause{ // this jitter ignores the backoff
			Shortest: min(s.Base, s.Max), Longest: tripled(stretchedBase(c, s), n+1, s.Max), Known: true,
		}
	}
	if !ok {
		return Pause{}
	}
	delay := backoff.Backoff(s)
	s.Base = stretchedBase(c, s)
	return jittered(c.Jitter, delay, backoff.Backoff(s))
}

// stretchedBase returns the longest base delay of a loop that adapts: see retry.Adaptive.
func stretchedBase(c *retry.Config, s retry.Step) time.Duration {
	if c.Adaptive == nil || c.Adaptive.MaxStretch <= 1 {
		return s.Base
	}
	d := float64(s.Base) * c.Adaptive.MaxStretch
	if !(d < float64(s.Max)) {
		return s.Max
	}
	return max(s.Base, time.Duration(d))
}

// jittered returns the pause that j makes of delay, and of longest, which is delay if stretched.
func jittered(j retry.Jitter, delay, longest time.Duration) Pause {
	p := Pause{Shortest: delay, Mean: delay, Longest: longest, Known: true}
	switch j := j.(type) {
	case retry.StandardJitter:
		switch j {
		case retry.FullJitter:
			p.Shortest, p.Mean = 0, delay/2
		case retry.EqualJitter:
			p.Shortest = delay / 2
			p.Mean = p.Shortest + (delay-p.Shortest)/2
		case retry.NoJitter, retry.DecorrelatedJitter:
		}
	case retry.AdditiveJitter:
		p.Mean = plus(delay, portion(float64(j)/2, delay))
		p.Longest = plus(longest, portion(float64(j), longest))
	case retry.ProportionalJitter:
		p.Shortest = portion(1-float64(j), delay)
		p.Longest = portion(1+float64(j), longest)
	default:
		return Pause{}
	}
	return p
}

// portion returns f · d, at most Forever.
func portion(f float64, d time.Duration) time.Duration {
	v := f * float64(d)
	if !(v < float64(Forever)) {
		return Forever
	}
	return time.Duration(v)
}
