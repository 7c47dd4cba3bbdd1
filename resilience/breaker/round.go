package breaker

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// round is one time of being half-open: the probes under way, and what came of the others. All but
// expires is under the machine's mu.
//
// A probe that ends without an outcome (its caller gave up, say) leaves its place to another, with
// the time at which the place was first taken: so however many of them come, ProbeTimeout ends the
// round.
type round struct {
	tally
	good                 uint64 // successes that were not slow
	row, rowUnclassified uint64
	example              error // the last that nobody has classified
	places               []*place
	expires              atomic.Int64 // a mono.Time: when the oldest place has had its time; never if there is none

	resized   bool        // HalfOpenProbes has changed since it began: see enter
	timer     *time.Timer // tells of that; nil if it is not set
	stoppable bool        // the timer is from outside a bubble
	teller    *Breaker    // whose observer it tells; nil if none of the probes' has one
}

const never = math.MaxInt64

// expired reports whether a place has had its time by now.
func (r *round) expired(now mono.Time) bool { return int64(now) >= r.expires.Load() }

// outcome counts what came of a probe, whose error err was, and decides. The round is over if it is
// lost or won.
func (r *round) outcome(n *numbers, o outcome, slow bool, err error) (by tripped, lost, won bool) {
	r.count(o, slow)
	switch o {
	case excluded:
		return tripped{}, false, false
	case success:
		r.row, r.rowUnclassified = 0, 0
		if !slow {
			r.good++
		}
	case unclassified:
		r.example = err
		r.rowUnclassified++
		r.row++
	case failure:
		r.row++
	}
	return r.decide(n)
}

// decide says whether the round is over by now.
func (r *round) decide(n *numbers) (by tripped, lost, won bool) {
	if by, lost = r.lost(n); lost {
		return by, true, false
	}
	if n.minSuccesses > 0 {
		return tripped{}, false, r.good >= uint64(n.minSuccesses)
	}
	return tripped{}, false, r.requests() >= uint64(n.halfOpenProbes)
}

// lost reports whether the round has failed, whatever those say that are still to come, and by
// what. With MinSuccesses, too few are left for that. Else the rules are those of the closed state,
// with the round for the window. Without a failure ratio, one failure is enough. More outcomes than
// HalfOpenProbes, which has been lowered since, are all counted.
func (r *round) lost(n *numbers) (tripped, bool) {
	t := r.tally
	probes := max(uint64(n.halfOpenProbes), t.requests())
	failed := tripped{count: t.failures, of: probes, unclassified: t.unclassified, example: r.example}
	switch {
	case n.minSuccesses > 0:
		failed.by, failed.count = byTooFew, t.requests()-r.good
		return failed, failed.count > probes-uint64(n.minSuccesses)
	case t.failures > 0 && (n.failureRatio == 0 || n.consecutiveFailures == 1):
		failed.by = byFailure
		return failed, true
	case n.consecutiveFailures > 0 && r.row >= uint64(n.consecutiveFailures):
		failed.by, failed.count, failed.unclassified = byRow, r.row, r.rowUnclassified
		return failed, true
	case n.failureRatio > 0 && share(t.failures, probes, n.failureRatio):
		failed.by = byRatio
		return failed, true
	case n.slowCallDuration > 0 && share(t.slow, probes, n.slowCallRatio):
		return tripped{by: bySlow, count: t.slow, of: probes}, true
	}
	return tripped{}, false
}
