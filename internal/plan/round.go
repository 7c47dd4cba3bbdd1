package plan

import "math"

// Losing returns how many failures lose a round of the breaker's probes: 1 without a failure ratio
// and MinSuccesses.
func (b Breaker) Losing() int {
	if b.MinSuccesses > 0 {
		return b.HalfOpenProbes - b.MinSuccesses + 1
	}
	if b.FailureRatio <= 0 || b.ConsecutiveFailures == 1 {
		return 1
	}
	n := max(1, int(b.FailureRatio*float64(b.HalfOpenProbes))-1) // and by the division that a breaker goes by
	for float64(n)/float64(b.HalfOpenProbes) < b.FailureRatio {
		n++
	}
	return n
}

// Closes returns the chance that a round of probes closes the breaker, where each fails with the
// given chance, whatever the others do: that fewer fail than lose it. That several in a row may
// lose it as well is left out.
func (b Breaker) Closes(failing float64) float64 {
	n, losing := float64(b.HalfOpenProbes), b.Losing()
	switch {
	case failing <= 0:
		return 1
	case failing >= 1:
		return 0
	case losing == 1:
		return math.Pow(1-failing, n)
	case losing > exactUpTo: // the normal distribution is near enough
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
