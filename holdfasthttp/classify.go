package holdfasthttp

import (
	"context"
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for the errors of an http.Client or a RoundTripper. It
// asks, in this order:
//
//  1. a verdict that the error carries, as a [StatusError] and a [ProxyError] do, and
//     context.Canceled: see [resilience.Classify];
//  2. the list of the caller's faults in docs/http.md: Permanent;
//  3. HTTP/2's ENHANCE_YOUR_CALM: Overload;
//  4. [resilience.Classify]. An error that it does not know is Unclassified.
//
// A Transport does not need it. It knows the request and the connection too, and classifies an
// error of its base that is in no list as Transient. Classify is safe for concurrent use.
func Classify(err error) resilience.Verdict {
	switch {
	case err == nil, resilience.Explains(err), errors.Is(err, context.Canceled):
		return resilience.Classify(err)
	case (&failure{}).isCallers(err):
		return resilience.Permanent
	case asksForCalm(err):
		return resilience.Overload
	}
	return resilience.Classify(err)
}

// Unsent reports whether err, of an http.Client or a RoundTripper, proves that the server has not
// processed the request: there was no connection for it, or the server said so by HTTP/2, by
// REFUSED_STREAM or by a GOAWAY that excludes the request. connected says that the request had a
// connection, as httptrace tells: then only the server's word counts, since a failed dial was for a
// repeat. It is for adapters of protocols on top of HTTP. A Transport does not need it. What is not
// known is not proven.
func Unsent(err error, connected bool) bool {
	if connected {
		return refusedByServer(err)
	}
	return (&failure{}).unsent(err)
}
