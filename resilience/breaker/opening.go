package breaker

import (
	"fmt"

	"github.com/media-gateway/holdfast/resilience"
)

// opening is why a breaker opened: which of its settings did it, and by which numbers. It is built
// once per opening, and put into words only when somebody reads it.
type opening struct {
	tripped
	first *opening // since which no round of probes closed it; nil if this is the first
}

// tripped is what made a breaker open, or a round of probes fail.
type tripped struct {
	by           rule
	count        uint64 // that failed, or were slow, or (byTooFew) either; if byTimeout, that came back
	of           uint64 // outcomes in the window, or probes of a round; not set if byRow
	unclassified uint64 // of count
	example      error  // one of those; if byFleet, the fleet's reason

	numbers *numbers // by which a window decided; nil if it was none
}

// rule is a setting that opens breakers.
type rule uint8

const (
	byRow     rule = iota // ConsecutiveFailures
	byRatio               // FailureRatio
	bySlow                // SlowCallRatio
	byFailure             // a single one, of a probe
	byTimeout             // ProbeTimeout
	byTooFew              // MinSuccesses, of probes
	byFleet               // the advice of a fleet
)

// Error returns "10 failures in a row (ConsecutiveFailures is 10)",
// "17 of 20 outcomes in 10s failed (85%; FailureRatio is 50%)",
// "16 of 20 calls in 10s took longer than 2s (80%; SlowCallRatio is 80%)", or
// "a probe failed; it first opened after 10 failures in a row (ConsecutiveFailures is 10)".
func (o *opening) Error() string {
	if o.first != nil {
		return fmt.Sprintf("%s; it first opened after %v", o.round(), o.first)
	}
	n := o.numbers
	switch o.by {
	case byRatio:
		return fmt.Sprintf("%d of %d outcomes in %v failed%s (%.3g%%; FailureRatio is %.3g%%)",
			o.count, o.of, n.turns.span(), o.unknown(), o.percent(), 100*n.failureRatio)
	case bySlow:
		return fmt.Sprintf("%d of %d calls in %v took longer than %v (%.3g%%; SlowCallRatio is %.3g%%)",
			o.count, o.of, n.turns.span(), n.slowCallDuration, o.percent(), 100*n.slowCallRatio)
	case byFleet:
		return o.example.Error()
	case byRow, byFailure, byTimeout, byTooFew:
	}
	if o.count == 1 {
		return fmt.Sprintf("1 failure%s (ConsecutiveFailures is %d)", o.unknown(), n.consecutiveFailures)
	}
	return fmt.Sprintf("%d failures in a row%s (ConsecutiveFailures is %d)", o.count, o.unknown(), n.consecutiveFailures)
}

// round says why a round of probes failed.
func (o *opening) round() string {
	n := o.numbers
	switch o.by {
	case byTimeout:
		if o.count == 0 {
			return fmt.Sprintf("no probe came back within %v", n.probeTimeout)
		}
		return fmt.Sprintf("a probe had no outcome within %v", n.probeTimeout)
	case byRow:
		return fmt.Sprintf("%d probes in a row failed%s (ConsecutiveFailures is %d)", o.count, o.unknown(), n.consecutiveFailures)
	case byRatio:
		if o.count > 1 {
			return fmt.Sprintf("%d of %d probes failed%s (FailureRatio is %.3g%%)", o.count, o.of, o.unknown(), 100*n.failureRatio)
		}
	case bySlow:
		return fmt.Sprintf("%d of %d probes took longer than %v (SlowCallRatio is %.3g%%)", o.count, o.of, n.slowCallDuration, 100*n.slowCallRatio)
	case byTooFew:
		failed := "failed"
		if n.slowCallDuration > 0 {
			failed = fmt.Sprintf("failed or took longer than %v", n.slowCallDuration)
		}
		return fmt.Sprintf("%d of %d probes %s%s (MinSuccesses is %d)", o.count, o.of, failed, o.unknown(), n.minSuccesses)
	case byFailure, byFleet:
	}
	return "a probe failed" + o.unknown()
}

// unknown names the failures that nobody has classified: they may be the callers' own mistakes.
func (o *opening) unknown() string {
	if o.unclassified == 0 {
		return ""
	}
	return fmt.Sprintf(", %d unclassified: %s", o.unclassified, resilience.DescribeError(o.example))
}

func (o *opening) percent() float64 { return 100 * float64(o.count) / float64(o.of) }

// origin returns the opening since which no round of probes closed the breaker.
func (o *opening) origin() *opening {
	if o != nil && o.first != nil {
		return o.first
	}
	return o
}
