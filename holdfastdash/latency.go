package holdfastdash

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets of a histogram: every power of two is cut into subBuckets equal parts, so that the
// middle of a bucket is at most 1/32, about 3 %, off from what was counted there. They begin at a
// microsecond; below it they are 64ns wide. What is longer than 73 minutes is counted in the last.
const (
	unitBits   = 6 // a unit is 64ns
	subBits    = 4
	subBuckets = 1 << subBits
	octaves    = 32
	buckets    = (octaves + 1) * subBuckets
)

// histogram counts durations. Adding is one atomic addition: no lock, no allocation, no look at a
// clock.
type histogram [buckets]atomic.Uint32

func (h *histogram) add(d time.Duration) { h[bucket(d)].Add(1) }

// bucket returns where d is counted.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0)) >> unitBits
	if v < subBuckets {
		return int(v)
	}
	octave := bits.Len64(v) - 1 - subBits
	if octave >= octaves {
		return buckets - 1
	}
	return octave<<subBits + int(v>>octave)
}

// middle returns the duration that stands for all in bucket i.
func middle(i int) time.Duration {
	if i < 2*subBuckets {
		return time.Duration(2*i+1) << unitBits / 2
	}
	octave := i>>subBits - 1
	low := uint64(subBuckets+i&(subBuckets-1)) << octave
	return time.Duration(low<<unitBits + 1<<(octave+unitBits)/2)
}

// counts is what a histogram had counted at some time, or between two. A count that overflows
// starts anew, which a difference does not notice.
type counts [buckets]uint32

// advance sets c to what h has counted by now, and returns what came since c.
func (c *counts) advance(h *histogram) (since counts, total uint64) {
	for i := range h {
		n := h[i].Load()
		since[i] = n - c[i]
		total += uint64(since[i])
		c[i] = n
	}
	return since, total
}

// quantile returns the duration that the part q of total do not exceed. total is above 0.
func (c *counts) quantile(q float64, total uint64) time.Duration {
	rank := uint64(math.Ceil(q * float64(total)))
	var below uint64
	for i, n := range c {
		if below += uint64(n); below >= rank {
			return middle(i)
		}
	}
	return middle(buckets - 1)
}
