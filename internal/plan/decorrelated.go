package plan

import (
	"math"
	"sync"
	"time"
)

// decorrelatedMean returns the mean of the n-th pause of retry.DecorrelatedJitter, from 0: pₙ =
// min(limit, U(base, 3·pₙ₋₁)), where p₋₁ is the base. No pause is below base, nor above base·3ⁿ⁺¹.
//
// While no pause can reach limit, E(pₙ) = (base + 3·E(pₙ₋₁)) / 2, since the mean of a uniform
// number is linear in its bounds. For later pauses, cappedMeans integrates numerically.
func decorrelatedMean(base, limit time.Duration, n int, capped *means) time.Duration {
	if tripled(base, n+1, limit) < limit {
		mean := float64(base)
		for range n + 1 {
			mean = (float64(base) + 3*mean) / 2
		}
		return time.Duration(mean)
	}
	return min(limit, time.Duration(min(capped.at(base, limit, n), float64(1<<62))))
}

// means caches the result of cappedMeans for one loop: it takes milliseconds, and a schedule needs
// up to a thousand means. It is safe for concurrent use, since copies of a Plan share it.
type means struct {
	mu          sync.Mutex
	base, limit time.Duration
	all         []float64
}

func (m *means) at(base, limit time.Duration, n int) float64 {
	if m == nil { // a Plan that was not made by Of
		m = &means{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || m.base != base || m.limit != limit { // a copy of a plan may have another loop
		m.base, m.limit, m.all = base, limit, cappedMeans(float64(base), float64(limit))
	}
	return m.all[min(n, len(m.all)-1)]
}

// tripled returns d · 3ⁿ, or limit if that is less.
func tripled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		if d > limit/3 {
			return limit
		}
		d *= 3
	}
	return min(d, limit)
}

const (
	gridPoints = 1024
	maxSteps   = 64 // the distribution of pauses is stationary long before
)

// cappedMeans returns E(p₀), E(p₁), …, until they no longer change. It computes them on a grid of
// pauses from base to limit, in equal factors. mean[i] is the expected pause some steps after a
// pause of grid[i]; each round goes one step further ahead:
//
//	mean'(y) = 1/(3y-base) · (∫ from base to min(3y, limit) of mean(u) du + max(0, 3y-limit) · mean(limit))
func cappedMeans(base, limit float64) []float64 {
	if base >= limit {
		return []float64{limit}
	}
	var all []float64
	grid, mean, sum := make([]float64, gridPoints), make([]float64, gridPoints), make([]float64, gridPoints)
	factor := math.Pow(limit/base, 1.0/(gridPoints-1))
	for i, y := 0, base; i < gridPoints; i, y = i+1, y*factor {
		grid[i], mean[i] = y, y
	}
	grid[gridPoints-1], mean[gridPoints-1] = limit, limit
	for range maxSteps + 1 {
		for i := 1; i < gridPoints; i++ {
			sum[i] = sum[i-1] + (grid[i]-grid[i-1])*(mean[i]+mean[i-1])/2
		}
		next := make([]float64, gridPoints)
		for i, y := range grid {
			within := sum[gridPoints-1]
			if 3*y < limit {
				within = integralTo(3*y, grid, mean, sum, factor)
			}
			next[i] = (within + max(0, 3*y-limit)*mean[gridPoints-1]) / (3*y - base)
		}
		mean = next
		all = append(all, mean[0])
	}
	return all
}

// integralTo returns the integral of mean from the first point of the grid to x.
func integralTo(x float64, grid, mean, sum []float64, factor float64) float64 {
	i := min(int(math.Log(x/grid[0])/math.Log(factor)), gridPoints-2)
	part := (x - grid[i]) / (grid[i+1] - grid[i])
	at := mean[i] + part*(mean[i+1]-mean[i])
	return sum[i] + (x-grid[i])*(mean[i]+at)/2
}
