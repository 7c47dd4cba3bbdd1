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

	// FailureRatio opens the breaker when this part of the outcomes in the Window are failures, and
	// there are at least MinRequests of them. Above 0 and at most 1. Default 0.5; -1 turns it off.
	FailureRatio float64

	// MinRequests is how many outcomes the window must hold before FailureRatio counts.
	// Default 20.
	MinRequests int

	// ConsecutiveFailures opens the breaker after so many failures in a row, however long they
	// take: for a dependency with too little traffic for a ratio, or attempts that hang for longer
	// than the Window. Default 10; -1 turns it off.
	ConsecutiveFailures int

	// SlowCallDuration makes a call slow that takes longer, whether it succeeds or fails, and the
	// breaker open when SlowCallRatio of the outcomes in the Window were slow, and there are at
	// least MinRequests of them. It costs a second look at the clock. Default 0: off, as -1 is.
	// (As slowCallDurationThreshold in resilience4j 2.4.)
	SlowCallDuration time.Duration

	// SlowCallRatio is the part of slow calls that opens the breaker, above 0 and at most 1.
	// Default 1. It wants a SlowCallDuration.
	SlowCallRatio float64

	// Window is how long an outcome counts for the ratios, from when its call began: that of a call
	// which takes longer than that does not count. Default 10s.
	Window time.Duration

	// Buckets is how many parts the Window is forgotten in. An outcome is forgotten with the part
	// in which its call began, so it counts for up to one part less than Window, and never for
	// more. The parts are counted from when the breaker was made, or closed. With one bucket all
	// are forgotten at once. Default 10; at most 10,000.
	Buckets int

	// OpenFor is the least time that the breaker stays open before it probes. Default 5s. Each
	// failed round of probes doubles it, up to MaxOpenFor. Up to a quarter is added at random, from
	// the first time on, so that a fleet does not probe in step.
	OpenFor time.Duration

	// MaxOpenFor is the longest that OpenFor grows to, before that quarter. Default 10s, or OpenFor
	// if that is longer.
	MaxOpenFor time.Duration

	// MinOpenFor, if set, makes the time that the breaker stays open follow the failures: it is the
	// least pause, OpenFor is the longest, and between them a pause is about as long as failures of
	// late took. So a dependency that refuses at once is asked again soon, and one that hangs is
	// left alone: see the package comment, "Pauses that follow the failures". Every pause is spread
	// by up to a quarter at random, but never beyond OpenFor: where both are equal, a fleet probes
	// in step. MaxOpenFor has no effect with it. At most OpenFor. Default 0: off, as -1 is.
	MinOpenFor time.Duration

	// HalfOpenProbes is how many calls may pass while half-open, and how many outcomes decide: the
	// breaker opens again as soon as it is certain that FailureRatio (or SlowCallRatio) of them
	// will have failed, or when ConsecutiveFailures in a row have; else it closes when all are
	// there. Without a FailureRatio one failure opens it. Default 3, or MinSuccesses if that is
	// more.
	HalfOpenProbes int

	// MinSuccesses, if set, is how many of the HalfOpenProbes have to succeed, and decides a round
	// of them alone, instead of the ratios and ConsecutiveFailures: the breaker closes as soon as
	// so many have succeeded, and opens again as soon as too many have failed for that. A success
	// that is slow (SlowCallDuration) does not count as one. At most HalfOpenProbes: as many means
	// that no probe may fail. Default 0: off, as -1 is. (As WithSuccessThreshold in failsafe-go
	// v0.9.8.)
	MinSuccesses int

	// ProbeTimeout is how long a probe may take. A round of probes with one that is still under way
	// then has failed, so that one that hangs does not keep the breaker half-open for ever. The
	// probe itself is not cut short: that is a deadline's work. A probe that ends without an
	// outcome (its caller gave up, say) leaves its place, and what is left of its time, to the
	// next: a round in which nothing comes out fails as well. Default 10s; -1 waits for ever.
	ProbeTimeout time.Duration

	// IgnoreUnclassified leaves out errors that nobody has classified (resilience.Unclassified), as
	// if the calls had not been made. Default false: they are failures, as nobody knows that they
	// are harmless.
	IgnoreUnclassified bool

	// Fleet shares the breaker's counts with the fleet that follows it. The fleet may then open it,
	// and say when it probes: see package fleet. The breaker itself does not look at this field. An
	// Update that changes nothing else keeps state and counts. It has no effect in a program that
	// joins no fleet, nor on the breakers of a Keyed's keys, which are never followed. Default
	// false: a fleet follows the breaker only if the program names its service or its pipeline.
	Fleet bool

	// Classify says what errors mean that do not explain themselves: see resilience.Assess.
	// Transient, Overload and Unclassified are failures, Success and Permanent successes, and
	// Canceled and Rejected count as nothing. Where it has no word (Unclassified), and by default,
	// that is resilience.Classify. In a pipeline holdfast.Classify sets it for all stages at once.
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
	const off = "to turn it off"
	p := check.Stage("breaker")
	r := c
	r.FailureRatio = check.Number(p, "FailureRatio", c.FailureRatio, check.Range[float64]{Max: 1, Default: 0.5, Off: off})
	r.MinRequests = check.Number(p, "MinRequests", c.MinRequests, check.Range[int]{Max: maxCount, Default: 20})
	r.ConsecutiveFailures = check.Number(p, "ConsecutiveFailures", c.ConsecutiveFailures, check.Range[int]{Max: maxCount, Default: 10, Off: off})
	r.SlowCallDuration = check.Number(p, "SlowCallDuration", c.SlowCallDuration, check.Range[time.Duration]{Zero: off, Off: off})
	r.SlowCallRatio = check.Number(p, "SlowCallRatio", c.SlowCallRatio, check.Range[float64]{Max: 1, Default: 1})
	r.Window = check.Number(p, "Window", c.Window, check.Range[time.Duration]{Default: 10 * time.Second})
	r.Buckets = check.Number(p, "Buckets", c.Buckets, check.Range[int]{Max: maxBuckets, Default: 10})
	r.OpenFor = check.Number(p, "OpenFor", c.OpenFor, check.Range[time.Duration]{Default: 5 * time.Second})
	r.MaxOpenFor = check.Number(p, "MaxOpenFor", c.MaxOpenFor, check.Range[time.Duration]{Default: max(10*time.Second, r.OpenFor)})
	r.MinOpenFor = check.Number(p, "MinOpenFor", c.MinOpenFor, check.Range[time.Duration]{Zero: off, Off: off})
	r.MinSuccesses = check.Number(p, "MinSuccesses", c.MinSuccesses, check.Range[int]{Max: maxCount, Zero: off, Off: off})
	r.HalfOpenProbes = check.Number(p, "HalfOpenProbes", c.HalfOpenProbes, check.Range[int]{Max: maxCount, Default: max(3, r.MinSuccesses)})
	r.ProbeTimeout = check.Number(p, "ProbeTimeout", c.ProbeTimeout, check.Range[time.Duration]{Default: 10 * time.Second, Off: "for no limit"})
	c.checkTogether(p, &r)
	return r, p.Err()
}

// checkTogether notes what the fields of c, resolved to r, cannot do together.
func (c Config) checkTogether(p *check.Check, r *Config) {
	if r.SlowCallDuration == 0 {
		r.SlowCallDuration = check.Off
		if c.SlowCallRatio > 0 {
			p.Refuse("SlowCallRatio", c.SlowCallRatio, resilience.Rule{Needs: "SlowCallDuration", Why: "it says what is slow"})
		}
	}
	if r.MinSuccesses == 0 {
		r.MinSuccesses = check.Off
	}
	if r.MinOpenFor == 0 {
		r.MinOpenFor = check.Off
	}
	if r.MinOpenFor > r.OpenFor {
		p.Refuse("MinOpenFor", r.MinOpenFor, resilience.Rule{AtMost: &resilience.Bound{Field: "OpenFor", Value: r.OpenFor}})
	}
	if r.HalfOpenProbes < r.MinSuccesses {
		p.Refuse("HalfOpenProbes", r.HalfOpenProbes, resilience.Rule{AtLeast: &resilience.Bound{Field: "MinSuccesses", Value: r.MinSuccesses}})
	}
	if r.MaxOpenFor < r.OpenFor {
		p.Refuse("MaxOpenFor", r.MaxOpenFor, resilience.Rule{AtLeast: &resilience.Bound{Field: "OpenFor", Value: r.OpenFor}})
	}
	if r.Window < time.Duration(r.Buckets) {
		p.Refuse("Window", r.Window, resilience.Rule{AtLeast: &resilience.Bound{Field: "Buckets", Value: r.Buckets, Each: time.Nanosecond}})
	}
	if r.FailureRatio == check.Off && r.ConsecutiveFailures == check.Off && r.SlowCallDuration == check.Off {
		p.Refuse("FailureRatio", -1.0, resilience.Rule{
			AnyOn: []string{"FailureRatio", "ConsecutiveFailures", "SlowCallDuration"}, Why: "else the breaker could never open",
		})
	}
}
