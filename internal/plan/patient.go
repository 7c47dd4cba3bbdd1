package plan

import (
	"time"

	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// WaitsForRefused reports whether calls wait for what is refused to them for now: the loop is
// Patient, it has a retry to give for the wait, and the budget or a stage inside may refuse. A
// guard inside is unknown: it may.
func (p Plan) WaitsForRefused() bool {
	return p.Retry != nil && p.Retry.Patient && p.Retries() && (p.Limited() || p.refusedInside)
}

// LongestCall returns the longest time that a call may take, Forever without a limit. A loop that
// waits for what is refused to it may pause longer than Worst says: as long as a refusal asks for.
// And an attempt that is not refused may wait for its place before it takes all its time. If that
// is more than the deadline, a call may take until the deadline, since not every refusal asks for
// the most.
func (p Plan) LongestCall() time.Duration {
	if !p.WaitsForRefused() {
		w := p.Worst()
		if w.More && w.Runs == len(w.Attempts) { // there are more attempts than are listed
			return orForever(p.Deadline)
		}
		return w.End
	}
	takes, attempts := orForever(p.AttemptDeadline), p.Attempts()
	for _, w := range p.Waits {
		if w.PerAttempt {
			takes = plus(takes, w.Most)
		}
	}
	if attempts == Unlimited || attempts > mostListed {
		return orForever(p.Deadline)
	}
	hint, longest := p.longestHint(), takes
	for n := range attempts - 1 {
		longest = plus(longest, plus(max(p.bounds(n).Longest, hint), takes))
	}
	return min(longest, orForever(p.Deadline))
}

func orForever(limit time.Duration) time.Duration {
	if limit <= 0 {
		return Forever
	}
	return limit
}

// longestHint returns the longest pause that a stage inside the loop asks for with a refusal,
// spread included: an open breaker says when it probes, a rate limit when there is a token.
func (p Plan) longestHint() time.Duration {
	hint := time.Duration(0)
	for _, b := range p.Breakers {
		if !b.PerCall {
			hint = max(hint, b.LongestOpen())
		}
	}
	for _, l := range Each[ratelimit.Config](p) {
		if !l.PerCall && l.Config.Rate > 0 {
			return Forever // as far off as the line before it is long
		}
	}
	if p.Retry.Jitter == retry.Jitter(retry.NoJitter) {
		return hint
	}
	return plus(hint, hint/2) // see retry.Config.MaxRetryAfter
}

// LongestOpen returns the longest time that the breaker stays open before it probes, its spread
// included. A breaker that follows its failures (MinOpenFor) stays open for OpenFor at the most.
func (b Breaker) LongestOpen() time.Duration {
	if b.MinOpenFor > 0 {
		return b.OpenFor
	}
	return plus(b.MaxOpenFor, b.MaxOpenFor/4)
}
