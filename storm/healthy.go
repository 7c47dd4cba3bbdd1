package storm

import "math"

const (
	// healthy is the share of calls that succeed where all is well again.
	healthy = 0.95
	// enough is how many calls it takes to call a stretch of time healthy: with fewer, one failure
	// is more than 5 %; and of a service where one call in five fails, one stretch of so many calls
	// in 90 has no failure.
	enough = 20
	// everyday is the share of calls that may fail by chance while all is well.
	everyday = 0.02
	// unlikely is how seldom chance alone is to make a healthy stretch look ill, or an ill one
	// healthy.
	unlikely = 0.001
)

// mayFail is how many of so many calls can fail in a healthy stretch: 5 %, or, where that is more,
// as many as chance alone makes in all but one stretch in a thousand if 2 % of all calls fail. So
// one failure in a second of five calls is no trouble, and three are.
func mayFail(calls int) int {
	share := int(float64(calls)*(1-healthy) + 1e-9)
	if calls >= 1000 {
		return share // chance alone makes less than that
	}
	// P(k failures) of the binomial distribution, from k = 0 on.
	p := math.Pow(1-everyday, float64(calls))
	more := 1 - p // P(more than k)
	k := 0
	for more > unlikely {
		p *= float64(calls-k) / float64(k+1) * everyday / (1 - everyday)
		more -= p
		k++
	}
	return max(share, k)
}

// onlyLuck reports whether so few failures in so many calls may be chance where that share of all
// calls fail: such luck comes in more than one stretch in a thousand.
func onlyLuck(bad, calls int, share float64) bool {
	n, b := float64(calls), float64(bad)
	if calls >= 1000 { // the normal distribution is near enough
		return b+0.5 > n*share-3.09*math.Sqrt(n*share*(1-share))
	}
	var chance float64
	p := math.Pow(1-share, n) // P(k failures) of the binomial distribution, from k = 0 on
	for k := 0.0; k <= b; k++ {
		chance += p
		p *= (n - k) / (k + 1) * share / (1 - share)
	}
	return chance > unlikely
}
