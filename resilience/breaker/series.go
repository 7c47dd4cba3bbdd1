package breaker

import (
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// series is how a breaker with a MinOpenFor finds out whether to close: one probe each pause, until
// enough of the latest outcomes are good. There is one from the opening to the closing. It is under
// the machine's mu.
//
// A pause counts from when the latest probe began. It is as long as failures of late took, or as
// the oldest probe has been under way, if that is longer: what does not come back is taken for a
// failure that takes at least as long. So at a dependency that hangs the pauses double by
// themselves, up to OpenFor.
type series struct {
	numbers  *numbers
	cost     cost
	latest   mono.Time // when the latest probe began, or the breaker opened
	until    mono.Time // when the next one may
	underway []*probe  // the oldest first; none has had its ProbeTimeout, as of the last expire
	recent   []probed  // the latest outcomes, HalfOpenProbes at the most
	row      uint64    // failures in a row

	good, lost uint64 // all outcomes: successes that were not slow, and the others
}

// probed is what came of a probe.
type probed struct {
	outcome outcome
	slow    bool
}

// newSeries returns the series of a breaker that opened at a moment, after failures of that cost.
func newSeries(n *numbers, c cost, at mono.Time) *series {
	s := &series{numbers: n, cost: c, latest: at}
	s.wait(at)
	return s
}

// wait chooses when the next probe may begin.
func (s *series) wait(now mono.Time) {
	took := s.cost.mean
	if len(s.underway) > 0 {
		took = max(took, time.Duration(now-s.underway[0].since))
	}
	s.until = s.latest + mono.Time(s.numbers.pause(took))
}

// pause returns how long to wait after failures that took so long: at least minOpenFor, at most
// openFor. A part of that is chance, up to a quarter of the rest: what many breakers saw at one
// moment, they shall not ask about at one moment.
func (n *numbers) pause(took time.Duration) time.Duration {
	least := n.leastPause(took)
	spread := min(least/4, n.openFor-least)
	return min(least+time.Duration(chance.Uint64N(uint64(spread)+1)), forever)
}

// leastPause is pause without the part that is chance.
func (n *numbers) leastPause(took time.Duration) time.Duration {
	return max(n.minOpenFor, min(took, n.openFor-n.openFor/5))
}

// begin lets a probe pass.
func (s *series) begin(now mono.Time) *probe {
	p := &probe{series: s, since: now}
	s.expire(now)
	s.latest = now
	s.wait(now)
	s.underway = append(s.underway, p)
	return p
}

// has reports whether p is under way.
func (s *series) has(p *probe) bool {
	for _, other := range s.underway {
		if other == p {
			return true
		}
	}
	return false
}

// expire makes failures of the probes that have had their ProbeTimeout. Nothing else follows from
// it before the next probe begins or ends, or the numbers change, so it can wait until then.
func (s *series) expire(now mono.Time) {
	timeout := mono.Time(s.numbers.probeTimeout)
	for timeout > 0 && len(s.underway) > 0 && now-s.underway[0].since >= timeout {
		s.underway = s.underway[1:]
		s.count(failure, s.numbers.isSlow(s.numbers.probeTimeout), s.numbers.probeTimeout)
	}
}

// end takes note of what came of a probe, and reports whether the breaker closes. A probe that has
// had its ProbeTimeout changes nothing any more.
func (s *series) end(p *probe, o outcome, slow bool, now mono.Time) (closes bool) {
	s.expire(now)
	if !s.has(p) {
		return false
	}
	s.remove(p)
	took := time.Duration(now - p.since)
	switch {
	case o == excluded:
		if s.cost.atLeast(took, s.numbers.openFor) {
			s.wait(now)
		}
	case o == success && !slow:
		s.count(o, slow, took)
		s.until = min(s.until, now+mono.Time(s.numbers.pause(0)))
		return s.enough()
	default:
		s.count(o, slow, took)
		s.wait(now)
	}
	return false
}

func (s *series) remove(p *probe) {
	for i, other := range s.underway {
		if other == p {
			s.underway = append(s.underway[:i], s.underway[i+1:]...)
			return
		}
	}
}

// count takes note of an outcome.
func (s *series) count(o outcome, slow bool, took time.Duration) {
	if o == success {
		s.row = 0
	} else {
		s.row++
	}
	if o == success && !slow {
		s.good++
	} else {
		s.lost++
	}
	if o != success || slow {
		s.cost.add(took, s.numbers.openFor)
	}
	s.recent = append(s.recent, probed{o, slow})
	if len(s.recent) > s.numbers.halfOpenProbes {
		s.recent = s.recent[1:]
	}
}

// sum returns the latest outcomes, and how many of them are successes that were not slow.
func (s *series) sum() (t tally, good int) {
	for _, p := range s.recent {
		t.count(p.outcome, p.slow)
		if p.outcome == success && !p.slow {
			good++
		}
	}
	return t, good
}

// enough reports whether the latest outcomes close the breaker, by the rules of a round. Those that
// are missing count as failures.
func (s *series) enough() bool {
	n := s.numbers
	t, good := s.sum()
	probes := uint64(n.halfOpenProbes)
	missing := probes - t.requests()
	switch {
	case n.minSuccesses > 0:
		return good >= n.minSuccesses
	case n.failureRatio == 0 || n.consecutiveFailures == 1:
		if t.failures+missing > 0 {
			return false
		}
	case share(t.failures+missing, probes, n.failureRatio):
		return false
	}
	return n.slowCallDuration == 0 || !share(t.slow+missing, probes, n.slowCallRatio)
}

// counts returns the latest outcomes.
func (s *series) counts(now mono.Time) Counts {
	s.expire(now)
	t, _ := s.sum()
	return t.counts(s.row)
}
