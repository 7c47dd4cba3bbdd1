package breaker

import (
	"fmt"

	"github.com/sony/gobreaker/v2"
)

// opening is why a breaker opened: which of its settings did it, and by which numbers. It is built once per opening, and
// put into words only when somebody reads it.
type opening struct {
	tripped
	config *Config
	first  *opening // since which no probe closed it; nil if this is the first
	hung   bool     // no result of a probe came; else, beside first, one failed
}

// tripped is what made a closed breaker open, as gobreaker counted it.
type tripped struct {
	failures uint32 // in a row, or of the outcomes in the window
	outcomes uint32 // 0 if ConsecutiveFailures did it
}

// Error returns "10 failures in a row (ConsecutiveFailures is 10)",
// "17 of 20 outcomes in 10s failed (85%; FailureRatio is 50%)", or
// "a probe failed; it first opened after 10 failures in a row (ConsecutiveFailures is 10)".
func (o *opening) Error() string {
	switch {
	case o.first != nil && o.hung:
		return fmt.Sprintf("no probe came back within %v; it first opened after %v", o.config.ProbeTimeout, o.first)
	case o.first != nil:
		return fmt.Sprintf("a probe failed; it first opened after %v", o.first)
	case o.outcomes == 0 && o.failures == 1:
		return "1 failure (ConsecutiveFailures is 1)"
	case o.outcomes == 0:
		return fmt.Sprintf("%d failures in a row (ConsecutiveFailures is %d)", o.failures, o.config.ConsecutiveFailures)
	}
	return fmt.Sprintf("%d of %d outcomes in %v failed (%.3g%%; FailureRatio is %.3g%%)",
		o.failures, o.outcomes, o.config.Window, 100*float64(o.failures)/float64(o.outcomes), 100*o.config.FailureRatio)
}

// origin returns the opening since which no probe closed the breaker.
func (o *opening) origin() *opening {
	if o != nil && o.first != nil {
		return o.first
	}
	return o
}

// trips decides over what is known: requests in flight are no outcomes yet.
func (c *Config) trips(counts gobreaker.Counts, inARow uint32) (by tripped, opens bool) {
	if c.ConsecutiveFailures > 0 && int64(inARow) >= int64(c.ConsecutiveFailures) {
		return tripped{failures: inARow}, true
	}
	outcomes := int(counts.TotalSuccesses) + int(counts.TotalFailures)
	if c.FailureRatio > 0 && outcomes >= c.MinRequests && float64(counts.TotalFailures) >= c.FailureRatio*float64(outcomes) {
		return tripped{counts.TotalFailures, uint32(outcomes)}, true
	}
	return tripped{}, false
}
