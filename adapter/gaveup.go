package adapter

import (
	"errors"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// GaveUp returns why a server should tell its client not to try again a call that failed with err:
// a retry loop has done so in vain, or must not. Three layers with three retries each would
// otherwise ask the last server 64 times. It is ReasonNone if another try may help. The reason goes
// over the wire as [resilience.Reason.String]; [GaveUpReason] reads it.
func GaveUp(err error) resilience.Reason {
	if errors.Is(err, resilience.ErrOutcomeUnknown) && !isRepeatable(err) {
		return resilience.ReasonOutcomeUnknown
	}
	e, ok := foreign.As[*retry.Error](err)
	if looped := ok && e != nil && e.Attempts > 0; !looped && !resilience.NoRetry(err) {
		return resilience.ReasonNone
	}
	if r := resilience.ReasonOf(err); r != resilience.ReasonCanceled {
		return r
	}
	return resilience.ReasonNone
}

// isRepeatable reports whether an adapter says that the call may be made again although its outcome
// is unknown.
func isRepeatable(err error) bool {
	c, ok := foreign.As[*resilience.CallError](err)
	return ok && c != nil && c.Repeatable && !resilience.NoRetry(err)
}

// GaveUpReason returns the reason that a server sent, ReasonNone for "". One that is not known is
// that of another version: ReasonExhausted.
func GaveUpReason(sent string) resilience.Reason {
	if sent == "" {
		return resilience.ReasonNone
	}
	for r := resilience.ReasonNone + 1; r < resilience.NumReasons; r++ {
		if r.String() == sent {
			return r
		}
	}
	return resilience.ReasonExhausted
}
