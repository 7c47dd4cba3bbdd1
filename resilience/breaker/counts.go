package breaker

import "iter"

// Counts are the outcomes in the window: of the attempts if the breaker stands inside a retry loop,
// of the calls if outside. While half-open they are those of the round of probes, and they are zero
// while no call passes. With a MinOpenFor they are those of the last HalfOpenProbes probes from the
// opening to the closing, and Excluded is 0 then. A change of state clears them. Calls in flight
// are not in them.
type Counts struct {
	Requests  uint64 `json:"requests"`  // successes and failures: what FailureRatio and MinRequests go by
	Successes uint64 `json:"successes"` // the caller's mistakes (Permanent) among them
	Failures  uint64 `json:"failures"`

	Unclassified uint64 `json:"unclassified"` // of the failures, those that nobody has classified
	Slow         uint64 `json:"slow"`         // of the requests, those that took longer than SlowCallDuration
	Excluded     uint64 `json:"excluded"`     // outcomes that say nothing about the dependency, and so are no requests

	// ConsecutiveFailures is how many failures in a row there were up to now, over any time.
	ConsecutiveFailures uint64 `json:"consecutive_failures"`
}

// ByOutcome returns what of c is shown as a metric: the numbers of success, failure, unclassified
// (of the failures), slow (of both) and excluded, by those names and in that order.
func (c Counts) ByOutcome() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		_ = yield("success", c.Successes) && yield("failure", c.Failures) && yield("unclassified", c.Unclassified) &&
			yield("slow", c.Slow) && yield("excluded", c.Excluded)
	}
}

// tally is a sum of outcomes.
type tally struct{ successes, failures, unclassified, slow, excluded uint64 }

func (t *tally) add(successes uint64, f faults) {
	t.successes += successes
	t.failures += uint64(f.failures)
	t.unclassified += uint64(f.unclassified)
	t.slow += uint64(f.slow)
	t.excluded += uint64(f.excluded)
}

// count adds one outcome.
func (t *tally) count(o outcome, slow bool) {
	switch o {
	case excluded:
		t.excluded++
		return
	case success:
		t.successes++
	case unclassified:
		t.unclassified++
		t.failures++
	case failure:
		t.failures++
	}
	if slow {
		t.slow++
	}
}

func (t *tally) requests() uint64 { return t.successes + t.failures }

func (t *tally) counts(row uint64) Counts {
	return Counts{
		Requests: t.requests(), Successes: t.successes, Failures: t.failures,
		Unclassified: t.unclassified, Slow: t.slow, Excluded: t.excluded, ConsecutiveFailures: row,
	}
}
