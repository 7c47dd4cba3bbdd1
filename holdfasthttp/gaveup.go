package holdfasthttp

import (
	"net/http"
	"strings"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// GaveUpHeader is a response header that tells the client not to retry, since a retry loop of the
// server has already given up. Otherwise three layers with three retries each would call the last
// server 64 times. Its value is the reason, as printed by resilience.Reason. [WriteError] sends it.
// A Transport that receives it ends its own retry loop.
const GaveUpHeader = "Holdfast-Gave-Up"

// gaveUpBy returns why the server's own retries gave up, ReasonNone if the header is not set.
func gaveUpBy(h http.Header) resilience.Reason {
	return adapter.GaveUpReason(strings.TrimSpace(h.Get(GaveUpHeader)))
}

// gaveUpError is the Why of a failure which the server's own retries could not repair.
type gaveUpError resilience.Reason

func (e gaveUpError) Error() string {
	return "the server's own retries gave up: " + resilience.Reason(e).String()
}

// gaveUp returns why the client should not retry after err: a retry loop gave up, or err must not
// be retried or is Permanent. It returns ReasonNone if a retry may help.
func gaveUp(err error) resilience.Reason {
	if r := adapter.GaveUp(err); r != resilience.ReasonNone || resilience.Classify(err) != resilience.Permanent {
		return r
	}
	if r := resilience.ReasonOf(err); r != resilience.ReasonCanceled {
		return r
	}
	return resilience.ReasonNone
}
