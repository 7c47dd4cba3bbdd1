package demo

import (
	"context"
	"math/rand/v2"
	"time"
)

// Arrival is a call that somebody wants to make.
type Arrival struct {
	At      time.Duration // since the start
	Backend int           // which one it needs: an index of the client's backends
}

// Schedule returns the arrivals of a play, in order: a Poisson process of rate arrivals a second
// for a time of length, each for one of so many backends with equal chance. The same seed
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

// pace calls send for each arrival when its time has come, and never waits for what send
// starts. It returns the most that a call was late by, which is above a few milliseconds only
// on a machine that is too busy for the demo; and stops early when ctx ends.
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
