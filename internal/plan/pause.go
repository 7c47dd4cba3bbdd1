package plan

import (
	"time"

	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pause is how long a loop may pause.
type Pause struct {
	// Shortest and Longest are what no pause is beyond. An adaptive loop stretches its pauses while
	// most first attempts fail: Longest is stretched in full, Shortest and Mean not at all.
	Shortest, Mean, Longest time.Duration

	// Known is false where only code knows: a Backoff or Jitter of one's own. The times are 0 then,
	// which no pause is below.
	Known bool
}

// Pause returns the pause before a retry, counted from 0. A retry-after of the dependency makes
// another one of it, which nobody can know beforehand: see LongestAfter.
func (p Plan) Pause(n int) Pause {
	q := p.bounds(n)
	if c := p.Retry; q.Known && c.Jitter == retry.Jitter(retry.DecorrelatedJitter) {
		q.Mean = decorrelatedMean(c.BaseDelay, p.maxDelay(), n, p.means)
	}
	return q
}

// LongestAfter returns the longest pause that a retry-after may lead to: it, and on top half of
// it or the longest of the first 20 pauses, whichever is longer. Without jitter nothing goes on
// top. A pause that is not known is left out.
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

// Spread returns by how much that pause may vary, between two calls, that varies most: of the first
// 20, beyond which nothing changes much. 0 where pauses are not known.
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

// bounds is Pause without the mean of decorrelated jitter, which takes some time to find.
func (p Plan) bounds(n int) Pause {
	c := p.Retry
	if c == nil || n < 0 {
		return Pause{}
	}
	s := retry.Step{Retry: n, Base: c.BaseDelay, Max: p.maxDelay(), Multiplier: c.Multiplier}
	backoff, ok := c.Backoff.(retry.StandardBackoff)
	if c.Jitter == retry.Jitter(retry.DecorrelatedJitter) {
		return Pause{ // whatever the backoff
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

// stretchedBase returns the longest that a loop's base delay gets: see retry.Adaptive.
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

// jittered returns what j makes of a delay that is at most longest.
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
