package retry

import (
	"context"
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
)

// pause returns how long to pause before the next attempt, and false if the deadline leaves no
// time for it.
//
// Without a hint the pause is the jittered backoff. With a hint (a retry-after) it is
//
//	hint + U[0, max(the jittered backoff, hint/2))
//
// since many callers were told the same hint at the same moment. The hint is the least pause.
// Where it fits the deadline and the spread does not, the spread is cut to what is left, so
// that the callers are still spread over it. NoJitter spreads nothing: the longer of backoff
// and hint.
func (l *loop) pause(ctx context.Context, hint time.Duration) (delay time.Duration, fits bool) {
	delay = l.backoff(max(0, l.turns()-1), l.prev)
	least, spread := delay, time.Duration(0)
	if hint > 0 {
		least, spread = hint, max(delay, hint/2)
		if l.config.Jitter == NoJitter {
			least, spread = max(delay, hint), 0
		}
	}
	left := time.Duration(math.MaxInt64)
	if deadline, ok := ctx.Deadline(); ok {
		left = max(0, time.Until(deadline)) - l.config.MinAttempt
		if least >= left {
			return 0, false
		}
	}
	return least + below(min(spread, left-least)), true
}

// backoff returns the jittered backoff before the given retry (from 0).
func (p *Policy) backoff(retry int, prev time.Duration) time.Duration {
	s := Step{
		Retry: retry, Base: p.config.BaseDelay, Max: p.config.MaxDelay, Multiplier: p.config.Multiplier, Prev: prev,
	}
	if s.Max < 0 {
		s.Max = math.MaxInt64
	}
	if p.learner != nil {
		s.Base = stretched(s.Base, p.learner.stretch(), s.Max)
	}
	s.Delay = min(max(0, p.config.Backoff.Backoff(s)), s.Max)
	return max(0, p.config.Jitter.Jitter(s))
}

// below returns U[0, d), and 0 if d is not above 0.
func below(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(chance.Uint64N(uint64(d)))
}
