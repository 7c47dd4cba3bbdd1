package breaker

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Config is a breaker as data. The zero value is a sound breaker.
type Config struct {
	// Name is shown in errors and events. Default: the pipeline's name.
	Name string

	// FailureRatio opens the breaker when this part of the outcomes in the Window are failures,
	// and there are at least MinRequests of them. Above 0 and at most 1. Default 0.5; -1 turns it off.
	FailureRatio float64

	// MinRequests is how many outcomes the window must hold before FailureRatio counts.
	// Default 20.
	MinRequests int

	// ConsecutiveFailures opens the breaker after so many failures in a row, however long they take: for a
	// dependency with too little traffic for a ratio, or attempts that hang for longer than the Window. Default 10; -1 turns it off.
	ConsecutiveFailures int

	// Window is how long an outcome counts for FailureRatio, from when its call began: that of a call which takes longer
	// than that does not count. Default 10s.
	Window time.Duration

	// Buckets is how many parts the Window is forgotten in. Default 10.
	Buckets int

	// OpenFor is how long the breaker stays open before it probes. Default 5s. Each failed
	// round of probes doubles it, up to MaxOpenFor; those longer pauses are shortened by up
	// to a quarter at random, so that a fleet does not probe in step.
	OpenFor time.Duration

	// MaxOpenFor is the longest that OpenFor grows to. Default 10s, or OpenFor if that is longer.
	MaxOpenFor time.Duration

	// HalfOpenProbes is how many calls may pass while half-open, and how many have to
	// succeed in a row to close the breaker. Default 3.
	HalfOpenProbes int

	// ProbeTimeout is how long after the last probe began the probes that are still under way
	// count as failed, so that one that hangs does not keep the breaker half-open for ever. The probe itself is
	// not cut short: that is a deadline's work. Default 10s; -1 waits for ever.
	ProbeTimeout time.Duration

	// Classify decides what an error means: Transient and Overload are failures, Success and
	// Permanent successes, and Canceled and Rejected count as nothing. Default: resilience.Classify.
	Classify resilience.Classifier
}

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	b, err := New(c)
	if err != nil {
		return nil, err
	}
	return b, nil
}

const (
	maxCount   = math.MaxInt32
	maxBuckets = 10_000
)

// Resolve returns c with every default filled in (-1 stays for what is off), or an error that
// names every wrong field.
func (c Config) Resolve() (Config, error) {
	p := check.Stage("breaker")
	r := c
	if c.FailureRatio == 0 {
		r.FailureRatio = 0.5
	} else if math.IsNaN(c.FailureRatio) || c.FailureRatio > 1 || c.FailureRatio < 0 && c.FailureRatio != check.Off {
		p.Fail("FailureRatio", c.FailureRatio, "want above 0 and at most 1, 0 for the default (0.5), or -1 to turn it off")
	}
	r.MinRequests = p.Int("MinRequests", c.MinRequests, 20, maxCount)
	r.ConsecutiveFailures = p.IntOrOff("ConsecutiveFailures", c.ConsecutiveFailures, 10, check.Off, maxCount)
	r.Window = p.Duration("Window", c.Window, 10*time.Second)
	r.Buckets = p.Int("Buckets", c.Buckets, 10, maxBuckets)
	r.OpenFor = p.Duration("OpenFor", c.OpenFor, 5*time.Second)
	r.MaxOpenFor = p.Duration("MaxOpenFor", c.MaxOpenFor, max(10*time.Second, r.OpenFor))
	r.HalfOpenProbes = p.Int("HalfOpenProbes", c.HalfOpenProbes, 3, maxCount)
	r.ProbeTimeout = p.DurationOrOff("ProbeTimeout", c.ProbeTimeout, 10*time.Second, check.Off)
	if r.MaxOpenFor < r.OpenFor {
		p.Fail("MaxOpenFor", r.MaxOpenFor, "want at least OpenFor (%v)", r.OpenFor)
	}
	if r.Window < time.Duration(r.Buckets) {
		p.Fail("Window", r.Window, "want at least a nanosecond for each of the Buckets (%d)", r.Buckets)
	}
	if r.FailureRatio == check.Off && r.ConsecutiveFailures == check.Off {
		p.Fail("FailureRatio", -1, "with ConsecutiveFailures off as well, the breaker could never open; turn one of them on")
	}
	return r, p.Err()
}

// sameNumbers reports whether c and d, both resolved, differ in Name and Classify at most.
func (c Config) sameNumbers(d Config) bool {
	return c.FailureRatio == d.FailureRatio && c.MinRequests == d.MinRequests &&
		c.ConsecutiveFailures == d.ConsecutiveFailures && c.Window == d.Window && c.Buckets == d.Buckets &&
		c.OpenFor == d.OpenFor && c.MaxOpenFor == d.MaxOpenFor &&
		c.HalfOpenProbes == d.HalfOpenProbes && c.ProbeTimeout == d.ProbeTimeout
}
