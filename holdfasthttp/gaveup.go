package holdfasthttp

import (
	"net/http"
	"strings"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// GaveUpHeader is the header of a failure that should not be tried again by whoever gets it, since
// a retry loop further in has done so already and gave up: three layers with three retries each
// would otherwise ask the last server 64 times. Its value is the reason, as resilience.Reason
// prints it. WriteError sends it, and a Transport ends its own loop when it reads it.
const GaveUpHeader = "Holdfast-Gave-Up"

// gaveUpBy returns why the server's own retries have ended, ReasonNone if it does not say that they
// have.
func gaveUpBy(h http.Header) resilience.Reason {
	return adapter.GaveUpReason(strings.TrimSpace(h.Get(GaveUpHeader)))
}

// gaveUpError is the Why of a failure that a server further in has tried to mend in vain.
type gaveUpError resilience.Reason

func (e gaveUpError) Error() string {
	return "the server's own retries gave up: " + resilience.Reason(e).String()
}

// gaveUp returns why whoever reads err should not try again, ReasonNone if that may help: a loop
// gave up, or err says that the call must not be, or is not worth to be, repeated.
func gaveUp(err error) resilience.Reason {
	if r := adapter.GaveUp(err); r != resilience.ReasonNone || resilience.Classify(err) != resilience.Permanent {
		return r
	}
	if r := resilience.ReasonOf(err); r != resilience.ReasonCanceled {
		return r
	}
	return resilience.ReasonNone
}
