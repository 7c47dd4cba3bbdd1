package ratelimit

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Config is a rate limit as data. Its zero value is an error: nobody but you knows the Rate.
type Config struct {
	// Rate is how many calls a second pass in the long run: 0.5 is one every two seconds. There is
	// no default; -1: no limit. From 1e-6, which is a call in eleven days, to 1e9.
	Rate float64

	// Burst is how many tokens the bucket holds: so many calls pass at once after a quiet time, and
	// so up to Burst + Rate within a second (and those for which a token was given back: see
	// [Limiter.Release]). A new bucket is full. Default 0: those of one second,
	// rounded up.
	Burst int

	// MaxWait is how long a call may wait for a token, in order of arrival. Default 0: it does not
	// wait; -1: as long as its ctx lives. A call whose token comes later than that, or not before
	// its ctx's deadline, is refused at once.
	MaxWait time.Duration
}

const (
	minRate = 1e-6
	maxRate = 1e9
)

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	l, err := New(c)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Resolve returns c with every default filled in, or an error that names every wrong field.
func (c Config) Resolve() (Config, error) {
	p := check.Stage("ratelimit")
	c.Rate = check.Number(p, "Rate", c.Rate, check.Range[float64]{Min: minRate, Max: maxRate, Off: "for no limit"})
	c.Burst = check.Number(p, "Burst", c.Burst, check.Range[int]{Max: math.MaxInt32, Zero: "for the calls of one second"})
	if c.Burst == 0 {
		c.Burst = int(math.Ceil(max(1, c.Rate)))
	}
	c.MaxWait = check.Number(p, "MaxWait", c.MaxWait, check.Range[time.Duration]{Zero: "for no wait", Off: "to wait as long as the ctx lives"})
	return c, p.Err()
}
