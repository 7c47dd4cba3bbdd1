package breaker

import "time"

// cost is how long failures of late took, which is what a failure costs the dependency as far as a
// caller can see. Each one moves it by a quarter of the difference, the first ones by more: it is
// the mean of about the last four. Slow calls count as failures here.
type cost struct {
	mean time.Duration
	seen uint8 // how many moved it, up to costOver
}

const costOver = 4

// add takes note of a failure that took so long. What took longer than most counts as that: one
// that hung for an hour must not outweigh all the others.
func (c *cost) add(took, most time.Duration) {
	if c.seen < costOver {
		c.seen++
	}
	c.mean += (max(0, min(took, most)) - c.mean) / time.Duration(c.seen)
}

// atLeast takes note of a call that was given up after it had taken so long, and reports whether
// that raised the mean. Nobody knows how long it would have taken, so it never lowers it.
func (c *cost) atLeast(took, most time.Duration) (raised bool) {
	took = min(took, most)
	if took <= c.mean {
		return false
	}
	c.mean = took
	return true
}
