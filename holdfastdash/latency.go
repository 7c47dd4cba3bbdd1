package holdfastdash

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets of a histogram. Every power of two is divided into subBuckets equal parts, so the
// middle of a bucket differs from a counted duration by at most 1/32, about 3 %. That begins at
// about 1 µs; below that, buckets are 64 ns wide. Durations above 73 minutes are counted in the
// last bucket.
const (
	unitBits   = 6 // a unit is 64ns
	subBits    = 4
	subBuckets = 1 << subBits
	octaves    = 32
	buckets    = (octaves + 1) * subBuckets
)

// histogram counts durations. add is one atomic addition: it takes no lock, does not allocate, and
// reads no clock.
type histogram [buckets]atomic.Uint32

func (h *histogram) add(d time.Duration) { h[bucket(d)].Add(1) }

// bucket returns the index of the bucket for d.
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

// middle returns the middle of bucket i, which stands for all its durations.
func middle(i int) time.Duration {
	if i < 2*subBuckets {
		return time.Duration(2*i+1) << unitBits / 2
	}
	octave := i>>subBits - 1
	low := uint64(subBuckets+i&(subBuckets-1)) << octave
	return time.Duration(low<<unitBits + 1<<(octave+unitBits)/2)
}

// counts holds the counts of a histogram at some time, or the difference between two times. A
// difference is right even if a count overflowed, since unsigned subtraction wraps.
type counts [buckets]uint32

// advance sets c to the current counts of h, and returns the difference to the old c.
func (c *counts) advance(h *histogram) (since counts, total uint64) {
	for i := range h {
		n := h[i].Load()
		since[i] = n - c[i]
		total += uint64(since[i])
		c[i] = n
	}
	return since, total
}

// quantile returns the q-quantile: the share q of the durations does not exceed it. total is the
// sum of the counts, and must be above 0.
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
