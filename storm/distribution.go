package storm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
)

// Distribution is how long something takes. A nil Distribution stands for no time at all. One of
// your own is called by one goroutine at a time, and must draw from nothing but rnd, or the storm
// cannot be repeated. A negative result is taken for 0.
type Distribution interface {
	Draw(rnd *rand.Rand) time.Duration
}

// Fixed always takes that long.
type Fixed time.Duration

// Draw returns the time.
func (d Fixed) Draw(*rand.Rand) time.Duration { return time.Duration(d) }

// Exponential is distributed exponentially, with that mean. However long the work has taken, as
// much as ever is still to be expected.
type Exponential time.Duration

// Draw returns a time drawn from rnd.
func (d Exponential) Draw(rnd *rand.Rand) time.Duration {
	return longest(rnd.ExpFloat64() * float64(d))
}

// LogNormal has a long tail: half of what it draws is below Median, one in a hundred above P99.
// Most services measure like that.
type LogNormal struct {
	Median time.Duration
	P99    time.Duration // at least Median
}

// normalP99 is the 99th percentile of the standard normal distribution.
const normalP99 = 2.3263478740408408

// Draw returns a time drawn from rnd.
func (d LogNormal) Draw(rnd *rand.Rand) time.Duration {
	sigma := math.Log(float64(d.P99)/float64(d.Median)) / normalP99
	return longest(float64(d.Median) * math.Exp(sigma*rnd.NormFloat64()))
}

// TwoPoint takes the time Usual, or, in a share of the cases, Rare: a cache and its misses.
type TwoPoint struct {
	Usual time.Duration
	Rare  time.Duration
	Share float64 // of Rare: 0 to 1
}

// Draw returns a time drawn from rnd.
func (d TwoPoint) Draw(rnd *rand.Rand) time.Duration {
	if rnd.Float64() < d.Share {
		return d.Rare
	}
	return d.Usual
}

// Normal is distributed normally, and what is below 0 is folded to above it: |Normal(Mean,
// Deviation)|.
type Normal struct {
	Mean      time.Duration
	Deviation time.Duration
}

// Draw returns a time drawn from rnd.
func (d Normal) Draw(rnd *rand.Rand) time.Duration {
	return longest(math.Abs(float64(d.Mean) + float64(d.Deviation)*rnd.NormFloat64()))
}

// longest is that many nanoseconds, but no more than any scenario lasts.
func longest(ns float64) time.Duration {
	if !(ns < float64(maxFor)) { // or it is no number
		return maxFor
	}
	return time.Duration(ns)
}

// draw returns how long something takes that is distributed so.
func draw(d Distribution, rnd *rand.Rand) time.Duration {
	if d == nil {
		return 0
	}
	return min(max(0, d.Draw(rnd)), maxFor)
}

// checkDistribution notes what is wrong with d, the value of field.
func checkDistribution(c *check.Check, field string, d Distribution) {
	if d != nil && isNil(d) {
		c.Fail(field, fmt.Sprintf("%T(nil)", d), "want a Distribution, or nil of no type for no time")
		return
	}
	switch d := d.(type) {
	case Fixed:
		if d < 0 {
			c.Fail(field, time.Duration(d), "want at least 0")
		}
	case Exponential:
		if d < 0 {
			c.Fail(field, time.Duration(d), "want a mean of at least 0")
		}
	case LogNormal:
		if d.Median <= 0 {
			c.Fail(field+".Median", d.Median, "want more than 0")
		}
		if d.P99 < d.Median {
			c.Fail(field+".P99", d.P99, "want at least Median (%v)", d.Median)
		}
	case TwoPoint:
		if d.Usual < 0 || d.Rare < 0 {
			c.Fail(field, d, "want times of at least 0")
		}
		checkShare(c, field+".Share", d.Share)
	case Normal:
		if d.Deviation < 0 {
			c.Fail(field+".Deviation", d.Deviation, "want at least 0")
		}
	}
}

// checkShare notes if v, the value of field, is no share of a whole.
func checkShare(c *check.Check, field string, v float64) {
	if !(v >= 0 && v <= 1) {
		c.Fail(field, v, "want a share from 0 to 1")
	}
}
