package demo

import (
	"context"
	"math/rand/v2"
	"time"
)

// Arrival is a call to make.
type Arrival struct {
	At      time.Duration // since the start
	Backend int           // the index of the backend that it calls
}

// Schedule returns the arrivals of a play in order: a Poisson process with rate arrivals per
// second, for length. Each arrival is for one of the backends, with equal chance. The same seed
// gives the same schedule.
func Schedule(seed uint64, rate float64, length time.Duration, backends int) []Arrival {
	r := rand.New(rand.NewPCG(seed, 1))
	var arrivals []Arrival
	var at time.Duration
	for {
		// The gaps of a Poisson process are exponentially distributed.
		at += time.Duration(r.ExpFloat64() / rate * float64(time.Second))
		if at >= length {
			return arrivals
		}
		arrivals = append(arrivals, Arrival{At: at, Backend: r.IntN(backends)})
	}
}

// pace calls send for each arrival at its time. send must not block. pace returns the most that a
// call was late: more than a few milliseconds only on a machine that is too busy for the demo. It
// stops when ctx ends.
func pace(ctx context.Context, start time.Time, arrivals []Arrival, send func(Arrival)) (lag time.Duration) {
	for _, a := range arrivals {
		due := start.Add(a.At)
		if ctx.Err() != nil || !sleep(ctx.Done(), time.Until(due)) {
			return lag
		}
		lag = max(lag, time.Since(due))
		send(a)
	}
	return lag
}
