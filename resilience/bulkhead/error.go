package bulkhead

import (
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrFull is what every refusal of a bulkhead is, by errors.Is.
var ErrFull = errors.New("bulkhead is full")

// FullError is a bulkhead's refusal. It is ErrFull by errors.Is. A bulkhead builds its refusals
// once, when it is made; those of an adaptive limit once for each value of the limit. A call that
// began before an update gets one of its own, if the numbers in it differ.
type FullError struct {
	MaxConcurrent int           // 0: there is no limit but the adaptive one
	MaxWait       time.Duration // that was waited in vain; 0 for none
	Queued        int           // how many waited already, where no more may; else 0

	// Limit is the adaptive limit that was reached; 0: it was MaxConcurrent. Why is why it was cut
	// last, else nil.
	Limit int
	Why   error

	cut mono.Time // when
}

// Error returns "bulkhead is full: 64 calls in flight", with the wait if there was one, and with
// how many wait if no more may. If it was the adaptive limit, that is "bulkhead is full: limit 12,
// cut 800ms ago after 5 slow failures in a row".
func (e *FullError) Error() string {
	if e == nil {
		return "a nil *bulkhead.FullError"
	}
	s := fmt.Sprintf("%v: %s in flight", ErrFull, plural(e.MaxConcurrent, "call", "calls"))
	if e.Limit > 0 {
		s = fmt.Sprintf("%v: limit %d", ErrFull, e.Limit)
		if e.Why != nil {
			s += fmt.Sprintf(", cut %v ago after %v", mono.Since(e.cut).Round(time.Millisecond), e.Why)
		}
	}
	if e.Queued > 0 {
		s += fmt.Sprintf(", and %s (QueueLimit)", plural(e.Queued, "more waits", "more wait"))
	}
	if e.MaxWait > 0 {
		s += fmt.Sprintf(", and none ended within %v", e.MaxWait)
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Is reports whether target is ErrFull.
func (e *FullError) Is(target error) bool { return e != nil && target == ErrFull } //nolint:errorlint // Is compares, by contract

// Verdict returns Rejected.
func (e *FullError) Verdict() resilience.Verdict {
	if e == nil {
		return resilience.Unclassified
	}
	return resilience.Rejected
}

// StopReason returns ReasonBulkheadFull.
func (e *FullError) StopReason() resilience.Reason {
	if e == nil {
		return resilience.ReasonUnclassified
	}
	return resilience.ReasonBulkheadFull
}

// refuse counts a refusal after which nobody waited longer than the Config allows, and returns its
// error.
func (b *Bulkhead) refuse() *FullError {
	b.state().rejected.Add(1)
	plain := b.refusal()
	l := b.binding()
	if l == nil {
		return plain
	}
	l.binds(mono.Now())
	e := l.refusal.Load()
	if limit := l.whole(); e == nil || e.Limit != limit || e.MaxWait != plain.MaxWait || e.MaxConcurrent != plain.MaxConcurrent {
		e = b.limited(l, *plain)
		l.refusal.Store(e)
	}
	return e
}

// refusal returns the refusal of the settings in force, but with the wait of b's own: a call that
// began before an update has waited as long as they said.
func (b *Bulkhead) refusal() *FullError {
	plain := b.shared.settings.Load().refusal
	if plain.MaxWait == b.settings.MaxWait {
		return plain
	}
	own := *plain
	own.MaxWait = b.settings.MaxWait
	return &own
}

// refuseQueue counts the refusal of one that found the queue full, and returns its error. waiting
// is how many waited then. That is more than the QueueLimit if an update has lowered it.
func (b *Bulkhead) refuseQueue(waiting int) *FullError {
	b.state().rejected.Add(1)
	e := b.shared.settings.Load().queueFull
	if e.Queued != waiting {
		more := *e
		more.Queued = waiting
		e = &more
	}
	if l := b.binding(); l != nil {
		l.binds(mono.Now())
		return b.limited(l, *e)
	}
	return e
}

// binding returns the adaptive limit if that is what keeps calls out, and not MaxConcurrent.
func (b *Bulkhead) binding() *limiter {
	s := b.shared.Load()
	l := s.limits()
	if l == nil || int64(l.whole()) >= s.most.Load() {
		return nil
	}
	return l
}

// limited returns a refusal for the limit in force.
func (b *Bulkhead) limited(l *limiter, e FullError) *FullError {
	e.Limit, e.Why, e.cut = l.whole(), l.why.Load(), mono.Time(l.cut.Load())
	return &e
}
