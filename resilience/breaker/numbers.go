package breaker

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// rules are the numbers in force. They may change at any time: see renumber. Whoever decides by
// more than one of them loads them once.
type rules = atomic.Pointer[numbers]

// numbers are a Config's, every default filled in. Whatever decides about a breaker's state goes by
// them, and never by the Config itself: so two breakers of the same numbers can share a state, and
// == cannot forget one.
type numbers struct {
	failureRatio        float64 // 0: off
	minRequests         int
	consecutiveFailures int           // 0: off
	slowCallDuration    time.Duration // 0: off
	slowCallRatio       float64
	openFor, maxOpenFor time.Duration
	minOpenFor          time.Duration // 0: off, openFor does not follow the failures
	halfOpenProbes      int
	minSuccesses        int           // 0: off
	probeTimeout        time.Duration // 0: off
	turns               turns         // of Window and Buckets
}

// numbers returns those of c, which is resolved.
func (c *Config) numbers() numbers {
	return numbers{
		failureRatio: max(c.FailureRatio, 0), minRequests: c.MinRequests,
		consecutiveFailures: max(c.ConsecutiveFailures, 0),
		slowCallDuration:    max(c.SlowCallDuration, 0), slowCallRatio: c.SlowCallRatio,
		turns:   newTurns(c.Window, c.Buckets),
		openFor: c.OpenFor, maxOpenFor: c.MaxOpenFor, minOpenFor: max(c.MinOpenFor, 0),
		halfOpenProbes: c.HalfOpenProbes, minSuccesses: max(c.MinSuccesses, 0), probeTimeout: max(c.ProbeTimeout, 0),
	}
}

// String returns what opens the breaker, and what closes it if that is a number of its own:
// "50%/20", "10 in a row", "50%/20, slow 80%>2s", "50%/20, closes at 2 of 5".
func (n *numbers) String() string {
	var rules []string
	switch {
	case n.failureRatio > 0:
		rules = append(rules, fmt.Sprintf("%v%%/%d", n.failureRatio*100, n.minRequests))
	case n.consecutiveFailures > 0:
		rules = append(rules, fmt.Sprintf("%d in a row", n.consecutiveFailures))
	}
	if n.slowCallDuration > 0 {
		rules = append(rules, fmt.Sprintf("slow %v%%>%v", n.slowCallRatio*100, n.slowCallDuration))
	}
	if n.minSuccesses > 0 {
		rules = append(rules, fmt.Sprintf("closes at %d of %d", n.minSuccesses, n.halfOpenProbes))
	}
	return strings.Join(rules, ", ")
}

// isSlow reports whether a call that took so long is a slow one.
func (n *numbers) isSlow(took time.Duration) bool {
	return n.slowCallDuration > 0 && took > n.slowCallDuration
}

// share reports whether part is at least the given share of whole. It divides: 7 of 100 are 0.07,
// as both are rounded the same, while 0.07 × 100 is a little more than 7.
func share(part, whole uint64, ratio float64) bool {
	return whole > 0 && float64(part)/float64(whole) >= ratio
}

// trips decides over what is known: requests in flight are no outcomes yet.
func (n *numbers) trips(t tally) (tripped, bool) {
	requests := t.requests()
	switch {
	case requests < uint64(n.minRequests):
	case n.failureRatio > 0 && share(t.failures, requests, n.failureRatio):
		return tripped{by: byRatio, count: t.failures, of: requests, unclassified: t.unclassified}, true
	case n.slowCallDuration > 0 && share(t.slow, requests, n.slowCallRatio):
		return tripped{by: bySlow, count: t.slow, of: requests}, true
	}
	return tripped{}, false
}

// reaches reports whether t, and successes that are not slow beside it, may trip.
func (n *numbers) reaches(t tally) bool {
	least := max(t.requests(), uint64(n.minRequests))
	return n.failureRatio > 0 && share(t.failures, least, n.failureRatio) ||
		n.slowCallDuration > 0 && share(t.slow, least, n.slowCallRatio)
}
