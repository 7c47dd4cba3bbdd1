package adapter

import (
	"errors"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// GaveUp returns the reason that a server sends to its client if the client should not retry a call
// that failed with err. That is so if a retry loop of the server already retried without success,
// or if the call must not be repeated. Otherwise three layers with three retries each would call
// the last server 64 times. It returns ReasonNone if another attempt may help. The reason is sent
// as [resilience.Reason.String]; [GaveUpReason] parses it.
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

// isRepeatable reports whether an adapter says that the call may be repeated although its outcome
// is unknown. Such a call may be final for another reason: the server behind gave up, and said why.
// That reason is the true one.
func isRepeatable(err error) bool {
	c, ok := foreign.As[*resilience.CallError](err)
	return ok && c != nil && c.Repeatable
}

// GaveUpReason parses the reason that a server sent. It returns ReasonNone for "", and
// ReasonExhausted for an unknown reason, which a server of another version may send.
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
