package plan

import "math"

// Losing returns how many failures make the breaker lose a round of probes, and open again: 1
// without FailureRatio and MinSuccesses.
func (b Breaker) Losing() int {
	if b.MinSuccesses > 0 {
		return b.HalfOpenProbes - b.MinSuccesses + 1
	}
	if b.FailureRatio <= 0 || b.ConsecutiveFailures == 1 {
		return 1
	}
	n := max(1, int(b.FailureRatio*float64(b.HalfOpenProbes))-1) // then divide as the breaker does
	for float64(n)/float64(b.HalfOpenProbes) < b.FailureRatio {
		n++
	}
	return n
}

// Closes returns the chance that a round of probes closes the breaker, if each probe fails with the
// given chance, independently: the chance that fewer than Losing fail. It ignores that failures in
// a row may lose the round as well.
func (b Breaker) Closes(failing float64) float64 {
	n, losing := float64(b.HalfOpenProbes), b.Losing()
	switch {
	case failing <= 0:
		return 1
	case failing >= 1:
		return 0
	case losing == 1:
		return math.Pow(1-failing, n)
	case losing > exactUpTo: // the normal distribution is close enough
		mean, deviation := n*failing, math.Sqrt(n*failing*(1-failing))
		return math.Erfc((mean-float64(losing)+0.5)/(deviation*math.Sqrt2)) / 2
	}
	chance, all := 0.0, logFactorial(n)
	for k := range losing {
		k := float64(k)
		chance += math.Exp(all - logFactorial(k) - logFactorial(n-k) + k*math.Log(failing) + (n-k)*math.Log1p(-failing))
	}
	return min(1, chance)
}

func logFactorial(n float64) float64 {
	log, _ := math.Lgamma(n + 1)
	return log
}
