package model

import (
	"slices"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// cost is how long failures took: the mean of about the last four.
type cost struct {
	mean  time.Duration
	count int
}

// add notes a failure. One that took longer than OpenFor counts as that.
func (c *cost) add(took, openFor time.Duration) {
	c.count = min(c.count+1, 4)
	c.mean += (min(took, openFor) - c.mean) / time.Duration(c.count)
}

// follows reports whether the pauses follow the failures: an opening ends as it began.
func (b *Breaker) follows() bool { return b.inSeries }

// ProbesInSeries reports whether an open breaker probes one at a time, which its Config does not
// say once its numbers have changed.
func (b *Breaker) ProbesInSeries() bool { return b.state == resilience.StateOpen && b.follows() }

// slow reports whether a call that took so long is a slow one.
func (b *Breaker) slow(took time.Duration) bool {
	return b.Config.SlowCallDuration > 0 && took > b.Config.SlowCallDuration
}

// pause returns between which times chance chooses where failures took so long.
func (b *Breaker) pause(took time.Duration) (least, most time.Duration) {
	least = max(b.minOpenFor, min(took, b.Config.OpenFor-b.Config.OpenFor/5))
	return least, least + min(least/4, b.Config.OpenFor-least)
}

// await sets when the next probe of a series may begin. As long as the oldest has been under way is
// the least pause.
func (b *Breaker) await(now time.Time) {
	took := b.cost.mean
	if len(b.series) > 0 {
		took = max(took, now.Sub(b.series[0].Began))
	}
	least, most := b.pause(took)
	b.least, b.most = b.latest.Add(least), b.latest.Add(most)
}

// probe begins a probe of a series.
func (b *Breaker) probe(now time.Time) *BreakerCall {
	b.latest = now
	b.await(now)
	c := &BreakerCall{Began: now, epoch: b.epoch}
	b.series = append(b.series, c)
	return c
}

// passSeries makes failures of the probes of a series that have had their time.
func (b *Breaker) passSeries(now time.Time) {
	limit := b.Config.ProbeTimeout
	for limit > 0 && len(b.series) > 0 && now.Sub(b.series[0].Began) >= limit {
		b.outcomes = append(b.outcomes, outcome{began: b.series[0].Began, is: Failure, slow: b.slow(limit)})
		b.cost.add(limit, b.Config.OpenFor)
		b.series = b.series[1:]
	}
}

// probedOfSeries takes note of what came of a probe, and closes the breaker if that is enough.
func (b *Breaker) probedOfSeries(c *BreakerCall, o outcome, now time.Time) {
	i := slices.Index(b.series, c)
	if i < 0 {
		return // it has had its time
	}
	b.series = slices.Delete(b.series, i, i+1)
	took := now.Sub(c.Began)
	if o.is == Nothing {
		if took = min(took, b.Config.OpenFor); took > b.cost.mean {
			b.cost.mean = took
			b.await(now)
		}
		return
	}
	b.outcomes = append(b.outcomes, o)
	if o.is != Success || o.slow {
		b.cost.add(took, b.Config.OpenFor)
		b.await(now)
		return
	}
	if b.enough() {
		b.change(resilience.StateClosed, now)
		return
	}
	least, most := b.pause(0) // soon, if it is not sooner anyway
	if at := now.Add(least); at.Before(b.least) {
		b.least = at
	}
	if at := now.Add(most); at.Before(b.most) {
		b.most = at
	}
}

// recent returns the last HalfOpenProbes outcomes of a series, or fewer if there are no more.
func (b *Breaker) recent() []outcome {
	return b.outcomes[max(b.lost, len(b.outcomes)-b.Config.HalfOpenProbes):]
}

// enough reports whether the latest outcomes close the breaker. The missing ones failed, and were
// slow.
func (b *Breaker) enough() bool {
	good, failed, slow := 0, 0, 0
	for _, o := range b.recent() {
		if o.is != Success {
			failed++
		}
		if o.slow {
			slow++
		}
		if o.is == Success && !o.slow {
			good++
		}
	}
	c := b.Config
	if c.MinSuccesses > 0 {
		return good >= c.MinSuccesses
	}
	missing, of := c.HalfOpenProbes-len(b.recent()), float64(c.HalfOpenProbes)
	failed, slow = failed+missing, slow+missing
	if failed > 0 && (c.FailureRatio < 0 || c.ConsecutiveFailures == 1) {
		return false
	}
	return !(c.FailureRatio > 0 && float64(failed)/of >= c.FailureRatio || c.SlowCallDuration > 0 && float64(slow)/of >= c.SlowCallRatio)
}
